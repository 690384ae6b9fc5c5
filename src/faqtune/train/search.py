"""The exact search behind mining: blocks of queries compared with all standard questions.

Of several ranks each compares some of the blocks. Blocks are cut alike whatever the number of ranks, so that a
cosine is the same to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Vectors
from faqtune.ranking import entry_scores, highest
from faqtune.recipe import Mining
from faqtune.train.data import TrainingData
from faqtune.train.ragged import Ragged
from faqtune.train.shares import each_by_one_rank

BLOCK_SCORES = 16_000_000
"""Scores held in memory at once (64 MB of float32)."""


@dataclass(frozen=True, slots=True)
class Found:
    """Of some of `TrainingData.examples`: `hard`, `near_queries` and `suspects` as in `Mined`; `own` float32
    (rows,): best cosine with a question of the own entry in other words, NaN where it has no other words."""

    hard: NDArray[np.int32]
    near_queries: NDArray[np.int32]
    suspects: Ragged
    own: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known without a model. Of each example that is looked at its `entry` int64 (rows,), whether it is
    `doubted` bool (rows,), `siblings`: its entry's questions in other words, and `claimed`: other entries that its text
    belongs to by another label or by the catalogue. Of each entry its `questions`, and `same`: those and equal ones of
    other entries. `owners` int64 (questions,): their entries.
    """

    entry: NDArray[np.int64]
    doubted: NDArray[np.bool_]
    siblings: Ragged
    claimed: Ragged
    questions: Ragged
    same: Ragged
    owners: NDArray[np.int64]

    @classmethod
    def of(cls, data: TrainingData, numbers: NDArray[np.int64]) -> _Known:
        examples = [(data.examples[number], data.keys[number]) for number in numbers.tolist()]
        entries = len(data.catalogue)
        same = [(row, number) for number, key in enumerate(data.question_keys) for row in data.rows_of_question[key]]
        siblings = (
            [number for number in data.questions_of(example.row) if data.question_keys[number] != key]
            for example, key in examples
        )
        return cls(
            np.array([example.row for example, _ in examples], dtype=np.int64),
            np.array([not example.trusted for example, _ in examples], dtype=np.bool_),
            Ragged.of(siblings),
            Ragged.of(data.claimed_rows[key] - {example.row} for example, key in examples),
            Ragged.of(map(data.questions_of, range(entries))),
            Ragged.of_pairs([row for row, _ in same], [number for _, number in same], entries),
            np.asarray(data.catalogue.owners, dtype=np.int64),
        )


def find(
    rows: Vectors,
    numbers: NDArray[np.int64],
    questions: Vectors,
    data: TrainingData,
    settings: Mining,
    unrelated: float,
    labels: Vectors,
) -> Found:
    """What is hard for the examples with these `numbers` (k,), of which `rows` (k, d) are the vectors.

    `questions`: vectors of all standard questions. `unrelated`: mean cosine of examples with other entries' questions,
    from which the margin of suspects counts. `labels`: vectors of all labels, where other queries are asked for.
    """
    known = _Known.of(data, numbers)
    entry_of_labels = np.array([label.row for label in data.labels], dtype=np.int64)
    per_row = max(settings.negatives_per_query, settings.negatives_pool)

    def of_block(block: slice) -> Found:
        asked = np.arange(block.start, block.stop)
        entry = known.entry[block]
        scores = rows[block] @ questions.T
        own = _own_scores(scores, known, asked)
        limits = unrelated + settings.relative_margin * (np.nan_to_num(own, nan=1.0) - unrelated)
        scores[known.same.pairs(entry)] = -np.inf
        by_entry = entry_scores(scores, known.owners)
        suspected = (by_entry > limits[:, None]) & known.doubted[block, None]
        suspected[known.claimed.pairs(asked)] = True
        by_entry[suspected] = -np.inf
        hard = _hardest(scores, by_entry, known, per_row)
        del scores, by_entry
        near = _nearest_labels(rows[block], labels, suspected, entry, entry_of_labels, settings.queries_per_query)
        return Found(hard, near, Ragged.of_mask(suspected), own)

    # Of no examples too there is an answer: one of no rows.
    parts = each_by_one_rank(of_block, blocks(len(rows), len(questions)) or [slice(0, 0)])
    return Found(
        np.concatenate([part.hard for part in parts]),
        np.concatenate([part.near_queries for part in parts]),
        Ragged.joined([part.suspects for part in parts]),
        np.concatenate([part.own for part in parts]),
    )


def _own_scores(scores: NDArray[np.float32], known: _Known, asked: NDArray[np.int64]) -> NDArray[np.float32]:
    """Best score with the own entry's questions in other words; NaN where there are no other words."""
    own = np.full(len(scores), np.nan, dtype=np.float32)
    places, numbers = known.siblings.pairs(asked)
    np.fmax.at(own, places, scores[places, numbers])
    return own


def _hardest(
    scores: NDArray[np.float32], by_entry: NDArray[np.float32], known: _Known, per_row: int
) -> NDArray[np.int32]:
    """int32 (n, per_row): the best question of each of the highest entries, best first; -1 where there are fewer.

    `scores` (n, questions); `by_entry` (n, entries), -inf where an entry must not be taken. On ties the earlier entry
    and the earlier question are taken, so that nothing depends on chance.
    """
    hardest = np.full((len(scores), per_row), -1, dtype=np.int32)
    if not per_row:
        return hardest
    order = highest(by_entry, min(per_row, by_entry.shape[1]))
    is_there = np.isfinite(np.take_along_axis(by_entry, order, axis=1))
    chosen, numbers = known.questions.pairs(order[is_there])
    rows = np.nonzero(is_there)[0][chosen]
    is_best = scores[rows, numbers] == by_entry[rows, known.owners[numbers]]
    is_first = np.diff(chosen[is_best], prepend=-1) > 0
    hardest[:, : order.shape[1]][is_there] = numbers[is_best][is_first]
    return hardest


def _nearest_labels(
    rows: Vectors,
    labels: Vectors,
    suspected: NDArray[np.bool_],
    entry: NDArray[np.int64],
    entry_of_labels: NDArray[np.int64],
    count: int,
) -> NDArray[np.int32]:
    """int32 (n, count): the labels of other, unsuspected entries that are nearest to `rows` (n, d), nearest first; -1
    where there are fewer."""
    found = np.full((len(rows), count), -1, dtype=np.int32)
    if not count:
        return found
    for part in blocks(len(rows), len(labels)):
        scores = rows[part] @ labels.T
        scores[suspected[part][:, entry_of_labels] | (entry_of_labels == entry[part, None])] = -np.inf
        order = highest(scores, min(count, len(labels)))
        is_there = np.isfinite(np.take_along_axis(scores, order, axis=1))
        found[part, : order.shape[1]] = np.where(is_there, order, -1)
    return found


def nearest(rows: Vectors, others: Vectors) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Of each of `rows` (n, d) the best cosine with `others` (m, d), float32 (n,), and whose it is, int32 (n,)."""

    def of_block(block: slice) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        scores = rows[block] @ others.T
        return scores.max(axis=1), scores.argmax(axis=1).astype(np.int32)

    parts = each_by_one_rank(of_block, blocks(len(rows), len(others)))
    best = np.concatenate([np.empty(0, dtype=np.float32), *(best for best, _ in parts)])
    return best, np.concatenate([np.empty(0, dtype=np.int32), *(number for _, number in parts)])


def blocks(rows: int, columns: int) -> list[slice]:
    """Stretches of rows whose scores fit into memory together."""
    step = max(1, BLOCK_SCORES // max(1, columns))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]
