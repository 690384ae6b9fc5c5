"""The metrics of SPEC §4 as pure functions, each for many resamples at once.

A resample says how often each query counts: a column of `Counts`. The plain metric is the one
with every query counted once, so that a figure and its interval come from the same lines.
Counts are whole numbers in float64: their sums, and comparisons with a share of them, are exact.
Where a resample holds no query (or no noise) the metric is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
"""float64 (n, b): how often each of n rows counts in each of b resamples."""

Figures = NDArray[np.float64]
"""float64 (b,): one metric in each of b resamples."""


def once(rows: int) -> Counts:
    """Every row counted once: float64 (rows, 1)."""
    return np.ones((rows, 1))


def hits(ranks: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Whether the right entry is among the first `k`, 1.0 or 0.0; the mean is recall@k.

    `ranks` (n,) is the place of the right entry, 1 = first, 0 = not found at all.

    >>> hits(np.array([1, 3, 0]), 1).tolist()
    [1.0, 0.0, 0.0]
    """
    return ((ranks > 0) & (ranks <= k)).astype(np.float64)


def reciprocal_ranks(ranks: NDArray[np.int64], k: int = 10) -> NDArray[np.float64]:
    """1 / rank where the right entry is among the first `k`, else 0; the mean is MRR@k. `ranks` as in `hits`.

    >>> reciprocal_ranks(np.array([1, 4, 0, 11])).tolist()
    [1.0, 0.25, 0.0, 0.0]
    """
    return hits(ranks, k) / np.maximum(ranks, 1)


def mean(values: NDArray[np.float64], counts: Counts) -> Figures:
    """Mean of `values` (n,) over the rows of each resample."""
    return _ratio(values @ counts, counts.sum(axis=0))


def per_entry(entries: NDArray[np.int64], counts: Counts) -> Counts:
    """Counts under which every entry weighs the same: the mean under them is the macro average.

    `entries` (n,) is the entry of each row. An entry without a row in a resample weighs nothing there.

    >>> even = per_entry(np.array([0, 0, 0, 5]), once(4))
    >>> mean(np.array([1.0, 1.0, 1.0, 0.0]), even).round(9).tolist()
    [0.5]
    """
    order = np.argsort(entries, kind="stable")
    starts = np.flatnonzero(np.diff(entries[order], prepend=-1))
    _, row = np.unique(entries, return_inverse=True)
    totals = np.add.reduceat(counts[order], starts, axis=0)
    # A row of an entry that was not drawn has count 0 itself, whatever it is divided by.
    return counts / np.maximum(totals, 1)[row]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows reach each score, in b resamples. Rows with equal scores are one level.

    `scores` (l,): distinct scores, falling; `above` float64 (l + 1, b): `above[i]` counts the
    rows of the first i levels, so that `above[0]` is 0 and `above[l]` all.
    """

    scores: NDArray[np.float32]
    above: NDArray[np.float64]

    @property
    def total(self) -> Figures:
        total: Figures = self.above[-1]
        return total

    def levels_reaching(self, scores: NDArray[np.float32]) -> NDArray[np.int64]:
        """Number of levels at or above each of `scores`: an index into `above`."""
        return np.searchsorted(-self.scores, -scores, side="right")

    def levels_exceeding(self, scores: NDArray[np.float32]) -> NDArray[np.int64]:
        """Number of levels above each of `scores`: an index into `above`."""
        return np.searchsorted(-self.scores, -scores, side="left")


def tally(scores: NDArray[np.float32], counts: Counts) -> Tally:
    """Count rows by falling score. `scores` (n,) finite; `counts` (n, b)."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    starts = np.flatnonzero(np.diff(falling, prepend=np.float32(np.inf)))
    levels = counts[order]
    if len(starts) < len(order):
        levels = np.add.reduceat(levels, starts, axis=0)
    above = np.zeros((len(starts) + 1, counts.shape[1]))
    np.cumsum(levels, axis=0, out=above[1:])
    return Tally(falling[starts], above)


def auroc(queries: Tally, noise: Tally) -> Figures:
    """Chance that a query scores higher than a noise sentence; a tie counts one half.

    Equal to scikit-learn's `roc_auc_score` with in-distribution as the positive class.
    """
    higher = queries.above[queries.levels_exceeding(noise.scores)]
    reaching = queries.levels_reaching(noise.scores)
    higher = (higher + queries.above[reaching]) / 2
    return _ratio(np.einsum("lb,lb->b", higher, np.diff(noise.above, axis=0)), queries.total * noise.total)


