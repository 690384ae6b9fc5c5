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
    examples that something is found for, ascending: those that batches will ask for (None: all). Others are encoded
    only where the settings compare with them.

    Entries that may be right are suspects: those to which another label, or the catalogue itself,
    puts the same text; and, where no person vouches for the label, those that stand higher above the
    mean of unrelated cosines than `relative_margin` of the label's own entry does. That is the
    positive-aware margin of NV-Retriever (arXiv 2407.15831), made independent of a model's range of
    cosines. Also returns figures, all of them means of cosines: `noise_similarity` (noise with all questions),
    `noise_best_similarity` (with its nearest), `related` (a drawn example with the best question of its entry in
    other words) and `unrelated` (with other entries' questions).
    """
    labels = np.arange(len(data.labels))
    drawn = np.arange(len(data.examples)) if drawn is None else drawn
    asked = labels if queries is None else queries
    compared_with = labels if settings.queries_per_query else asked if settings.near_to == "queries" else labels[:0]
    encoded = np.union1d(drawn, compared_with)
    texts = [*(data.examples[number].text for number in encoded.tolist()), *data.catalogue.questions]
    compared = _noise_compared(data, settings.noise_pool, draw)
    vectors = encoder.encode([*texts, *(data.noise[number] for number in compared)])
    examples, questions, noise = vectors[: len(encoded)], vectors[len(encoded) : len(texts)], vectors[len(texts) :]
    rows = examples[np.searchsorted(encoded, drawn)]
    unrelated = _mean_unrelated(rows, questions, drawn, data)
    found = find(rows, drawn, questions, data, settings, unrelated, examples[: len(labels)])

    best, number = nearest(noise, questions)
    nearness = best
    if settings.near_to == "queries" and len(asked):
        nearness = nearest(noise, examples[np.searchsorted(encoded, asked)])[0]
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
    figures = {
        "related": _mean(found.own[~np.isnan(found.own)], 1.0),
        "unrelated": unrelated,
        "noise_similarity": mined.noise_similarity,
        "noise_best_similarity": _mean(best),
    }
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
    owners = np.asarray(data.catalogue.owners, dtype=np.int64)
    sizes = np.bincount(owners, minlength=len(data.catalogue))
    row_sums, question_sums = _sums(rows, entry, len(sizes)), _sums(questions, owners, len(sizes))
    total = row_sums.sum(axis=0) @ question_sums.sum(axis=0) - np.einsum("ij,ij->", row_sums, question_sums)
    count = len(rows) * len(questions) - int(sizes[entry].sum())
    return float(total / count) if count else 0.0


def _sums(vectors: Vectors, owners: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """float64 (count, d): of each owner the sum of its vectors."""
    sums = np.zeros((count, vectors.shape[1]))
    order = np.argsort(owners, kind="stable")
    there, starts = np.unique(owners[order], return_index=True)
    if len(there):
        sums[there] = np.add.reduceat(vectors[order], starts, axis=0, dtype=np.float64)
    return sums


def _mean(values: NDArray[np.generic], if_none: float = 0.0) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else if_none
