"""Output of `faqtune match`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from faqtune.commands.match import Match, load_matcher
from faqtune.console.output import emit, emit_json
from faqtune.console.reporter import ConsoleReporter
from faqtune.console.stdin import lines_as_they_come
from faqtune.errors import UserError
from faqtune.workspace import Workspace

MOST_CHARACTERS = 60


def run_match(
    project: Path,
    texts: list[str],
    model: str,
    top: int,
    threshold: float | None,
    *,
    with_index: bool = False,
    as_json: bool,
) -> None:
    if texts and not any(text.strip() for text in texts):
        raise UserError("the text is empty", "give what a customer typed")
    with ConsoleReporter() as reporter:
        matcher = load_matcher(
            Workspace(project), model=model, threshold_cosine=threshold, top=top, with_index=with_index,
            reporter=reporter,
        )  # fmt: skip
    for block in [texts] if texts else _asked():
        matches = iter(matcher.match(block))
        for text in block:
            if text.strip():
                found = next(matches)
                emit_json(found) if as_json else _show(found)
            elif as_json:
                # A program waits for one answer to each text.
                emit_json(Match(text, False, matcher.threshold_cosine, []))


def _asked() -> Iterator[list[str]]:
    if sys.stdin is None:
        return
    if sys.stdin.isatty():
        sys.stderr.write("Type what a customer would; an empty input (Ctrl-D) ends.\n")
    yield from lines_as_they_come(partial(os.read, sys.stdin.fileno()))


def _show(found: Match) -> None:
    verdict = _verdict(found)
    if found.probability is not None:
        verdict += f"; right with probability {found.probability:.0%}"
    emit(f"{_short(found.text)}  [{verdict}]")
    for place, hit in enumerate(found.hits, start=1):
        emit(f"  {place}. {hit.score:.4f}  {_short(hit.question)}  →  {_short(hit.answer)}")


def _verdict(found: Match) -> str:
    if found.answered is None or found.threshold_cosine is None:
        return "no threshold has been set for this model"
    if not found.answered and found.margin_cosine and found.hits[0].score >= found.threshold_cosine:
        return f"rejected: only {found.lead_cosine:.4f} ahead of the second, not {found.margin_cosine:g}"
    return f"{'answered' if found.answered else 'rejected'} at threshold {found.threshold_cosine:.4f}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"
