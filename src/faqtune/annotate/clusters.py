"""Groups of like texts, the same on every run: what is asked about, and which text is typical of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Vectors

MOST_EXACT = 20_000
"""More texts are clustered in small batches: nearly as good, and their number does not count."""
MOST_CLUSTERS = 1000


@dataclass(frozen=True)
class Clusters:
    """`number` int64 (n,): the cluster of each text; `typical` float32 (n,): its cosine with the cluster's centre."""

    number: NDArray[np.int64]
    typical: NDArray[np.float32]

    @property
    def count(self) -> int:
        return int(self.number.max()) + 1 if len(self.number) else 0


def cluster(vectors: Vectors, *, seed: int = 0, count: int | None = None) -> Clusters:
    """k-means of unit vectors (n, d); by default into about 2 √n clusters.

    k-means and not a threshold on cosines: models differ in what a cosine of 0.8 means. The same for
    the same vectors and seed. Memory grows with n, not with its square.
    """
    n = len(vectors)
    count = min(n, MOST_CLUSTERS, count if count is not None else round(2 * math.sqrt(n)))
    if count < 2:
        return Clusters(np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.float32))
    centres = _centres(np.unique(vectors, axis=0), count, seed)
    number, typical = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.float32)
    step = max(1, 16_000_000 // len(centres))
    for start in range(0, n, step):
        cosines = vectors[start : start + step] @ centres.T
        number[start : start + step] = cosines.argmax(axis=1)
        typical[start : start + step] = cosines.max(axis=1)
    # Numbered without gaps, in the order in which they first occur.
    _, first, inverse = np.unique(number, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return Clusters(place[inverse], typical)


def _centres(distinct: Vectors, count: int, seed: int) -> Vectors:
    """Unit vectors (k, d), k at most `count`."""
    from sklearn.cluster import KMeans, MiniBatchKMeans  # takes a second to import

    if len(distinct) <= count:
        return distinct
    if len(distinct) <= MOST_EXACT:
        made = KMeans(count, n_init=1, max_iter=30, random_state=seed, copy_x=False).fit(distinct)
    else:
        made = MiniBatchKMeans(count, n_init=1, batch_size=4096, random_state=seed).fit(distinct)
    centres = made.cluster_centers_.astype(np.float32)
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return centres  # type: ignore[no-any-return]
