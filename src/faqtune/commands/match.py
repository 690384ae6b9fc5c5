"""`faqtune match`: the entries nearest to a text, and whether it would be answered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from faqtune.commands.models import load_model
from faqtune.progress import Reporter, Silent
from faqtune.ranking import rank
from faqtune.runs import all_runs
from faqtune.workspace import Workspace

LINES_AT_ONCE = 64


@dataclass(frozen=True)
class Hit:
    """An entry with its score: the cosine of its best question."""

    id: str
    question: str
    answer: str
    score: float


@dataclass(frozen=True)
class Match:
    """What one text was matched with. `answered` is None where no threshold has been set for the model."""

    text: str
    answered: bool | None
    threshold_cosine: float | None
    hits: list[Hit]


def match_texts(
    workspace: Workspace,
    texts: Iterable[str],
    *,
    model: str = "",
    threshold_cosine: float | None = None,
    top: int = 5,
    reporter: Reporter | None = None,
) -> Iterator[Match]:
    """Match texts one after the other, as they come, with the newest run's model or any other.

    The whole catalogue takes part, held-out entries too. The threshold is the one calibrated for
    the run, unless given. Empty texts are passed over.
    """
    reporter = reporter or Silent()
    runs = [run for run in all_runs(workspace) if run.status == "done"]
    name = model or ("tuned" if runs else workspace.config().model.base)
    chosen = next((run for run in reversed(runs) if name in ("tuned", run.name)), None)
    catalogue = workspace.catalogue()
    encoder = load_model(workspace, name, reporter)
    if threshold_cosine is None and chosen is not None and chosen.thresholds_path.exists():
        threshold_cosine = json.loads(chosen.thresholds_path.read_text(encoding="utf-8"))["threshold_cosine"]
    questions = encoder.encode(catalogue.questions)
    for block in _blocks(texts):
        ranking = rank(encoder.encode(block), questions, catalogue.owners, k=top)
        for text, rows, scores in zip(block, ranking.rows, ranking.scores, strict=True):
            hits = [
                Hit(entry.id, entry.questions[0], entry.answer, round(float(score), 4))
                for entry, score in zip((catalogue.entries[row] for row in rows), scores, strict=True)
            ]
            answered = None if threshold_cosine is None else bool(scores[0] >= threshold_cosine)
            yield Match(text, answered, threshold_cosine, hits)


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for text in texts:
        if text.strip():
            block.append(text.strip())
        if len(block) == LINES_AT_ONCE:
            yield block
            block = []
    if block:
        yield block
