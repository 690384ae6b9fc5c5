"""The metrics of SPEC §4 as pure functions, each for many resamples at once.

The plain metric is the one with every query counted once (`once`), so that a figure and its interval come from
the same lines. Counts are whole numbers in float64: their sums, and comparisons with a share of them, are exact.
Where a resample holds no query (or no noise) the metric is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faqtune.evaluate.tallies import Counts, Figures, Tally, first_row_accepting, rows_passing


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


def means(values: NDArray[np.float64], counts: Counts) -> NDArray[np.float64]:
    """The same for several `values` (m, n) at once: float64 (m, b)."""
    return _ratio(values @ counts, np.broadcast_to(counts.sum(axis=0), (len(values), counts.shape[1])))


class Entries:
    """Rows by entry, worked out once for many resamples. `entries` int64 (n,) is the entry of each row."""

    def __init__(self, entries: NDArray[np.int64]) -> None:
        self.order = np.argsort(entries, kind="stable")
        self.starts = np.flatnonzero(np.diff(entries[self.order], prepend=-1))
        self.row: NDArray[np.int64] = np.unique(entries, return_inverse=True)[1]


def per_entry(entries: Entries, counts: Counts) -> Counts:
    """Counts under which every entry weighs the same: the mean under them is the macro average.

    An entry without a row in a resample weighs nothing there.

    >>> even = per_entry(Entries(np.array([0, 0, 0, 5])), np.ones((4, 1)))
    >>> mean(np.array([1.0, 1.0, 1.0, 0.0]), even).round(9).tolist()
    [0.5]
    """
    totals = np.add.reduceat(counts[entries.order], entries.starts, axis=0)
    # A row of an entry that was not drawn has count 0 itself, whatever it is divided by.
    return counts / np.maximum(totals, 1)[entries.row]


def auroc(queries: Tally, noise: Tally) -> Figures:
    """Chance that a query scores higher than a noise sentence; a tie counts one half.

    Equal to scikit-learn's `roc_auc_score` with in-distribution as the positive class.
    """
    return _ratio(_pairs(queries, noise), queries.total * noise.total)


def augrc(right: Tally, wrong: Tally, noise: Tally | None = None) -> Figures:
    """Area under the generalised risk-coverage curve: chance that a text is answered and should not have been,
    averaged over all thresholds. Traub et al. 2024, arXiv 2407.01032, eq. 7.

    `right` and `wrong` tally the queries whose best entry is the right one, or another. With `noise`, half of the
    texts are noise, however many there are, and answering it is a failure too. Between levels of equal scores the
    curve is a straight line, so that the area is that of fd-shifts. From 0 to 0.5, lower is better.
    """
    queries = right.total + wrong.total
    pairs = _ratio(right.total * wrong.total - _pairs(right, wrong), queries**2)
    failing = _ratio(wrong.total, queries)
    if noise is None:
        return pairs + failing**2 / 2
    among_noise = _ratio(right.total * noise.total - _pairs(right, noise), queries * noise.total)
    return (pairs + among_noise) / 4 + ((failing + 1) / 2) ** 2 / 2


def _pairs(higher: Tally, lower: Tally) -> Figures:
    """Number of pairs in which a row of `higher` does score higher; a tie counts one half. Exact: whole halves."""
    pairs: Figures = np.einsum("lb,lb->b", higher.above_rows_of(lower), lower.at)
    return pairs


def aupr(queries: Tally, noise: Tally) -> Figures:
    """Average precision of finding the noise by low scores: out-of-distribution is the positive class.

    Steps, not trapezia: equal to scikit-learn's `average_precision_score` on the negated scores.
    """
    noise_below = noise.total - noise.above[noise.order.exceeding(noise.order)]
    caught = queries.total - queries.above[queries.order.exceeding(noise.order)]
    caught += noise_below
    precision = np.divide(noise_below, caught, out=np.zeros_like(caught), where=caught > 0)
    return _ratio(np.einsum("lb,lb->b", precision, noise.at), noise.total)


def fpr95(queries: Tally, noise: Tally) -> Figures:
    """Share of noise accepted at the highest threshold that accepts at least 95 % of the queries."""
    if not len(queries.order.scores):
        return np.full(queries.total.shape, np.nan)
    passing = noise.order.reaching(queries.order)[first_row_accepting(queries, 95)]
    return _ratio(noise.of_first(passing), np.where(queries.total > 0, noise.total, np.nan))


def oscr(queries: Tally, right: Tally, noise: Tally, percent: int) -> Figures:
    """OSCR@f: share of all queries answered *correctly* at the lowest threshold that lets at most f = `percent` % of
    the noise through.

    `right` tallies the queries whose best entry is the right one. Of n noise sentences at most
    floor(f n) may pass; equal scores pass together or not at all. A model that gives everything
    the same score therefore has OSCR 0: any threshold that stops noise stops all queries.
    Follows the open-set classification rate of Dhamija et al. 2018, arXiv 1811.04110.
    """
    # Where nothing has to be stopped, every query is answered.
    answered_above = np.append(right.order.exceeding(noise.order), len(right.order.scores))
    answered = right.of_first(answered_above[rows_passing(noise, percent)])
    return _ratio(answered, np.where(noise.total > 0, queries.total, np.nan))


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """part / whole, NaN where whole is 0."""
    ratio: NDArray[np.float64] = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0)
    return ratio
