"""Hard negatives, found exactly: everything is encoded once, then compared block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Encoder, Vectors
from faqtune.ranking import entry_scores
from faqtune.records import normalise
from faqtune.train.data import TrainingData

BLOCK_SCORES = 16_000_000
"""Scores held in memory at once (64 MB of float32)."""


@dataclass(frozen=True, slots=True)
class Mined:
    """What the model of a moment confuses; rows index `TrainingData.examples`.

    `hard` int32 (rows, k): the nearest question of each of the k nearest other entries, as numbers
    in `catalogue.questions`, nearest first; -1 where no more entry is usable. `suspects` bool
    (rows, entries): entries that may be right although the label says another; they take no part.
    `noise_best` int32 (noise,): the question nearest to each noise sentence. `noise_order` int32:
    numbers of the usable noise sentences, nearest to the catalogue first.
    """

    hard: NDArray[np.int32]
    suspects: NDArray[np.bool_]
    noise_best: NDArray[np.int32]
    noise_order: NDArray[np.int32]


def mine(encoder: Encoder, data: TrainingData, per_row: int, relative_margin: float) -> tuple[Mined, dict[str, float]]:
    """Find `per_row` hard negatives of every example and the question nearest to every noise sentence.

    Entries that may be right are suspects: those to which another label, or the catalogue itself,
    puts the same text; and, where no person vouches for the label, those that stand higher above the
    mean of unrelated cosines than `relative_margin` of the label's own entry does. That is the
    positive-aware margin of NV-Retriever (arXiv 2407.15831), made independent of a model's range of
    cosines. Also returns figures, all of them means: of cosines `related` (example with the best question
    of its entry in other words), `unrelated` (example with other entries' questions),
    `noise_similarity` (noise with all questions) and `noise_best_similarity` (with its nearest);
    `suspects_per_query`, and the share of `queries_without_negative`.
    """
    texts = [example.text for example in data.labels]
    vectors = encoder.encode([*data.catalogue.questions, *texts, *data.noise])
    questions, labels, noise = np.split(vectors, np.cumsum([len(data.catalogue.questions), len(texts)]))
    rows = np.concatenate([labels, questions])
    unrelated = _mean_unrelated(rows, questions, data)

    hard = np.full((len(rows), per_row), -1, dtype=np.int32)
    suspects = _claimed_elsewhere(data)
    entry = np.array([example.row for example in data.examples])
    doubted = np.array([not example.trusted for example in data.examples])
    own = np.full(len(rows), np.nan, dtype=np.float32)
    belongs = _belonging(data)
    for block in _blocks(len(rows), len(questions)):
        scores = rows[block] @ questions.T
        own[block] = _own_scores(scores, data, block)
        limits = unrelated + relative_margin * (np.nan_to_num(own[block], nan=1.0) - unrelated)
        scores[belongs[entry[block]]] = -np.inf
        by_entry = entry_scores(scores, data.catalogue.owners)
        suspects[block] |= (by_entry > limits[:, None]) & doubted[block, None]
        by_entry[suspects[block]] = -np.inf
        hard[block] = _hardest(scores, by_entry, data, per_row)

    best, noise_best, noise_mean = _nearest_questions(noise, questions)
    usable = _usable_noise(data)
    order = usable[np.argsort(-best[usable], kind="stable")].astype(np.int32)
    on_labels = slice(len(data.labels))
    figures = {
        "related": _mean(own[~np.isnan(own)], 1.0),
        "unrelated": unrelated,
        "noise_similarity": noise_mean,
        "noise_best_similarity": _mean(best),
        "suspects_per_query": _mean(suspects[on_labels].sum(axis=1)),
        "queries_without_negative": _mean(hard[on_labels, 0] < 0) if per_row else 0.0,
    }
    return Mined(hard, suspects, noise_best, order), figures


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
    hardest = np.full((len(scores), per_row), -1, dtype=np.int32)
    # A stable sort puts the earlier entry first on ties, so that nothing depends on chance.
    order = np.argsort(-by_entry, axis=1, kind="stable")[:, :per_row]
    for place, entries in enumerate(order.T):
        best = np.where(owners[None, :] == entries[:, None], scores, -np.inf).argmax(axis=1)
        is_there = np.isfinite(by_entry[np.arange(len(scores)), entries])
        hardest[:, place] = np.where(is_there, best, -1)
    return hardest


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
