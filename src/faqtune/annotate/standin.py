"""A stand-in for trainings: what labels would bring a model that is only turned, by one matrix in closed form.

A point of the real learning curve costs a training; this one costs the solving of a linear system. The matrix M takes
each labelled text (the catalogue's own questions, weak labels, people's labels) to the middle of its entry's
questions, and noise (chatter, and what people say has no entry) to nothing; it stays near the identity:

    sum |M x - y|² + w sum |M n|² + r |M - I|²

The score of an entry's question is the cosine without the query's length, so that what M shrinks scores low. It is no
forecast of what a tuned model will do, and is called a stand-in wherever it is shown; how well it goes with trainings
is in docs/experiments.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.annotate.curve import Point
from faqtune.encoder import Vectors
from faqtune.evaluate.metrics import oscr
from faqtune.evaluate.tallies import once, tally

RIDGE, NOISE_WEIGHT = 0.3, 0.3
"""r, as a share of the texts' mean variance times their number; all noise together, as a share of all texts."""
PARTS = 6
"""Amounts of labels that the curve is measured at, besides none."""
DRAWS = 5
"""Random subsets per amount."""
NOISE_PERCENT = 5
UNLABELLED = -2
"""In place of an entry row."""


@dataclass(frozen=True)
class Labelled:
    """Unit vectors of queries (n, d) and the entry row of each, -1 for none (int64 (n,))."""

    vectors: Vectors
    entries: NDArray[np.int64]


@dataclass(frozen=True)
class Turned:
    """The matrix M (d, d) and the middle of all texts (d,), from which everything is measured."""

    matrix: NDArray[np.float64]
    middle: NDArray[np.float64]

    def scores(self, queries: Vectors, questions: Vectors) -> NDArray[np.float32]:
        """float32 (q, c)."""
        towards = questions - self.middle
        towards /= np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-12)
        found: NDArray[np.float32] = ((queries - self.middle) @ self.matrix.T @ towards.T).astype(np.float32)
        return found


def turn(questions: Vectors, owners: Sequence[int], noise: Vectors, labels: Sequence[Labelled]) -> Turned:
    """The matrix for a catalogue (c, d), chatter (m, d) and labels of any number of sources."""
    owner = np.asarray(owners, dtype=np.int64)
    known = Labelled(
        np.concatenate([questions, *(one.vectors for one in labels)]),
        np.concatenate([owner, *(one.entries for one in labels)]),
    )
    own = known.entries >= 0
    centres = np.zeros((int(owner.max()) + 1, questions.shape[1]))
    np.add.at(centres, owner, questions)
    centres /= np.bincount(owner)[:, None]
    rejected = np.concatenate([noise, known.vectors[~own]])
    texts = known.vectors[own]
    middle = np.concatenate([texts, rejected]).mean(axis=0, dtype=np.float64)
    x, n, y = texts - middle, rejected - middle, centres[known.entries[own]] - middle
    ridge = RIDGE * (x**2).sum() / x.shape[1] * np.eye(x.shape[1])
    weight = NOISE_WEIGHT * len(x) / max(1, len(n))
    # The system is symmetric: M A = B is A M' = B'.
    matrix = np.linalg.solve(x.T @ x + weight * n.T @ n + ridge, x.T @ y + ridge).T
    return Turned(matrix, middle)


def score(
    questions: Vectors,
    owners: Sequence[int],
    noise: Vectors,
    known: Labelled,
    test: Labelled,
    weak: Labelled | None = None,
) -> float:
    """OSCR@5% on `test` with the labels of `known`, beside weak ones; NaN without queries or without noise."""
    queries = test.entries >= 0
    if not queries.any() or queries.all():
        return float("nan")
    turned = turn(questions, owners, noise, [known] if weak is None else [known, weak])
    scores = turned.scores(test.vectors, questions)
    best = scores.max(axis=1)
    right = (np.asarray(owners)[scores.argmax(axis=1)] == test.entries)[queries]
    counts = once(int(queries.sum()))
    found = oscr(
        tally(best[queries], counts),
        tally(best[queries][right], counts[right]),
        tally(best[~queries], once(int((~queries).sum()))),
        NOISE_PERCENT,
    )
    return float(found[0])


def stand_in_curve(
    questions: Vectors,
    owners: Sequence[int],
    noise: Vectors,
    known: Labelled,
    test: Labelled,
    *,
    weak: Labelled | None = None,
    machines: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> list[Point]:
    """Points from no label to all of `known`: at each amount between, `DRAWS` random subsets.

    `weak` are machines' labels of other queries. `machines` (n,): what machines say of those of `known`, `UNLABELLED`
    where nothing; it counts where the label by hand is not in the subset, as it did before that was given. `test`
    shares no conversation with `known` or `weak`; `noise` (m, d) is chatter for training.
    """
    total = len(known.entries)
    amounts = sorted({round(total * part / PARTS) for part in range(PARTS + 1)})
    rng = np.random.default_rng(seed)
    points = []
    for amount in amounts:
        for _ in range(DRAWS if 0 < amount < total else 1):
            order = rng.permutation(total)
            some = Labelled(known.vectors[order[:amount]], known.entries[order[:amount]])
            rest = _said_by_machines(known, machines, order[amount:], weak)
            points.append(Point(amount, score(questions, owners, noise, some, test, rest)))
    return points


def _said_by_machines(
    known: Labelled, machines: NDArray[np.int64] | None, rows: NDArray[np.int64], weak: Labelled | None
) -> Labelled | None:
    """`weak`, and what machines say of these rows of `known`."""
    if machines is None:
        return weak
    rows = rows[machines[rows] != UNLABELLED]
    if weak is None:
        return Labelled(known.vectors[rows], machines[rows])
    return Labelled(np.concatenate([weak.vectors, known.vectors[rows]]), np.concatenate([weak.entries, machines[rows]]))
