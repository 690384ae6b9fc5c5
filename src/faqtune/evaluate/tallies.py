"""Rows by falling score, counted in many resamples at once: what metrics and thresholds are made of.

A resample says how often each row counts: a column of `Counts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
"""float64 (n, b): how often each of n rows counts in each of b resamples."""

Figures = NDArray[np.float64]
"""float64 (b,): one metric in each of b resamples."""


def once(rows: int) -> Counts:
    """Every row counted once: float64 (rows, 1)."""
    return np.ones((rows, 1))


class Order:
    """Rows by falling score, worked out once for many resamples.

    `rows` int64 (n,): rows in that order; `scores` float32 (n,): theirs; `ends` int64 (l + 1,): how many rows the first
    0, 1, … l distinct scores have together. Places among other orders are remembered.
    """

    def __init__(self, scores: NDArray[np.float32]) -> None:
        self.rows = np.argsort(-scores, kind="stable")
        self.scores = scores[self.rows]
        self.ends = np.append(np.flatnonzero(np.diff(self.scores, prepend=np.float32(np.inf))), len(scores))
        # The other order is kept as well: an id is one object's only as long as that object lives.
        self._places: dict[tuple[int, str], tuple[Order, NDArray[np.int64]]] = {}

    def reaching(self, other: Order) -> NDArray[np.int64]:
        """How many rows are at or above each row of `other`, int64 (n',): an index into `Tally.above`."""
        return self._placed(other, "right")

    def exceeding(self, other: Order) -> NDArray[np.int64]:
        """How many rows are above each row of `other`, int64 (n',): an index into `Tally.above`."""
        return self._placed(other, "left")

    def _placed(self, other: Order, side: Literal["left", "right"]) -> NDArray[np.int64]:
        key = id(other), side
        if key not in self._places:
            self._places[key] = other, np.searchsorted(-self.scores, -other.scores, side=side)
        return self._places[key][1]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows reach each score, in b resamples.

    `at` float64 (n, b): counts of the rows in their order; `above` float64 (n + 1, b): `above[i]` is the count of the
    first i of them, so that `above[0]` is 0 and `above[n]` all. Rows with equal scores pass a threshold together:
    only where one score ends is `above` the count of what reaches a threshold.
    """

    order: Order
    at: NDArray[np.float64]
    above: NDArray[np.float64]

    @property
    def total(self) -> Figures:
        total: Figures = self.above[-1]
        return total

    def of_first(self, rows: NDArray[np.int64]) -> Figures:
        """Count of the first `rows` (b,) rows, each in its own resample."""
        found: Figures = self.above[rows, np.arange(len(rows))]
        return found

    def above_rows_of(self, other: Tally) -> NDArray[np.float64]:
        """float64 (n', b): how many rows are above each row of `other`; those on a level with it count one half."""
        exceeding = self.above[self.order.exceeding(other.order)]
        exceeding += self.above[self.order.reaching(other.order)]
        exceeding /= 2
        return exceeding


def count(order: Order, counts: Counts) -> Tally:
    """Count rows by falling score; `counts` (n, b) of the rows that `order` was made of."""
    at = counts[order.rows]
    above = np.zeros((len(at) + 1, counts.shape[1]))
    np.cumsum(at, axis=0, out=above[1:])
    return Tally(order, at, above)


def tally(scores: NDArray[np.float32], counts: Counts) -> Tally:
    """The same from `scores` (n,), finite."""
    return count(Order(scores), counts)


def rows_passing(noise: Tally, percent: int) -> NDArray[np.int64]:
    """How many of the highest rows of noise may pass so that at most `percent` % of the noise does: int64 (b,).

    It is also the place of the highest row that is stopped.
    """
    return _rows_within(noise, np.floor(percent * noise.total / 100))


def first_row_accepting(queries: Tally, percent: int) -> NDArray[np.int64]:
    """Place of the highest row whose score at least `percent` % of the queries reach: int64 (b,). `queries` must not be
    empty."""
    short = _rows_within(queries, np.ceil(percent * queries.total / 100) - 1)
    return np.minimum(short, len(queries.order.scores) - 1)


def _rows_within(tallied: Tally, most: Figures) -> NDArray[np.int64]:
    """How many of the highest rows, equal scores together, count at most `most` (b,): int64 (b,). By halving."""
    columns, ends = np.arange(len(most)), tallied.order.ends
    low, high = np.zeros(len(most), dtype=np.int64), np.full(len(most), len(ends) - 1)
    while np.any(low < high):
        middle = (low + high + 1) // 2
        fits = tallied.above[ends[middle], columns] <= most
        low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
    return ends[low]
