"""Which weights are kept: those with the best figure on the selection part that do not lose on another one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from faqtune.errors import UserError
from faqtune.recipe import Selection
from faqtune.scorecard import is_better_lower

if TYPE_CHECKING:
    from faqtune.train.checkpoints import Progress

TIE_BREAK = "auroc"


def note_if_best(figures: Mapping[str, float], selection: Selection, progress: Progress, *, at_start: bool) -> bool:
    """Whether the weights just measured are the best so far; `progress` remembers it, and how often they were not.

    The base model, measured `at_start`, is the best until another one is better by `selection.metric`
    (or as much, and more of `selection.guard`: on a few hundred queries ties are common) and has not
    lost more than the tolerance of the guard. Where both are equal, as where a few queries are all answered right,
    tuned models are told apart by AUROC, which hardly ever ties: otherwise the earliest would win, which has learned
    least. Raises UserError if the selection part gives one of the two no value.
    """
    value, guard = figure(figures, selection.metric), figure(figures, selection.guard)
    tie_break = _finite(figures.get(TIE_BREAK, math.nan))
    is_better = at_start or (value, guard) > (progress.best_value, progress.best_guard)
    # Nothing but these two makes a tuned model better than the base model, or keeps a stage going.
    is_tuned = (progress.best_stage, progress.best_step) != (0, 0)
    wins_tie = (
        is_tuned
        and (value, guard) == (progress.best_value, progress.best_guard)
        and tie_break > progress.best_tie_break
    )
    if at_start:
        progress.guard_at_start, progress.figures_at_start = guard, dict(figures)
    is_guarded = guard >= progress.guard_at_start - selection.guard_tolerance
    progress.without_better = 0 if is_better and is_guarded else progress.without_better + 1
    if not (is_guarded and (is_better or wins_tie)):
        return False
    progress.best_value, progress.best_guard, progress.best_tie_break = value, guard, tie_break
    progress.figures_at_best = dict(figures)
    progress.best_stage, progress.best_step = (0, 0) if at_start else (progress.stage, progress.step)
    return True


def refuse_without_figure(figures: Mapping[str, float], selection: Selection) -> None:
    """Raises UserError where `figures`, those that the selection part gives of any model, lack what models are to be
    chosen by."""
    for name in (selection.metric, selection.guard):
        figure(figures, name)


def _finite(value: float) -> float:
    """The value; less than any where there is none."""
    return value if math.isfinite(value) else -math.inf


def figure(figures: Mapping[str, float], name: str) -> float:
    """A figure to choose by, turned so that more is better. Raises UserError if it has no value."""
    value = figures.get(name, math.nan)
    if not math.isfinite(value):
        raise UserError(
            f"the selection part gives no {name}: too few labelled queries or noise sentences are in it",
            "add labels or noise, raise split.selection in faqtune.toml, or choose another selection.metric or guard",
        )
    return -value if is_better_lower(name) else value
