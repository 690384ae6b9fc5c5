"""Which weights are kept: those with the best figure on the selection part that do not lose on another one."""

from __future__ import annotations

import math
from collections.abc import Mapping

from faqtune.errors import UserError
from faqtune.recipe import Selection
from faqtune.train.checkpoints import Progress

LOWER_IS_BETTER = frozenset({"fpr95", "noise_similarity"})


def note_if_best(figures: Mapping[str, float], selection: Selection, progress: Progress, *, at_start: bool) -> bool:
    """Whether the weights just measured are the best so far; `progress` remembers it, and how often they were not.

    The base model, measured `at_start`, is the best until another one is better by `selection.metric`
    (or as much, and more of `selection.guard`: on a few hundred queries ties are common) and has not
    lost more than the tolerance of the guard. Raises UserError if the
    selection part gives one of the two no value.
    """
    value, guard = figure(figures, selection.metric), figure(figures, selection.guard)
    if at_start:
        progress.guard_at_start = guard
    elif guard < progress.guard_at_start - selection.guard_tolerance or _no_better(value, guard, progress):
        progress.without_better += 1
        return False
    progress.without_better = 0
    progress.best_value, progress.best_guard = value, guard
    progress.best_stage, progress.best_step = (0, 0) if at_start else (progress.stage, progress.step)
    return True


def _no_better(value: float, guard: float, progress: Progress) -> bool:
    return (value, guard) <= (progress.best_value, progress.best_guard)


def figure(figures: Mapping[str, float], name: str) -> float:
    """A figure to choose by, turned so that more is better. Raises UserError if it has no value."""
    value = figures.get(name, math.nan)
    if not math.isfinite(value):
        raise UserError(
            f"the selection part gives no {name}: too few labelled queries or noise sentences are in it",
            "add labels or noise, raise split.selection in faqtune.toml, or choose another selection.metric or guard",
        )
    return -value if name.partition("/")[0] in LOWER_IS_BETTER else value
