"""Mining as it was first written, with whole tables and sorted rows: the twin that the sparse search is held to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Vectors
from faqtune.ranking import entry_scores
from faqtune.recipe import Mining
from faqtune.train.data import TrainingData


class Dense(NamedTuple):
    """As `Found`, but `suspects` bool (rows, entries)."""

    hard: NDArray[np.int32]
    near_queries: NDArray[np.int32]
    suspects: NDArray[np.bool_]
    own: NDArray[np.float32]


def dense(rows: Vectors, data: TrainingData, settings: Mining, unrelated: float, block_scores: int) -> Dense:
    labels, questions = rows[: len(data.labels)], rows[len(data.labels) :]
    per_row = max(settings.negatives_per_query, settings.negatives_pool)
    hard = np.full((len(rows), per_row), -1, dtype=np.int32)
    near_queries = np.full((len(rows), settings.queries_per_query), -1, dtype=np.int32)
    suspects = np.zeros((len(rows), len(data.catalogue)), dtype=np.bool_)
    for number, (example, key) in enumerate(zip(data.examples, data.keys, strict=True)):
        suspects[number, list(data.claimed_rows[key] - {example.row})] = True
    belongs = np.zeros((len(data.catalogue), len(questions)), dtype=np.bool_)
    for number, key in enumerate(data.question_keys):
        belongs[list(data.rows_of_question[key]), number] = True
    entry = np.array([example.row for example in data.examples])
    doubted = np.array([not example.trusted for example in data.examples])
    own = np.full(len(rows), np.nan, dtype=np.float32)
    step = max(1, block_scores // len(questions))
    for block in (slice(start, start + step) for start in range(0, len(rows), step)):
        scores = rows[block] @ questions.T
        for place, (example, key) in enumerate(zip(data.examples[block], data.keys[block], strict=True)):
            others = [number for number in data.questions_of(example.row) if data.question_keys[number] != key]
            if others:
                own[block][place] = scores[place, others].max()
        limits = unrelated + settings.relative_margin * (np.nan_to_num(own[block], nan=1.0) - unrelated)
        scores[belongs[entry[block]]] = -np.inf
        by_entry = entry_scores(scores, data.catalogue.owners)
        suspects[block] |= (by_entry > limits[:, None]) & doubted[block, None]
        by_entry[suspects[block]] = -np.inf
        hard[block] = _hardest(scores, by_entry, data, per_row)
        if settings.queries_per_query:
            other = suspects[block][:, entry[: len(labels)]] | (entry[None, : len(labels)] == entry[block, None])
            nearest = np.where(other, -np.inf, rows[block] @ labels.T)
            order = np.argsort(-nearest, axis=1, kind="stable")[:, : settings.queries_per_query]
            is_there = np.isfinite(np.take_along_axis(nearest, order, axis=1))
            near_queries[block, : order.shape[1]] = np.where(is_there, order, -1)
    return Dense(hard, near_queries, suspects, own)


def _hardest(
    scores: NDArray[np.float32], by_entry: NDArray[np.float32], data: TrainingData, per_row: int
) -> NDArray[np.int32]:
    owners = np.asarray(data.catalogue.owners)
    numbers = np.where(scores == by_entry[:, owners], np.arange(len(owners)), len(owners))
    best = np.minimum.reduceat(numbers, np.flatnonzero(np.r_[True, np.diff(owners) > 0]), axis=1)
    order = np.argsort(-by_entry, axis=1, kind="stable")[:, :per_row]
    is_there = np.isfinite(np.take_along_axis(by_entry, order, axis=1))
    hardest = np.full((len(scores), per_row), -1, dtype=np.int32)
    hardest[:, : order.shape[1]] = np.where(is_there, np.take_along_axis(best, order, axis=1), -1)
    return hardest
