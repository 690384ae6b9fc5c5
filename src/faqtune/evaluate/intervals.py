"""Intervals and paired tests that resample whole conversations (and whole sources of noise).

Queries of one conversation resemble each other, so that resampling single queries would give
intervals that are too narrow. The percentile bootstrap is used: it needs no formula per metric
and keeps rates within 0 to 1. With few groups (below about 20) it too is too narrow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.evaluate.tallies import Counts, Figures
from faqtune.scorecard import Difference

RESAMPLES = 10_000

CHUNK_CELLS = 1_000_000
"""Cells of `Counts` held at once (8 MB), so that memory does not grow with the number of resamples."""

LEAST_CHUNK = 16
"""Resamples taken together at least; fewer would waste the time spent on sorting."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is resampled: `group_of_row` int64 (n,), groups numbered block by block; `block_sizes` in groups.

    Groups are drawn with replacement within their block, so that every resample has the mix of
    queries and noise that was measured.
    """

    group_of_row: NDArray[np.int64]
    block_sizes: tuple[int, ...]


def plan(groups: Sequence[str], kinds: Sequence[int]) -> Plan:
    """Group rows. A group with rows of several kinds is kept whole, in the block of its lowest kind.

    A row without a group ("") is a group of its own.

    >>> plan(["b", "a", "b", ""], [0, 0, 1, 1])
    Plan(group_of_row=array([0, 1, 0, 2]), block_sizes=(2, 1))
    """
    names = [group or f"\0{row}" for row, group in enumerate(groups)]
    block: dict[str, int] = {}
    for name, kind in zip(names, kinds, strict=True):
        block[name] = min(kind, block.get(name, kind))
    number = {name: row for row, name in enumerate(sorted(block, key=block.__getitem__))}
    sizes = Counter(block.values())
    return Plan(
        np.array([number[name] for name in names], dtype=np.int64), tuple(sizes[kind] for kind in sorted(sizes))
    )


def resample(design: Plan, resamples: int, seed: int) -> Iterator[Counts]:
    """Chunks of `Counts`, together `resamples` columns; the same for the same plan and seed."""
    rng = np.random.default_rng(seed)
    step = max(LEAST_CHUNK, CHUNK_CELLS // max(1, len(design.group_of_row)))
    for start in range(0, resamples, step):
        columns = min(step, resamples - start)
        drawn = [_drawn(size, columns, rng) for size in design.block_sizes]
        yield np.concatenate(drawn).astype(np.float64)[design.group_of_row]


def _drawn(groups: int, columns: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Multinomial counts int64 (groups, columns): each column draws `groups` times with replacement."""
    draws = rng.integers(0, groups, size=(groups, columns))
    draws *= columns
    draws += np.arange(columns)
    return np.bincount(draws.ravel(), minlength=groups * columns).reshape(groups, columns)


def bootstrap(
    statistic: Callable[[Counts], dict[str, Figures]], design: Plan, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Figures]:
    """Every figure of `statistic` in each resample: float64 (resamples,) per name."""
    chunks = [statistic(counts) for counts in resample(design, resamples, seed)]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def interval(figures: Figures) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile; resamples in which the figure is not defined (NaN) are left out.

    >>> interval(np.arange(1001.0))
    (25.0, 975.0)
    """
    low, high = np.nanpercentile(figures, (2.5, 97.5))
    return float(low), float(high)


def paired(value: float, before: Figures, after: Figures, *, p: float | None = None) -> Difference:
    """`value` = after - before with the percentile interval of the difference on the same resamples.

    Without `p` (from `sign_flip_p`, for means) it is the bootstrap's: twice the smaller share of
    resamples on one side of zero. Thresholds and areas are not sums over queries, and exchanging
    the cosines of two models whose scales differ would mean nothing, so that a flip cannot test them.
    """
    change = after - before
    low, high = interval(change)
    return Difference(value=value, low=low, high=high, p=_bootstrap_p(change) if p is None else p)


def _bootstrap_p(change: Figures) -> float:
    defined = change[~np.isnan(change)]
    fewer = min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0))
    return min(1.0, 2 * (fewer + 1) / (len(defined) + 1))


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for having looked at all of them: where one is at most 0.05, the chance that any of those that
    are and should not be is there at all is at most 5 %. Whatever hangs together among them. Holm 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=p.__getitem__)
    corrected, highest = [0.0] * len(p), 0.0
    for place, number in enumerate(order):
        highest = max(highest, min(1.0, p[number] * (len(p) - place)))
        corrected[number] = highest
    return corrected


def sign_flip_p(
    change: NDArray[np.float64], design: Plan, *, resamples: int = RESAMPLES, seed: int = 0
) -> NDArray[np.float64]:
    """Two-sided p of the paired sign-flip test, float64 (m,), for m differences that are sums over rows.

    `change` (n, m) is what each row adds to each difference. Were both models alike, the sign of
    a whole conversation's change would be chance; p is the share of random signs with a sum at
    least as far from zero, the observed signs included. Phipson & Smyth 2010.
    """
    sums = np.zeros((sum(design.block_sizes), change.shape[1]))
    np.add.at(sums, design.group_of_row, change)
    sums = sums[np.any(sums != 0, axis=1)]
    # Equal sums of reciprocal ranks may differ in the last bit by the order of adding.
    least = np.abs(sums.sum(axis=0)) - 1e-12
    rng = np.random.default_rng(seed)
    extreme = np.ones(change.shape[1])
    step = max(1, CHUNK_CELLS // max(1, len(sums)))
    for start in range(0, resamples, step):
        signs = rng.integers(0, 2, size=(min(step, resamples - start), len(sums))) * 2.0 - 1.0
        extreme += np.count_nonzero(np.abs(signs @ sums) >= least, axis=0)
    return extreme / (resamples + 1)
