"""Risks as functions of the threshold, and what can be said of their true means from some independent units."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from faqtune.evaluate.outcomes import Outcomes

NOISE, WRONG, REJECTED = PROMISABLE = "noise", "wrong", "rejected"
"""What a promise is about: `noise` (of all kinds), `noise/chatter` and so on; `wrong`: answered questions whose
entry is not the right one; `rejected`: questions with an entry that are not answered."""

STEPS = 100
"""Thresholds at which wrong answers are tested, from the strictest to the loosest."""

AT_ONCE = 0.2
"""Part of the doubt that wrong answers are tested with at the loosest threshold, before the others and by itself: a
few wrong ones at the very top, by chance, end the sequence where all answers together leave no doubt. The rest is for
the sequence."""

START_TIMES = 3
"""The first test has so many times the answers that are needed if none is wrong: one wrong answer at the very top
would otherwise end the sequence before it has begun."""

Losses = NDArray[np.float64]
"""Mean loss of each unit, a conversation or a source: units are drawn independently, their rows are not."""


def p_value(losses: Losses, at_most: float, *, single: bool) -> float:
    """How likely losses so low are at least where their true mean is above `at_most`.

    Exact (binomial) where each unit is a `single` row, else the bound of Hoeffding and Bentkus (arXiv
    2101.02703, section 3.1). Which of the two must not depend on the losses seen. 1.0 without losses.
    """
    count, total = len(losses), float(losses.sum())
    if not count:
        return 1.0
    if single:
        return float(bdtr(round(total), count, at_most))
    hoeffding = math.exp(-count * _divergence(min(total / count, at_most), at_most))
    return min(1.0, hoeffding, math.e * float(bdtr(math.ceil(total), count, at_most)))


def upper_bound(losses: Losses, doubt: float, *, single: bool) -> float:
    """What the true mean is at most, but for a probability of `doubt`: the highest value that is not refuted."""
    low, high = (float(losses.mean()) if len(losses) else 1.0), 1.0
    if low >= 1:
        return 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if p_value(losses, middle, single=single) <= doubt else (middle, high)
    return high


class Risk:
    """One kind of loss as a function of the threshold, with a fixed margin that the best entry leads the second by."""

    def __init__(self, outcomes: Outcomes, what: str, margin_cosine: float = 0.0) -> None:
        self.what = what
        if what in (WRONG, REJECTED):
            self.scores, groups = outcomes.scores, [positive.group for positive in outcomes.data.positives]
            margins = outcomes.margins
        else:
            stratum = what.partition("/")[2]
            rows = outcomes.data.noise_rows[stratum] if stratum else outcomes.data.written_rows
            self.scores, groups = outcomes.noise_scores[rows], [outcomes.data.negatives[row].group for row in rows]
            margins = None if outcomes.noise_margins is None else outcomes.noise_margins[rows]
        self.leads = np.ones(len(self.scores), bool) if margins is None else margins >= margin_cosine
        # Rows without a group are units of their own.
        named = np.array([group or f"\0{row}" for row, group in enumerate(groups)])
        self.unit = np.unique(named, return_inverse=True)[1]
        self.wrong = outcomes.ranks != 1
        self.single = len(np.unique(self.unit)) == len(self.unit)

    def at(self, threshold: float) -> Losses:
        """Losses of the units at a threshold; of `wrong` only those of units in which something is answered."""
        answered = (self.scores >= threshold) & self.leads
        if self.what == WRONG:
            return _means(self.wrong[answered], self.unit[answered])
        return _means(~answered if self.what == REJECTED else answered, self.unit)

    def holds(self, threshold: float, share: float, doubt: float) -> bool:
        return p_value(self.at(threshold), share, single=self.single) <= doubt

    def lowest_threshold(self, share: float, doubt: float) -> float:
        """The lowest threshold that keeps a promise about noise; just above all of it if none does.

        The risk only falls as the threshold rises, so the first that keeps the promise can be searched for.
        """
        if self.holds(-1.0, share, doubt):
            return -1.0
        levels = np.nextafter(np.unique(self.scores), np.float32(np.inf), dtype=np.float32)
        place = bisect_left(levels, True, key=lambda level: self.holds(float(level), share, doubt))
        return float(levels[min(place, len(levels) - 1)])

    def kept_from(self, from_cosine: float, share: float, doubt: float) -> tuple[float, float]:
        """The threshold for a promise about wrong answers, and the part of `doubt` that it is shown with.

        `from_cosine` itself if that keeps the promise; else, going down to it from the strictest threshold, the last
        before the promise is first not kept. The two share the doubt (`AT_ONCE`), and the thresholds are chosen
        without looking at which answers are right. Where neither keeps the promise, `from_cosine` again.
        """
        at_once = AT_ONCE * doubt
        if self.holds(from_cosine, share, at_once):
            return from_cosine, at_once
        last = self._last_kept(from_cosine, share, doubt - at_once)
        return (from_cosine, at_once) if last is None else (last, doubt - at_once)

    def _last_kept(self, from_cosine: float, share: float, doubt: float) -> float | None:
        levels = np.unique(np.quantile(self.scores, np.linspace(0, 1, STEPS + 1), method="lower"))
        tested = [*(float(level) for level in levels[levels > from_cosine][::-1]), from_cosine]
        units = [len(self.at(level)) for level in tested]
        start = min(START_TIMES * needed_units(share, doubt), max(units))
        kept = None
        for level, there in zip(tested, units, strict=True):
            if there < start:
                continue
            if not self.holds(level, share, doubt):
                break
            kept = level
        return kept


def needed_units(at_most: float, doubt: float) -> int:
    """Units without a failure that are enough to promise `at_most`: (1 - at_most)^n <= doubt."""
    return math.ceil(math.log(doubt) / math.log1p(-at_most))


def _means(failed: NDArray[np.bool_], unit: NDArray[np.int64]) -> Losses:
    """Mean of each unit that has any row, in their order."""
    counts = np.bincount(unit)
    return np.bincount(unit, weights=failed)[counts > 0] / counts[counts > 0] if len(unit) else np.zeros(0)


def _divergence(a: float, b: float) -> float:
    """Kullback-Leibler divergence of two coins."""
    parts: Sequence[tuple[float, float]] = ((a, b), (1 - a, 1 - b))
    return sum(p * math.log(p / q) for p, q in parts if p > 0)
