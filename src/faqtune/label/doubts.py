"""Labels that are likely wrong, found by a model that has not learned them (confident learning).

Northcutt, Jiang, Chuang: Confident Learning, arXiv 1911.00068. A class's threshold is the mean probability that the
model gives it where it is the label. A query whose label is y, but that reaches the threshold of another class j (of
several, the most probable one), counts as likely j. The thresholds make up for classes of which the model is always
more, or less, sure. Those of thin classes are drawn towards the mean of all.

The probabilities must be out of sample: a model that was trained on a wrong label repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRIOR_LABELS = 5.0
"""Labels of mean probability that every class is credited with."""
TEMPERATURES = np.geomspace(0.003, 1.0, 40)
FITTED_ROWS = 2000
"""Rows that the temperature is fitted on; a single number needs no more."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row whose label is likely wrong, the class it likely is, and by how much more probable that is.

    `score` is (1 + p(suggested) - p(label)) / 2, 0 to 1: the normalised margin of the paper.
    """

    row: int
    suggested: int
    score: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """A query whose label is doubtful: entry ids, who labelled it (`by`), and how doubtful it is, 0 to 1."""

    query: str
    text: str
    label: str
    suggested: str
    score: float
    by: tuple[str, ...]


def suspects(probabilities: NDArray[np.float64], labels: Sequence[int]) -> list[Suspect]:
    """Likely wrong labels, the most doubtful first; ties in the order of the rows.

    `probabilities` float (n, k), out of sample, rows summing to 1; `labels` (n,) are columns.
    """
    given = np.asarray(labels, dtype=np.int64)
    if not len(given):
        return []
    own = probabilities[np.arange(len(given)), given]
    confident = probabilities >= class_thresholds(own, given, probabilities.shape[1])
    likely = np.where(confident, probabilities, -1.0).argmax(axis=1)
    doubtful = np.flatnonzero(confident.any(axis=1) & (likely != given))
    scores = (1 + probabilities[doubtful, likely[doubtful]] - own[doubtful]) / 2
    order = np.argsort(-scores, kind="stable")
    return [Suspect(int(doubtful[at]), int(likely[doubtful[at]]), round(float(scores[at]), 4)) for at in order]


def class_thresholds(own: NDArray[np.float64], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """float (k,): mean of `own` (n,), the probability of each row's label, per class, drawn towards the mean of all."""
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=own, minlength=classes)
    smoothed: NDArray[np.float64] = (sums + PRIOR_LABELS * own.mean()) / (counts + PRIOR_LABELS)
    return smoothed


def probabilities(scores: NDArray[np.float32], labels: Sequence[int]) -> NDArray[np.float64]:
    """Softmax of cosines float (n, k), at the temperature that makes the labels (n,) likeliest.

    The temperature is one number for all rows, so that no row's label can make itself probable.
    """
    given = np.asarray(labels, dtype=np.int64)
    rows = np.linspace(0, len(given) - 1, min(len(given), FITTED_ROWS)).astype(np.int64)
    likelihoods = [_log_likelihood(scores[rows] / temperature, given[rows]) for temperature in TEMPERATURES]
    return _softmax(scores / TEMPERATURES[int(np.argmax(likelihoods))])


def _log_likelihood(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    highest = logits.max(axis=1)
    total = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return float((logits[np.arange(len(labels)), labels] - total).sum())


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
