"""How alike two models see the same texts, layer by layer, whatever the axes of their vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from faqtune.model import TextModel

MOST_TEXTS = 512
"""Of a probe set; memory grows with the texts, times layers, times width."""

BATCH_TEXTS = 16
"""Encoded together: the hidden states of every layer are held at once."""

LEAST_VARIANCE = 1e-12
"""Of unit vectors; below it a layer gives every text the same vector, but for the last bits."""


def linear_cka(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Linear centred kernel alignment of two sets of vectors of the same n texts, (n, d) and (n, e).

    ||B^T A||^2 / (||A^T A|| ||B^T B||) of the centred vectors in Frobenius norms, in double precision: 1 if one
    is the other turned and scaled, 0 if they have nothing in common. NaN where all vectors of one model are the
    same. Raises ValueError for different numbers of texts. Kornblith et al. 2019, arXiv 1905.00414. With fewer
    texts than dimensions it is biased towards 1: compare layers, not probe sets of different sizes.

    >>> vectors = np.eye(3, dtype=np.float32)
    >>> round(linear_cka(vectors, -2 * vectors[:, [2, 0, 1]]), 9)
    1.0
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} texts")
    if not len(a):
        return math.nan
    centred = [vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64) for vectors in (a, b)]
    if any(np.square(vectors).sum() <= LEAST_VARIANCE * max(1, len(vectors)) for vectors in centred):
        return math.nan
    grams = [vectors @ vectors.T for vectors in centred]
    return float(np.vdot(*grams) / math.sqrt(np.vdot(grams[0], grams[0]) * np.vdot(grams[1], grams[1])))


def activations(model: TextModel, texts: Sequence[str]) -> NDArray[np.float32]:
    """float32 (1 + layers, n, d): what the model would give if it ended after its embeddings, after layer 0 ..."""
    ids = model.tokenise(texts)
    order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
    batches = [order[start : start + BATCH_TEXTS] for start in range(0, len(order), BATCH_TEXTS)]
    found = np.concatenate(
        [model.embed_ids_by_layer([ids[row] for row in rows]).cpu().numpy() for rows in batches], axis=1
    )
    return found[:, np.argsort(order)]


def thinned(texts: Sequence[str]) -> list[str]:
    """At most MOST_TEXTS distinct texts, evenly spread over all.

    >>> thinned(["b", "a", "b"])
    ['b', 'a']
    """
    distinct = list(dict.fromkeys(texts))
    kept = min(len(distinct), MOST_TEXTS)
    return [distinct[len(distinct) * place // kept] for place in range(kept)]
