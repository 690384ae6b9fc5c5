"""A measurement of three or more models that a run's report can show: with this base, this run and this data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from faqtune.commands.figures.general import general_path, read_about
from faqtune.commands.figures.scorecards import Evaluated, read_scorecards, scorecard_paths
from faqtune.records import TEST
from faqtune.report import Models
from faqtune.scorecard import Comparison, Scorecard
from faqtune.workspace import Workspace

NAME = re.compile(rf"{TEST}-(\d+)-models-comparisons\.json")


@dataclass(frozen=True, slots=True)
class SideBySide:
    """`path`: the file of the differences, beside which the scorecards lie."""

    models: Models
    path: Path


def side_by_side(workspace: Workspace, comparison: Comparison) -> SideBySide | None:
    """The one with most models of those whose first is the base of `comparison`, among whose others is its run, and
    which was measured on the same data with both models as they are in `comparison`; None where there is none."""
    folder = scorecard_paths(workspace, None, TEST, models=3)[0].parent
    counts = [int(found[1]) for path in folder.glob("*.json") if (found := NAME.fullmatch(path.name))]
    for count in sorted(counts, reverse=True):
        paths = scorecard_paths(workspace, None, TEST, models=count)
        if not all(path.exists() for path in paths):
            continue
        evaluated = read_scorecards(paths)
        if _is_about(evaluated, comparison):
            cards = evaluated.scorecards
            names, digests = [card.model for card in cards], [card.model_digest for card in cards]
            kept = read_about(general_path(paths), names, digests)
            return SideBySide(Models(evaluated.comparisons, kept), paths[-1])
    return None


def _is_about(evaluated: Evaluated, comparison: Comparison) -> bool:
    first, *others = evaluated.scorecards
    return _is_same(first, comparison.before) and any(_is_same(card, comparison.after) for card in others)


def _is_same(card: Scorecard, other: Scorecard) -> bool:
    return (card.model, card.model_digest, card.digest) == (other.model, other.model_digest, other.digest)
