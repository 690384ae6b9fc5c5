"""Hard negatives, found exactly: all that a round looks at is encoded once, then compared block by block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Encoder, Vectors
from faqtune.recipe import Mining
from faqtune.train import ranks
from faqtune.train.data import TrainingData
from faqtune.train.mined import Mined
from faqtune.train.search import find, nearest


def mine(
    encoder: Encoder,
    data: TrainingData,
    settings: Mining,
    draw: Sequence[int] = (0,),
    queries: NDArray[np.int64] | None = None,
    drawn: NDArray[np.int64] | None = None,
) -> tuple[Mined, dict[str, float]]:
    """Find the hard negatives of examples, and the question nearest to every noise sentence.

    `draw`: seed of the noise that is compared, where that is not all; near noise always is. `queries`: numbers of
    the labels that noise is near to, where the settings want it near to queries (None: all). `drawn`: numbers of the
    examples that batches will ask for, ascending; the others are neither encoded nor found anything for, unless the
    settings compare with all queries (None: all).

    Entries that may be right are suspects: those to which another label, or the catalogue itself,
    puts the same text; and, where no person vouches for the label, those that stand higher above the
    mean of unrelated cosines than `relative_margin` of the label's own entry does. That is the
    positive-aware margin of NV-Retriever (arXiv 2407.15831), made independent of a model's range of
    cosines. Also returns figures, all of them means of cosines: `noise_similarity` (noise with all questions) and
    `noise_best_similarity` (with its nearest); and where all examples are looked at, since means of others are no
    course, `related` (example with the best question of its entry in other words) and `unrelated` (example with
    other entries' questions).
    """
    if drawn is None or settings.queries_per_query or settings.near_to == "queries":
        drawn = np.arange(len(data.examples))
    texts = [*(data.examples[number].text for number in drawn.tolist()), *data.catalogue.questions]
    compared = _noise_compared(data, settings.noise_pool, draw)
    vectors = encoder.encode([*texts, *(data.noise[number] for number in compared)])
    rows, questions, noise = vectors[: len(drawn)], vectors[len(drawn) : len(texts)], vectors[len(texts) :]
    unrelated = _mean_unrelated(rows, questions, drawn, data)
    found = find(rows, drawn, questions, data, settings, unrelated)

    best, number = nearest(noise, questions)
    asked = np.arange(len(data.labels)) if queries is None else queries
    nearness = nearest(noise, rows[asked])[0] if settings.near_to == "queries" and len(asked) else best
    noise_best = np.full(len(data.noise), -1, dtype=np.int32)
    noise_best[compared] = number
    noise_cosines = np.full(len(data.noise), np.nan, dtype=np.float32)
    noise_cosines[compared] = ranks.same(noise @ questions.mean(axis=0))
    usable = np.isin(compared, data.usable_noise)
    order = compared[usable][np.argsort(-nearness[usable], kind="stable")].astype(np.int32)
    mined = Mined(
        _among(found.hard, drawn, len(data.examples)),
        _among(found.near_queries, drawn, len(data.examples)),
        found.suspects.among(drawn, len(data.examples)),
        noise_best,
        order,
        noise_cosines,
    )
    # The same on all ranks to the bit, as all that was found.
    figures = {"noise_similarity": mined.noise_similarity, "noise_best_similarity": _mean(best)}
    if len(drawn) == len(data.examples):
        figures = {"related": _mean(found.own[~np.isnan(found.own)], 1.0), "unrelated": unrelated} | figures
    return mined, ranks.same(figures)


def _among(found: NDArray[np.int32], rows: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    """`found` (k, n) at their `rows` among `count` rows of -1."""
    among = np.full((count, found.shape[1]), -1, dtype=np.int32)
    among[rows] = found
    return among


def _noise_compared(data: TrainingData, pool: int, draw: Sequence[int]) -> NDArray[np.int64]:
    """Numbers of `pool` sentences of noise and of all near noise, in their order; of all noise where `pool` is 0 or
    more than there is."""
    count, others = len(data.noise), len(data.noise) - data.near_noise
    if not 0 < pool < others:
        return np.arange(count)
    drawn = np.sort(np.random.default_rng(draw).choice(others, size=pool, replace=False))
    return np.concatenate([drawn, np.arange(others, count)])


def _mean_unrelated(rows: Vectors, questions: Vectors, numbers: NDArray[np.int64], data: TrainingData) -> float:
    """Mean cosine of examples, by their `numbers`, with the questions of other entries, without the score matrix.

    A sum of dot products is the dot product of the sums; 0.0 for a catalogue of one entry.
    """
    entry = np.array([data.examples[number].row for number in numbers.tolist()], dtype=np.int64)
    sizes = np.bincount(data.catalogue.owners, minlength=len(data.catalogue))
    row_sums, question_sums = (np.zeros((len(sizes), rows.shape[1])) for _ in range(2))
    np.add.at(row_sums, entry, rows)
    np.add.at(question_sums, np.asarray(data.catalogue.owners), questions)
    total = row_sums.sum(axis=0) @ question_sums.sum(axis=0) - (row_sums * question_sums).sum()
    count = len(rows) * len(questions) - int(sizes[entry].sum())
    return float(total / count) if count else 0.0


def _mean(values: NDArray[np.generic], if_none: float = 0.0) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else if_none
