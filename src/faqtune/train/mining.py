"""Hard negatives, found exactly: everything is encoded once, then compared block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Encoder
from faqtune.records import normalise
from faqtune.train.data import Example, TrainingData

BLOCK_ROWS = 2048


@dataclass(frozen=True)
class Mined:
    """Question numbers index `catalogue.questions`; rows index labels, then catalogue examples.

    `hard` int32 (rows, k): questions of other entries nearest to each row, -1 where none is usable.
    `suspects` bool (rows, entries): entries that may be right although the label says another;
    they take no part. `noise_best` int32 (noise,): the question nearest to each noise sentence.
    `noise_order` int32 (noise,): noise sentences, nearest to the catalogue first.
    """

    hard: NDArray[np.int32]
    suspects: NDArray[np.bool_]
    noise_best: NDArray[np.int32]
    noise_order: NDArray[np.int32]
    figures: dict[str, float]

    def arrays(self) -> dict[str, NDArray[np.int32]]:
        """For a checkpoint."""
        return {
            "hard": self.hard,
            "suspects": self.suspects.astype(np.int32),
            "noise_best": self.noise_best,
            "noise_order": self.noise_order,
        }

    @staticmethod
    def from_arrays(arrays: dict[str, NDArray[np.int32]], figures: dict[str, float]) -> Mined:
        return Mined(
            arrays["hard"], arrays["suspects"].astype(bool), arrays["noise_best"], arrays["noise_order"], figures
        )


def mine(encoder: Encoder, data: TrainingData, per_row: int, relative_margin: float) -> Mined:
    """Find the `per_row` hardest negatives of every query and the catalogue question nearest to every noise sentence.

    Positive-aware: an entry whose height above the mean of unrelated cosines is more than
    `relative_margin` of the label's own is a likely false negative of an untrusted label
    (NV-Retriever, arXiv 2407.15831, made independent of the model's cosine range).
    """
    rows: tuple[Example, ...] = data.labels + data.catalogue_examples()
    questions = data.catalogue.questions
    owners = np.asarray(data.catalogue.owners)
    vectors = encoder.encode(questions)
    texts = list(dict.fromkeys(example.text for example in data.labels))
    places = {text: place for place, text in enumerate(texts)}
    query_vectors = encoder.encode(texts)
    row_vectors = np.concatenate([query_vectors[[places[e.text] for e in data.labels]], vectors])

    entry_of_row = np.array([example.row for example in rows])
    trusted = np.array([example.trusted for example in rows])
    same = _same_text(questions)
    starts = np.flatnonzero(np.r_[True, np.diff(owners) != 0])
    related: list[np.ndarray] = []
    unrelated: list[float] = []
    hard = np.full((len(rows), per_row), -1, dtype=np.int32)
    suspects = np.zeros((len(rows), len(data.catalogue)), dtype=bool)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        scores = row_vectors[block] @ vectors.T
        is_own = owners[None, :] == entry_of_row[block, None]
        repeats = np.zeros_like(is_own)
        number_of_questions = len(scores) - max(0, len(data.labels) - start)
        if number_of_questions > 0:
            first = max(0, start - len(data.labels))
            repeats[-number_of_questions:] = same[first : first + number_of_questions]
        own_score = np.where(is_own & ~repeats, scores, -np.inf).max(axis=1)
        floor = float(scores[~is_own].mean()) if not is_own.all() else 0.0
        related.append(own_score[np.isfinite(own_score)])
        unrelated.append(floor)
        own_score = np.where(np.isfinite(own_score), own_score, 1.0)
        limit = floor + relative_margin * (own_score - floor)
        by_entry = np.maximum.reduceat(scores, starts, axis=1)
        doubtful = (by_entry > limit[:, None]) & ~trusted[block, None]
        doubtful[np.arange(len(scores)), entry_of_row[block]] = False
        suspects[block] = doubtful
        usable = ~is_own & ~doubtful[:, owners] & ~repeats
        hard[block] = _best_columns(np.where(usable, scores, -np.inf), per_row)

    noise_scores = encoder.encode(data.noise) @ vectors.T if data.noise else np.zeros((0, len(questions)), np.float32)
    best = noise_scores.max(axis=1) if len(noise_scores) else np.zeros(0, np.float32)
    figures = {
        "queries_without_negative": float((hard[: len(data.labels)] < 0).all(axis=1).sum()) if per_row else 0.0,
        "suspects_per_query": float(suspects[: len(data.labels)].sum(axis=1).mean()) if data.labels else 0.0,
        "related": float(np.concatenate(related).mean()) if sum(map(len, related)) else 1.0,
        "unrelated": float(np.mean(unrelated)),
        "noise_similarity": float(noise_scores.mean()) if len(noise_scores) else 0.0,
        "noise_best_similarity": float(best.mean()) if len(best) else 0.0,
    }
    noise_best = noise_scores.argmax(axis=1).astype(np.int32) if len(noise_scores) else np.zeros(0, np.int32)
    return Mined(hard, suspects, noise_best, np.argsort(-best, kind="stable").astype(np.int32), figures)


def _same_text(questions: tuple[str, ...]) -> NDArray[np.bool_]:
    """bool (c, c): questions that are the same text, also under different entries."""
    numbers: dict[str, int] = {}
    groups = np.array([numbers.setdefault(normalise(q), len(numbers)) for q in questions])
    return groups[:, None] == groups[None, :]


def _best_columns(scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """int32 (n, k): columns of the highest finite scores, best first; -1 where there are fewer."""
    k_there = min(k, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k_there]
    found = np.where(np.isfinite(np.take_along_axis(scores, order, axis=1)), order, -1)
    return np.pad(found, ((0, 0), (0, k - k_there)), constant_values=-1).astype(np.int32)
