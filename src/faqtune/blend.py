"""Vectors of standard questions, moved towards what customers ask: still one vector a question, compared by cosine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Vectors
from faqtune.ranking import entry_slices

PRIOR_LABELS = 10.0
"""So many sure labels weigh as much as the question itself. Between 5 and 20 nothing could be told apart."""
LEAST_LENGTH = 1e-4
"""Of a question alone: a shorter sum is what rounding has left of one that was cancelled out."""


def blended(
    questions: Vectors,
    owners: Sequence[int],
    labels: Vectors,
    rows: NDArray[np.int64],
    weights: NDArray[np.float32],
    prior: float = PRIOR_LABELS,
) -> tuple[Vectors, NDArray[np.int64]]:
    """Each question as the mean of itself, `prior` times, and of the labelled queries nearest to it; float32 (c, d).

    `questions` (c, d) and `labels` (l, d) are unit vectors, `owners` (c,) as in `ranking.entry_scores`; `rows` (l,)
    and `weights` (l,) are the entry of each label and how sure it is. A label counts for the question of its entry
    that it is nearest to. Also returns how many labels each question got, (c,). The vectors have length 1.
    Raises ValueError for a prior of 0 or less. The class means of nearest-mean classifiers and of prototypical
    networks (Snell et al. 2017, arXiv 1703.05175), shrunk to the question.
    """
    if not prior > 0:
        raise ValueError(f"a prior of {prior} leaves questions without labels no place")
    sums = prior * questions.astype(np.float64)
    counts = np.zeros(len(questions), dtype=np.int64)
    slices = entry_slices(owners)
    order = np.argsort(rows, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1) if len(order) else []:
        of_entry = slices[rows[mine[0]]]
        nearest = of_entry.start + (labels[mine] @ questions[of_entry].T).argmax(axis=1)
        np.add.at(sums, nearest, weights[mine, None] * labels[mine].astype(np.float64))
        np.add.at(counts, nearest, 1)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    # Labels that all point away from their question, and cancel it out, say nothing about it.
    whole = np.where(lengths > LEAST_LENGTH * prior, sums, questions)
    return (whole / np.linalg.norm(whole, axis=1, keepdims=True)).astype(np.float32), counts
