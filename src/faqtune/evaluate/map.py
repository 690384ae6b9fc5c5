"""A map of catalogue, queries and noise as a model sees them: for looking at, never for choosing by.

t-SNE (van der Maaten & Hinton 2008) with a fixed seed: neighbours on the map are neighbours for the model; axes,
sizes of groups and distances between them mean nothing. The same on one machine; another may draw it a little
differently. Principal components would be the same everywhere, but of bilingual texts their first shows the
language and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Vectors
from faqtune.evaluate.examples import EvaluationSet

MOST_OF_A_KIND = 500
"""Entries, queries and noise sentences drawn; of more, some at even distances are taken."""

LEAST_POINTS = 12
"""With fewer there are no neighbourhoods to show."""

PERPLEXITY = 30
"""About how many neighbours count, as is usual; a third of all texts where there are few."""

SIDE = 1000
"""Places are whole numbers from 0 to this along the wider side."""

ENTRY, QUERY = "entry", "query"
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Landmark:
    """A text on the map. `kind` is `entry`, `query` or the stratum of a noise sentence."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where the landmarks lie, in their order. The map is turned so that noise lies right of and above the entries."""

    x: tuple[int, ...]
    y: tuple[int, ...]


def landmarks(data: EvaluationSet) -> tuple[Landmark, ...]:
    """Entries by their first question, queries, noise; at most `MOST_OF_A_KIND` each. Nothing where there are few."""
    entries = [Landmark(ENTRY, entry.questions[0]) for entry in thinned(data.catalogue.entries, MOST_OF_A_KIND)]
    queries = [Landmark(QUERY, positive.text) for positive in thinned(data.positives, MOST_OF_A_KIND)]
    written = [data.negatives[row] for row in data.written_rows]
    noise = [Landmark(negative.stratum, negative.text) for negative in thinned(written, MOST_OF_A_KIND)]
    marks = (*entries, *queries, *noise)
    return marks if len(marks) >= LEAST_POINTS else ()


def places(vectors: Vectors, marks: Sequence[Landmark]) -> Places:
    """The places of `marks` with the unit `vectors` float32 (n, d). A model that finds all alike has one place."""
    spread = float(np.ptp(vectors, axis=0).max()) if len(vectors) else 0.0
    if spread < 1e-6:
        return Places((SIDE // 2,) * len(marks), (SIDE // 2,) * len(marks))
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(marks) - 1) / 3)
    drawn = TSNE(metric="cosine", init="pca", random_state=0, perplexity=perplexity).fit_transform(vectors)
    is_entry = np.array([mark.kind == ENTRY for mark in marks])
    is_noise = np.array([mark.kind not in (ENTRY, QUERY) for mark in marks])
    along = [_facing(drawn[:, axis].astype(np.float64), is_entry, is_noise) for axis in (0, 1)]
    scale = SIDE / max(float(np.ptp(values)) for values in along)
    x, y = (tuple(int(place) for place in np.rint((values - values.min()) * scale)) for values in along)
    return Places(x, y)


def thinned(items: Sequence[Item], most: int) -> list[Item]:
    """`items`, or `most` of them at even distances.

    >>> thinned(range(10), 4)
    [0, 2, 5, 7]
    """
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]


def _facing(
    values: NDArray[np.float64], is_entry: NDArray[np.bool_], is_noise: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Left and right mean nothing on such a map; turned alike, two of them can be compared at a glance."""
    if not is_entry.any() or not is_noise.any():
        return values
    turned: NDArray[np.float64] = values if values[is_entry].mean() <= values[is_noise].mean() else -values
    return turned
