"""Hard negatives, found exactly: everything is encoded once, then compared block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Encoder, Vectors
from faqtune.ranking import entry_scores
from faqtune.recipe import Mining
from faqtune.records import normalise
from faqtune.train.data import TrainingData

BLOCK_SCORES = 16_000_000
"""Scores held in memory at once (64 MB of float32)."""


@dataclass(frozen=True, slots=True)
class Mined:
    """What the model of a moment confuses; rows index `TrainingData.examples`.

    `hard` int32 (rows, k): the nearest question of each of the k nearest other entries, as numbers
    in `catalogue.questions`, nearest first; -1 where no more entry is usable. `near_queries` int32
    (rows, j): the nearest labels of other entries, as numbers in `labels`; -1 where there are fewer.
    `suspects` bool (rows, entries): entries that may be right although the label says another; they
    take no part. `noise_best` int32 (noise,): the question nearest to each noise sentence, -1 for
    those that were not looked at. `noise_order` int32: numbers of the usable noise sentences,
    nearest to the catalogue first. `noise_similarity`: mean cosine of noise with all questions.
    """

    hard: NDArray[np.int32]
    near_queries: NDArray[np.int32]
    suspects: NDArray[np.bool_]
    noise_best: NDArray[np.int32]
    noise_order: NDArray[np.int32]
    noise_similarity: float


def mine(
    encoder: Encoder, data: TrainingData, settings: Mining, draw: Sequence[int] = (0,)
) -> tuple[Mined, dict[str, float]]:
    """Find the hard negatives of every example, and the question nearest to every noise sentence.

    `draw`: seed of the noise that is looked at, where that is not all.

    Entries that may be right are suspects: those to which another label, or the catalogue itself,
    puts the same text; and, where no person vouches for the label, those that stand higher above the
    mean of unrelated cosines than `relative_margin` of the label's own entry does. That is the
    positive-aware margin of NV-Retriever (arXiv 2407.15831), made independent of a model's range of
    cosines. Also returns figures, all of them means: of cosines `related` (example with the best question
    of its entry in other words), `unrelated` (example with other entries' questions),
    `noise_similarity` (noise with all questions) and `noise_best_similarity` (with its nearest);
    `suspects_per_query`, and the share of `queries_without_negative`; and `noise_mined`, how many
    sentences of noise count as near to the catalogue.
    """
    texts = [example.text for example in data.labels]
    looked_at = _noise_looked_at(len(data.noise), settings.noise_pool, draw)
    vectors = encoder.encode([*data.catalogue.questions, *texts, *(data.noise[number] for number in looked_at)])
    questions, labels, noise = np.split(vectors, np.cumsum([len(data.catalogue.questions), len(texts)]))
    rows = np.concatenate([labels, questions])
    unrelated = _mean_unrelated(rows, questions, data)

    per_row = max(settings.negatives_per_query, settings.negatives_pool)
    hard = np.full((len(rows), per_row), -1, dtype=np.int32)
    near_queries = np.full((len(rows), settings.queries_per_query), -1, dtype=np.int32)
    suspects = _claimed_elsewhere(data)
    entry = np.array([example.row for example in data.examples])
    doubted = np.array([not example.trusted for example in data.examples])
    own = np.full(len(rows), np.nan, dtype=np.float32)
    belongs = _belonging(data)
    for block in _blocks(len(rows), len(questions)):
        scores = rows[block] @ questions.T
        own[block] = _own_scores(scores, data, block)
        limits = unrelated + settings.relative_margin * (np.nan_to_num(own[block], nan=1.0) - unrelated)
        scores[belongs[entry[block]]] = -np.inf
        by_entry = entry_scores(scores, data.catalogue.owners)
        suspects[block] |= (by_entry > limits[:, None]) & doubted[block, None]
        by_entry[suspects[block]] = -np.inf
        hard[block] = _hardest(scores, by_entry, data, per_row)
        if settings.queries_per_query:
            near_queries[block] = _nearest_labels(
                rows[block] @ labels.T, block, suspects[block], data, settings.queries_per_query
            )

    best, nearest, noise_mean = _nearest_questions(noise, questions)
    noise_best = np.full(len(data.noise), -1, dtype=np.int32)
    noise_best[looked_at] = nearest
    usable = np.isin(looked_at, _usable_noise(data))
    order = looked_at[usable][np.argsort(-best[usable], kind="stable")].astype(np.int32)
    on_labels = slice(len(data.labels))
    figures = {
        "related": _mean(own[~np.isnan(own)], 1.0),
        "unrelated": unrelated,
        "noise_similarity": noise_mean,
        "noise_best_similarity": _mean(best),
        "noise_mined": float(len(order)),
        "suspects_per_query": _mean(suspects[on_labels].sum(axis=1)),
        "queries_without_negative": _mean(hard[on_labels, 0] < 0) if per_row else 0.0,
    }
    return Mined(hard, near_queries, suspects, noise_best, order, noise_mean), figures


def _noise_looked_at(count: int, pool: int, draw: Sequence[int]) -> NDArray[np.int64]:
    """Numbers of `pool` sentences of noise, in their order; of all where that is 0 or more than there are."""
    if not 0 < pool < count:
        return np.arange(count)
    return np.sort(np.random.default_rng(draw).choice(count, size=pool, replace=False))


def _mean_unrelated(rows: Vectors, questions: Vectors, data: TrainingData) -> float:
    """Mean cosine of all examples with the questions of other entries, without forming the score matrix.

    A sum of dot products is the dot product of the sums; 0.0 for a catalogue of one entry.
    """
    entry = np.array([example.row for example in data.examples])
    sizes = np.bincount(data.catalogue.owners, minlength=len(data.catalogue))
    row_sums, question_sums = (np.zeros((len(sizes), rows.shape[1])) for _ in range(2))
    np.add.at(row_sums, entry, rows)
    np.add.at(question_sums, np.asarray(data.catalogue.owners), questions)
    total = row_sums.sum(axis=0) @ question_sums.sum(axis=0) - (row_sums * question_sums).sum()
    count = len(rows) * len(questions) - int(sizes[entry].sum())
    return float(total / count) if count else 0.0


def _claimed_elsewhere(data: TrainingData) -> NDArray[np.bool_]:
    """bool (rows, entries): other entries that the same text belongs to by another label or by the catalogue."""
    claimed = np.zeros((len(data.examples), len(data.catalogue)), dtype=np.bool_)
    for number, (example, key) in enumerate(zip(data.examples, data.keys, strict=True)):
        claimed[number, list(data.claimed_rows[key] - {example.row})] = True
    return claimed


def _own_scores(scores: NDArray[np.float32], data: TrainingData, block: slice) -> NDArray[np.float32]:
    """Best score with the own entry's questions in other words; NaN where there are no other words."""
    own = np.full(len(scores), np.nan, dtype=np.float32)
    for place, (example, key) in enumerate(zip(data.examples[block], data.keys[block], strict=True)):
        others = [number for number in data.questions_of(example.row) if data.question_keys[number] != key]
        if others:
            own[place] = scores[place, others].max()
    return own


def _belonging(data: TrainingData) -> NDArray[np.bool_]:
    """bool (entries, questions): the questions that an entry has, also where another entry has the same."""
    belongs = np.zeros((len(data.catalogue), len(data.question_keys)), dtype=np.bool_)
    for number, key in enumerate(data.question_keys):
        belongs[list(data.rows_of_question[key]), number] = True
    return belongs


def _hardest(
    scores: NDArray[np.float32], by_entry: NDArray[np.float32], data: TrainingData, per_row: int
) -> NDArray[np.int32]:
    """int32 (n, per_row): the best question of each of the highest entries, best first; -1 where there are fewer.

    `scores` (n, questions); `by_entry` (n, entries), -inf where an entry must not be taken.
    """
    owners = np.asarray(data.catalogue.owners)
    numbers = np.where(scores == by_entry[:, owners], np.arange(len(owners)), len(owners))
    # Questions of an entry stand together, so the first of them that has the entry's score is a minimum of a slice.
    best = np.minimum.reduceat(numbers, np.flatnonzero(np.r_[True, np.diff(owners) > 0]), axis=1)
    # A stable sort puts the earlier entry first on ties, so that nothing depends on chance.
    order = np.argsort(-by_entry, axis=1, kind="stable")[:, :per_row]
    is_there = np.isfinite(np.take_along_axis(by_entry, order, axis=1))
    hardest = np.full((len(scores), per_row), -1, dtype=np.int32)
    hardest[:, : order.shape[1]] = np.where(is_there, np.take_along_axis(best, order, axis=1), -1)
    return hardest


def _nearest_labels(
    scores: NDArray[np.float32],
    block: slice,
    suspects: NDArray[np.bool_],
    data: TrainingData,
    count: int,
) -> NDArray[np.int32]:
    """int32 (n, count): the labels of other, unsuspected entries with the highest `scores` (n, labels)."""
    entry = np.array([example.row for example in data.labels])
    rows = np.array([example.row for example in data.examples[block]])
    scores = np.where(suspects[:, entry] | (entry[None, :] == rows[:, None]), -np.inf, scores)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    found = np.full((len(scores), count), -1, dtype=np.int32)
    found[:, : order.shape[1]] = np.where(np.isfinite(np.take_along_axis(scores, order, axis=1)), order, -1)
    return found


def _nearest_questions(noise: Vectors, questions: Vectors) -> tuple[NDArray[np.float32], NDArray[np.int32], float]:
    """Best cosine (noise,) and its question (noise,) of every noise sentence, and the mean of all cosines."""
    best = np.empty(len(noise), dtype=np.float32)
    number = np.empty(len(noise), dtype=np.int32)
    for block in _blocks(len(noise), len(questions)):
        scores = noise[block] @ questions.T
        number[block] = scores.argmax(axis=1)
        best[block] = scores.max(axis=1)
    mean = noise.mean(axis=0, dtype=np.float64) @ questions.mean(axis=0, dtype=np.float64) if len(noise) else 0.0
    return best, number, float(mean)


def _usable_noise(data: TrainingData) -> NDArray[np.int64]:
    """Numbers of the noise sentences that are neither a standard question nor a query a person gave an entry."""
    answered = {key for example, key in zip(data.examples, data.keys, strict=True) if example.trusted}
    return np.array([n for n, text in enumerate(data.noise) if normalise(text) not in answered], dtype=np.int64)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, BLOCK_SCORES // columns)
    return (slice(start, start + step) for start in range(0, rows, step))


def _mean(values: NDArray[np.generic], if_none: float = 0.0) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else if_none
