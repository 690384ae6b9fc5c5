"""Scores to ranks and decisions: the only place that ranks.

An entry scores with the best of its questions; a query is answered when its best entry
reaches the threshold and, optionally, leads the runner-up by a margin (SPEC §4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Vectors

BLOCK_SCORES = 16_000_000
"""Scores held in memory at once (64 MB of float32)."""


@dataclass(frozen=True)
class Ranking:
    """The best entries per query, best first.

    `rows` int64 (q, k): entry rows; `scores` float32 (q, k): cosines. Ties go to the entry
    that stands earlier in the catalogue, so that a ranking never depends on chance.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]

    @property
    def best(self) -> NDArray[np.float32]:
        """s(q) of SPEC §4: float32 (q,), the cosine of the best entry."""
        return self.scores[:, 0]

    @property
    def margin(self) -> NDArray[np.float32]:
        """float32 (q,): best minus runner-up; 2 (more than any margin) where there is no runner-up."""
        if self.scores.shape[1] < 2:
            return np.full(len(self.scores), 2.0, dtype=np.float32)
        return self.scores[:, 0] - self.scores[:, 1]

    def answered(self, threshold_cosine: float, margin_cosine: float = 0.0) -> NDArray[np.bool_]:
        """bool (q,): whether each query is answered with its best entry."""
        return (self.best >= threshold_cosine) & (self.margin >= margin_cosine)


def entry_scores(
    question_scores: NDArray[np.float32], owners: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.float32]:
    """Scores of entries, float32 (q, e), from scores of their questions, (q, c).

    `owners` (c,) is the entry row of each question, ascending and without gaps.
    Raises ValueError if it is not.
    """
    return np.maximum.reduceat(question_scores, _starts(owners), axis=1)


def entry_slices(owners: Sequence[int] | NDArray[np.int64]) -> list[slice]:
    """Which questions each entry has; `owners` as in `entry_scores`. Raises ValueError as that does."""
    bounds = [*_starts(owners).tolist(), len(owners)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def _starts(owners: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """The first question of each entry."""
    owner = np.asarray(owners, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, np.diff(owner) != 0]) if len(owner) else owner
    if not np.array_equal(owner[starts], np.arange(len(starts))):
        raise ValueError("owners must ascend from 0 without gaps")
    return starts


def rank(queries: Vectors, questions: Vectors, owners: Sequence[int], k: int = 10) -> Ranking:
    """Rank all entries for every query and keep the best `k` (fewer if there are fewer entries).

    `queries` (q, d) and `questions` (c, d) are unit vectors; `owners` as in `entry_scores`.
    Works in blocks: memory does not grow with q times c. Raises ValueError on an empty catalogue.
    """
    if not len(owners):
        raise ValueError("the catalogue is empty")
    entries = int(owners[-1]) + 1
    k = min(k, entries)
    rows = np.empty((len(queries), k), dtype=np.int64)
    scores = np.empty((len(queries), k), dtype=np.float32)
    step = max(1, BLOCK_SCORES // len(owners))
    for start in range(0, len(queries), step):
        block = entry_scores(queries[start : start + step] @ questions.T, owners)
        order = highest(block, k)
        rows[start : start + step] = order
        scores[start : start + step] = np.take_along_axis(block, order, axis=1)
    return Ranking(rows, scores)


def highest(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Columns of the `k` greatest of each row of `scores` (q, c), int64 (q, k), best first; on ties the earlier column.

    `k` at most c. What is no number comes last.
    """
    if 2 * k >= scores.shape[1]:
        return _sorted(scores)[:, :k]
    if k == 1:
        first: NDArray[np.int64] = scores.argmax(axis=1)[:, None]
        no_number = np.isnan(np.take_along_axis(scores, first, axis=1)[:, 0])
        first[no_number] = _sorted(scores[no_number])[:, :1]
        return first
    # Sorting all of a large catalogue takes many times as long as what it is sorted for.
    least = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
    reaching = scores >= least
    torn = np.count_nonzero(reaching, axis=1) != k
    reaching[torn] = np.arange(scores.shape[1]) < k
    chosen = np.nonzero(reaching)[1].reshape(len(scores), k)
    order: NDArray[np.int64] = np.take_along_axis(chosen, _sorted(np.take_along_axis(scores, chosen, axis=1)), axis=1)
    # More than k reach the k-th score where several have it: the earlier ones are the best.
    order[torn] = _sorted(scores[torn])[:, :k]
    return order


def _sorted(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    # A stable sort of the negated scores puts the earlier entry first on ties.
    return np.argsort(-scores, axis=1, kind="stable")