def misordered(right: Tally, failing: Tally) -> Figures:
    """Number of pairs in which what fails scores higher than what is right; a tie counts one half."""
    higher = failing.above[failing.levels_exceeding(right.scores)]
    reaching = failing.above[failing.levels_reaching(right.scores)]
    pairs: Figures = np.einsum("lb,lb->b", (higher + reaching) / 2, np.diff(right.above, axis=0))
    return pairs


def augrc(right: Tally, wrong: Tally, noise: Tally | None = None) -> Figures:
    """Area under the generalised risk-coverage curve: chance that a text is answered and should not have been,
    averaged over all thresholds. Traub et al. 2024, arXiv 2407.01032, eq. 7.

    `right` and `wrong` tally the queries whose best entry is the right one, or another. With `noise`, half of the
    texts are noise, however many there are, and answering it is a failure too. Between levels of equal scores the
    curve is a straight line, so that the area is that of fd-shifts. From 0 to 0.5, lower is better.
    """
    queries = right.total + wrong.total
    pairs = _ratio(misordered(right, wrong), queries**2)
    failing = _ratio(wrong.total, queries)
    if noise is None:
        return pairs + failing**2 / 2
    among_noise = _ratio(misordered(right, noise), queries * noise.total)
    return (pairs + among_noise) / 4 + ((failing + 1) / 2) ** 2 / 2


def aupr(queries: Tally, noise: Tally) -> Figures:
    """Average precision of finding the noise by low scores: out-of-distribution is the positive class.

    Steps, not trapezia: equal to scikit-learn's `average_precision_score` on the negated scores.
    """
    noise_below = noise.total - noise.above[:-1]
    queries_below = queries.total - queries.above[queries.levels_exceeding(noise.scores)]
    caught = noise_below + queries_below
    precision = np.divide(noise_below, caught, out=np.zeros_like(caught), where=caught > 0)
    return _ratio(np.einsum("lb,lb->b", precision, np.diff(noise.above, axis=0)), noise.total)


def fpr95(queries: Tally, noise: Tally) -> Figures:
    """Share of noise accepted at the highest threshold that accepts at least 95 % of the queries."""
    if not len(queries.scores):
        return np.full(queries.total.shape, np.nan)
    threshold = queries.scores[first_level_accepting(queries, 95)]
    return _ratio(_at(noise, noise.levels_reaching(threshold)), np.where(queries.total > 0, noise.total, np.nan))


def oscr(queries: Tally, right: Tally, noise: Tally, percent: int) -> Figures:
    """OSCR@f: share of all queries answered *correctly* at the lowest threshold that lets at most f = `percent` % of
    the noise through.

    `right` tallies the queries whose best entry is the right one. Of n noise sentences at most
    floor(f n) may pass; equal scores pass together or not at all. A model that gives everything
    the same score therefore has OSCR 0: any threshold that stops noise stops all queries.
    Follows the open-set classification rate of Dhamija et al. 2018, arXiv 1811.04110.
    """
    stopped = noise_levels_passing(noise, percent)
    # One sentinel below every score: where no level has to be stopped, every query is answered.
    highest_stopped = np.append(noise.scores, np.float32(-np.inf))[stopped]
    answered = _at(right, right.levels_exceeding(highest_stopped))
    return _ratio(answered, np.where(noise.total > 0, queries.total, np.nan))


def noise_levels_passing(noise: Tally, percent: int) -> NDArray[np.int64]:
    """How many of the highest levels of noise may pass so that at most `percent` % of the noise does: int64 (b,)."""
    passing: NDArray[np.int64] = np.count_nonzero(100 * noise.above[1:] <= percent * noise.total, axis=0)
    return passing


def first_level_accepting(queries: Tally, percent: int) -> NDArray[np.int64]:
    """The highest level that at least `percent` % of the queries reach: int64 (b,). `queries` must not be empty."""
    short: NDArray[np.int64] = np.count_nonzero(100 * queries.above[1:] < percent * queries.total, axis=0)
    return np.minimum(short, len(queries.scores) - 1)


def _at(tallied: Tally, levels: NDArray[np.int64]) -> Figures:
    """Rows in the first `levels` (b,) levels, each in its own resample."""
    found: Figures = tallied.above[levels, np.arange(len(levels))]
    return found


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """part / whole, NaN where whole is 0."""
    ratio: NDArray[np.float64] = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0)
    return ratio
