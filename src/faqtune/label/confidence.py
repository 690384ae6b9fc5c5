"""How sure a label of the reply rules is, estimated without a single hand label.

An entry that the reply ranks second or third is of the same topic but wrong. How often the query
finds such a decoy is how often it would find the first one if the reply were misleading; what the
first one has above that is real. In a bin of like reply similarity with a share r of right
replies, the query has the entry among its best with probability a = rR + (1 - r)d, where d is the
decoys' rate and R the rate for right replies. So r = (a - d) / (R - d), and of the exchanges that
agree a share rR / (rR + (1 - r)d) is right.

R cannot be seen: it lies between the highest a of any bin and 1. The middle of the two is taken,
which is wrong by little where it matters, and keeps r low where no bin agrees more than its decoys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.label.evidence import Evidence
from faqtune.records import normalise

LEAST_IN_BIN = 50
MOST_BINS = 12
EDGE_DIGITS = 4
"""Bins begin at cosines cut to so many digits: rounding errors must not tear equal replies apart."""
LEAST_GAP = 0.1
"""Least difference of R and d that tells right from wrong replies; below, nothing can be known."""
PRIOR_EXCHANGES = 5.0
"""Exchanges that every bin is credited with in which the entry is found as often as its decoys: few prove little."""
PRIOR_REPLIES = 4.0
"""Weight of the average when a reply's own record is judged (additive smoothing)."""
LEAST_EXPECTED = 0.5
"""Least share of agreement that is expected of a reply worth its place."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Exchanges with a reply cosine in [low, high): how many, how many agree, at what rate decoys do,
    and the estimated share of right labels among those that the rules label from there on."""

    low: float
    high: float
    count: int
    agreeing: int
    decoy_rate: float
    precision: float


def estimate(
    evidence: Evidence, trust: NDArray[np.float64], *, both_sides: bool = True
) -> tuple[tuple[Bin, ...], NDArray[np.float64]]:
    """Bins from low to high cosine, and per exchange (n,) the probability that its label is right.

    `trust` (n,), 0 to 1, weighs the exchanges (`stock_reply_factor`). With `both_sides` only
    exchanges that agree are labelled, and the others have probability 0; without, all are.
    The share of right replies never falls as the cosine rises (isotonic regression). Where the query
    ranks the entry does not enter: measured on queries that the model already ranks first, every
    model would look perfect and none could improve.
    """
    from sklearn.isotonic import IsotonicRegression  # takes a second to import, and most commands label nothing

    number, edges = _binned(evidence.similarity)
    weight = np.maximum(np.bincount(number, weights=trust), 1e-9)
    decoy = np.bincount(number, weights=trust * evidence.decoy_rate) / weight
    agreeing = np.bincount(number, weights=trust * evidence.agrees)
    agree = (agreeing + PRIOR_EXCHANGES * decoy) / (weight + PRIOR_EXCHANGES)
    recall = (1 + agree.max()) / 2
    right = np.clip((agree - decoy) / np.maximum(recall - decoy, LEAST_GAP), 0.0, 1.0)
    right = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(np.arange(len(right)), right, sample_weight=weight)
    precision = _posterior(right, recall, decoy) if both_sides else right
    counts = np.bincount(number), np.bincount(number, weights=evidence.agrees)
    bins = tuple(
        Bin(float(low), float(high), int(n), int(a), float(d), float(p))
        for low, high, n, a, d, p in zip(edges[:-1], edges[1:], *counts, decoy, precision, strict=True)
    )
    labelled = evidence.agrees if both_sides else np.ones(len(number), dtype=bool)
    return bins, np.where(labelled, precision[number], 0.0)


def _posterior(right: NDArray[np.float64], recall: float, decoy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of right replies among those that agree; 0 where none would agree."""
    found = right * recall
    total = found + (1 - right) * decoy
    return np.divide(found, total, out=np.zeros_like(total), where=total > 0)


def _binned(similarity: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Bin number (n,) and edges: each bin holds the lower half of what is left, at least `LEAST_IN_BIN`."""
    shares = [0.0]
    while len(shares) < MOST_BINS and len(similarity) * (1 - shares[-1]) / 2 >= LEAST_IN_BIN:
        shares.append((1 + shares[-1]) / 2)
    scale = 10**EDGE_DIGITS
    starts = np.unique(np.floor(np.quantile(similarity.astype(float), shares) * scale - 0.5)) / scale
    number = np.searchsorted(starts, similarity.astype(float), side="right") - 1
    present, number = np.unique(number, return_inverse=True)
    return number, np.append(starts[present], float(similarity.max()) + 1 / scale)


def stock_reply_factor(replies: Sequence[str], evidence: Evidence) -> NDArray[np.float64]:
    """Per exchange (n,), 0 to 1: near 0 for a reply that follows everything.

    Such a reply agrees with the query no more often than its decoys do, however often it is sent.
    A reply is judged by the other times it was sent, never by the exchange itself; one that was
    sent only a few times has the benefit of the doubt.
    """
    numbers: dict[str, int] = {}
    number = np.array([numbers.setdefault(normalise(reply), len(numbers)) for reply in replies])
    expected = max(LEAST_EXPECTED, float(evidence.agrees.mean()))
    rate = _of_the_others(number, evidence.agrees.astype(float), expected)
    chance = _of_the_others(number, evidence.decoy_rate, float(evidence.decoy_rate.mean()))
    factor: NDArray[np.float64] = np.clip((rate - chance) / np.maximum(expected - chance, LEAST_GAP), 0.0, 1.0)
    return factor


def _of_the_others(number: NDArray[np.int64], values: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
    """Per row (n,) the mean of `values` over the other rows with its `number`, drawn towards `prior`."""
    others: NDArray[np.float64] = np.bincount(number, weights=values)[number] - values
    return (others + PRIOR_REPLIES * prior) / (np.bincount(number)[number] - 1 + PRIOR_REPLIES)
