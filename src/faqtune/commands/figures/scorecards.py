"""Scorecards kept in a project and read back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from faqtune.errors import UserError
from faqtune.report import Example, Examples
from faqtune.runs import Run
from faqtune.scorecard import Comparison, Difference, Record, Scorecard
from faqtune.stored import read_json, write_json, write_text
from faqtune.workspace import Workspace

Kept = TypeVar("Kept", bound=Record)


class Differences(Record):
    """What is kept of a comparison beside its scorecards: the model that `reference` is measured against."""

    reference: str
    model: str
    differences: dict[str, Difference]


class Several(Record):
    """The differences of three or more models, each to the first."""

    comparisons: list[Differences]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Scorecards in the order of the models; `comparisons` of the first with each of the others.

    `examples` are queries whose outcome the second model changed, where there were two. `skipped`: nothing had
    changed since this was measured. `confusions`: a table for the owner of the content, of the last model's confusions
    between entries, if it has any. `general`: what `save_general` wrote, figures and differences on everyday
    sentences. `mteb`: scores by model and task, where tasks were asked for.
    """

    scorecards: list[Scorecard]
    comparisons: list[Comparison]
    examples: Examples | None
    paths: list[Path]
    skipped: bool = False
    confusions: Path | None = None
    general: Mapping[str, Any] | None = None
    mteb: dict[str, dict[str, float]] | None = None

    @property
    def comparison(self) -> Comparison | None:
        """The comparison of two models; None where there are fewer, or more."""
        return self.comparisons[0] if len(self.comparisons) == 1 else None


def scorecard_paths(workspace: Workspace, run: Run | None, data: str, models: int) -> list[Path]:
    """Where the figures of models on some data are kept: with the run that they are about, if any."""
    folder = run.scorecards_path if run else workspace.root / "scorecards"
    if models > 2:
        numbered = (f"{models}-models-{number}" for number in range(1, models + 1))
        parts: tuple[str, ...] = (*numbered, f"{models}-models-comparisons")
    else:
        parts = ("before", "after", "comparison", "examples") if models == 2 else ("model",)
    return [folder / f"{data}-{part}.json" for part in parts]


def confusions_path(paths: list[Path]) -> Path:
    """The table that belongs to scorecards."""
    return paths[0].with_name(paths[0].stem.rpartition("-")[0] + "-confusions.csv")


def save_scorecards(
    paths: list[Path], cards: list[Scorecard], comparisons: list[Comparison], examples: Examples | None
) -> Evaluated:
    """Write everything to its `scorecard_paths`."""
    for path, card in zip(paths, cards, strict=False):
        write_text(path, card.model_dump_json(indent=1) + "\n")
    if len(comparisons) == 1:
        write_text(paths[2], comparisons[0].model_dump_json(indent=1) + "\n")
    elif comparisons:
        kept = [
            Differences(reference=each.before.model, model=each.after.model, differences=each.differences)
            for each in comparisons
        ]
        write_text(paths[-1], Several(comparisons=kept).model_dump_json(indent=1) + "\n")
    if examples is not None:
        write_json(paths[-1], examples)
    return Evaluated(cards, comparisons, examples, paths, confusions=_save_confusions(paths, cards[-1]))


def _save_confusions(paths: list[Path], card: Scorecard) -> Path | None:
    """A table that spreadsheets open: with a byte order mark, without which Excel takes UTF-8 for something else."""
    path = confusions_path(paths)
    if not card.confusions:
        path.unlink(missing_ok=True)
        return None
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow([f"{zh} {en}" for zh, en in CONFUSION_COLUMNS])
    for each in card.confusions:
        row = (
            "是 yes" if each.merge else "", each.a, each.question_a, each.b, each.question_b,
            each.asked_a, each.a_as_b, each.asked_b, each.b_as_a, f"{each.similarity:.3f}",
        )  # fmt: skip
        table.writerow([_inert(cell) for cell in row])
    write_text(path, "\ufeff" + text.getvalue())
    return path


def _inert(cell: object) -> object:
    """A text that a spreadsheet would take for a formula, as a text."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


CONFUSION_COLUMNS = (
    ("建议合并", "merge?"),
    ("条目甲", "entry a"),
    ("问题甲", "question a"),
    ("条目乙", "entry b"),
    ("问题乙", "question b"),
    ("问甲次数", "asked a"),
    ("甲误为乙", "a as b"),
    ("问乙次数", "asked b"),
    ("乙误为甲", "b as a"),
    ("问题相似度", "similarity"),
)


def read_scorecards(paths: list[Path]) -> Evaluated:
    """What `save_scorecards` wrote. Raises UserError for a file that is missing or damaged."""
    table = confusions_path(paths)
    confusions = table if table.exists() else None
    if len(paths) == 1:
        return Evaluated([_read(paths[0], Scorecard)], [], None, paths, confusions=confusions)
    if not paths[-1].stem.endswith("-examples"):
        cards = [_read(path, Scorecard) for path in paths[:-1]]
        kept = _read(paths[-1], Several).comparisons
        comparisons = [
            Comparison(before=cards[0], after=card, differences=each.differences)
            for card, each in zip(cards[1:], kept, strict=True)
        ]
        return Evaluated(cards, comparisons, None, paths, confusions=confusions)
    comparison = _read(paths[2], Comparison)
    data = read_json(paths[3], MADE_BY)
    examples = Examples(**{side: [Example(**example) for example in listed] for side, listed in data.items()})
    return Evaluated([comparison.before, comparison.after], [comparison], examples, paths, confusions=confusions)


MADE_BY = "faqtune evaluate"


def _read(path: Path, kind: type[Kept]) -> Kept:
    data = read_json(path, MADE_BY)
    try:
        return kind.model_validate_json(json.dumps(data))
    except ValueError as error:
        raise UserError(f"{path} is damaged, or of another version of faqtune", f"run `{MADE_BY} --force`") from error
