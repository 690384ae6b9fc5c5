"""A stand-in for trainings: what labels would bring a frozen model whose labelled queries count as standard questions.

A point of the real learning curve costs a training. This one costs a matrix product: the score of an entry is the
best cosine of the query with any of its questions or of the queries that people gave to it; from the best entry's
score is taken half the best cosine with anything that people (or the chatter of the training part) say has no entry.
It is no forecast of what the tuned model will do, and is called a stand-in wherever it is shown; how well it ranks
amounts of labels as trainings do is in docs/experiments.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.annotate.curve import Point
from faqtune.encoder import Vectors
from faqtune.evaluate.metrics import once, oscr, tally

NOISE_WEIGHT = 0.5
PARTS = 6
"""Amounts of labels that the curve is measured at, besides none."""
DRAWS = 5
"""Random subsets per amount."""
NOISE_PERCENT = 5


@dataclass(frozen=True)
class Labelled:
    """Unit vectors of queries (n, d) and the entry row of each, -1 for none (int64 (n,))."""

    vectors: Vectors
    entries: NDArray[np.int64]


def score(questions: Vectors, owners: Sequence[int], noise: Vectors, known: Labelled, test: Labelled) -> float:
    """OSCR@5% on `test` of the frozen model with the labels of `known`; NaN without queries or without noise."""
    own = known.entries >= 0
    bank = np.concatenate([questions, known.vectors[own]])
    belongs = np.concatenate([np.asarray(owners, dtype=np.int64), known.entries[own]])
    rejected = np.concatenate([noise, known.vectors[~own]])
    cosines = test.vectors @ bank.T
    nearest = cosines.argmax(axis=1)
    best = cosines.max(axis=1)
    if len(rejected):
        best = best - NOISE_WEIGHT * (test.vectors @ rejected.T).max(axis=1)
    queries = test.entries >= 0
    if not queries.any() or queries.all():
        return float("nan")
    counts = once(int(queries.sum()))
    right = (belongs[nearest] == test.entries)[queries]
    found = oscr(
        tally(best[queries], counts),
        tally(best[queries][right], counts[right]),
        tally(best[~queries], once(int((~queries).sum()))),
        NOISE_PERCENT,
    )
    return float(found[0])


def stand_in_curve(
    questions: Vectors, owners: Sequence[int], noise: Vectors, known: Labelled, test: Labelled, *, seed: int = 0
) -> list[Point]:
    """Points from no label to all of `known`: at each amount between, `DRAWS` random subsets.

    `test` shares no conversation with `known`; `noise` (m, d) is chatter for training.
    """
    total = len(known.entries)
    amounts = sorted({round(total * part / PARTS) for part in range(PARTS + 1)})
    rng = np.random.default_rng(seed)
    points = []
    for amount in amounts:
        for _ in range(DRAWS if 0 < amount < total else 1):
            rows = rng.permutation(total)[:amount]
            some = Labelled(known.vectors[rows], known.entries[rows])
            points.append(Point(amount, score(questions, owners, noise, some, test)))
    return points
