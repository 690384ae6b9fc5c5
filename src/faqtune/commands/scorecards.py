"""Scorecards kept in a project and read back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from faqtune.errors import UserError
from faqtune.report import Example, Examples
from faqtune.runs import Run
from faqtune.scorecard import Comparison, Record, Scorecard
from faqtune.workspace import Workspace, read_json, write_json, write_text

Kept = TypeVar("Kept", bound=Record)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Scorecards in the order of the models; `comparison` and `examples` where there were two.

    `examples` are queries whose outcome the second model changed. `skipped`: nothing had changed since
    this was measured.
    """

    scorecards: list[Scorecard]
    comparison: Comparison | None
    examples: Examples | None
    paths: list[Path]
    skipped: bool = False


def scorecard_paths(workspace: Workspace, run: Run | None, data: str, models: int) -> list[Path]:
    """Where the figures of one or two models on some data are kept: with the run that they are about, if any."""
    folder = run.scorecards_path if run else workspace.root / "scorecards"
    parts = ("before", "after", "comparison", "examples") if models == 2 else ("model",)
    return [folder / f"{data}-{part}.json" for part in parts]


def save_scorecards(
    paths: list[Path], cards: list[Scorecard], comparison: Comparison | None, examples: Examples | None
) -> Evaluated:
    """Write everything to its `scorecard_paths`."""
    for path, record in zip(paths, [*cards, comparison], strict=False):
        if record is not None:
            write_text(path, record.model_dump_json(indent=1) + "\n")
    if examples is not None:
        write_json(paths[-1], examples)
    return Evaluated(cards, comparison, examples, paths)


def read_scorecards(paths: list[Path]) -> Evaluated:
    """What `save_scorecards` wrote. Raises UserError for a file that is missing or damaged."""
    if len(paths) == 1:
        return Evaluated([_read(paths[0], Scorecard)], None, None, paths)
    comparison = _read(paths[2], Comparison)
    data = read_json(paths[3], MADE_BY)
    examples = Examples(**{side: [Example(**example) for example in listed] for side, listed in data.items()})
    return Evaluated([comparison.before, comparison.after], comparison, examples, paths)


MADE_BY = "faqtune evaluate"


def _read(path: Path, kind: type[Kept]) -> Kept:
    data = read_json(path, MADE_BY)
    try:
        return kind.model_validate_json(json.dumps(data))
    except ValueError as error:
        raise UserError(f"{path} is damaged, or of another version of faqtune", f"run `{MADE_BY} --force`") from error
