"""How sure a label of the reply rules is, estimated without a single hand label.

An entry that the reply ranks second or third is of the same topic but wrong. How often the query
finds such a decoy is how often it would find the first one if the reply were misleading; what the
first one has above that is real. In a bin of like reply similarity with a share r of right
replies, the query has the entry among its best with probability a = rR + (1 - r)d, where d is the
decoys' rate and R the rate for right replies, taken from the bin where agreement is highest. So
r = (a - d) / (R - d), and of the exchanges that agree a share 1 - (1 - r) d / a is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from faqtune.label.evidence import Evidence
from faqtune.records import normalise

LEAST_IN_BIN = 30
MOST_BINS = 12
PRIOR_REPLIES = 4.0
"""Weight of the average when a reply's own record is judged (additive smoothing)."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Exchanges with a reply cosine in [low, high): how many, how many agree, at what rate decoys do,
    and the estimated share of right labels among the agreeing ones."""

    low: float
    high: float
    count: int
    agreeing: int
    decoy_rate: float
    precision: float


def estimate(evidence: Evidence) -> tuple[tuple[Bin, ...], NDArray[np.float64]]:
    """Bins from low to high cosine, and the probability (n,) that each agreeing exchange is labelled right.

    The share of right replies never falls as the cosine rises (isotonic regression). Where the query
    ranks the entry does not enter: measured on queries that the model already ranks first, every
    model would look perfect and none could improve.
    """
    number, edges = _binned(evidence.similarity)
    count = np.bincount(number, minlength=len(edges) - 1)
    agree = np.bincount(number, weights=evidence.agrees) / count
    decoy = np.bincount(number, weights=(evidence.decoy_places < evidence.query_top).mean(axis=1)) / count
    ceiling = float(np.clip(agree.max(), 0.3, 0.95))
    right = np.clip((agree - decoy) / np.maximum(ceiling - decoy, 1e-6), 0.0, 1.0)
    right = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(np.arange(len(right)), right, sample_weight=count)
    wrong_by_chance = np.divide(decoy, agree, out=np.ones_like(agree), where=agree > 0)
    precision = np.clip(1 - (1 - right) * wrong_by_chance, 0.0, 1.0)
    agreeing = np.bincount(number, weights=evidence.agrees, minlength=len(count)).astype(int)
    bins = tuple(
        Bin(float(low), float(high), int(n), int(a), float(d), float(p))
        for low, high, n, a, d, p in zip(edges[:-1], edges[1:], count, agreeing, decoy, precision, strict=True)
    )
    return bins, np.where(evidence.agrees, precision[number], 0.0)


def _binned(similarity: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Bin number (n,) and edges: each bin holds the upper half of what is left, at least `LEAST_IN_BIN`."""
    shares = [0.0]
    while len(shares) < MOST_BINS and len(similarity) * (1 - shares[-1]) / 2 >= LEAST_IN_BIN:
        shares.append(1 - (1 - shares[-1]) / 2)
    edges = np.unique(np.quantile(similarity.astype(float), [*shares, 1.0]))
    if len(edges) < 2:
        edges = np.array([edges[0], np.nextafter(edges[0], 2)])
    number = np.clip(np.searchsorted(edges, similarity, side="right") - 1, 0, len(edges) - 2)
    present, number = np.unique(number, return_inverse=True)
    return number, np.append(edges[present], edges[-1])


def stock_reply_factor(replies: Sequence[str], evidence: Evidence) -> NDArray[np.float64]:
    """Per exchange (n,), 0 to 1: near 0 for a reply that follows everything.

    Such a reply agrees with the query no more often than its decoys do, however often it is sent;
    a reply seen only a few times is given the benefit of the doubt.
    """
    keys = [normalise(reply) for reply in replies]
    total: Counter[str] = Counter(keys)
    agreeing: Counter[str] = Counter()
    decoys: Counter[str] = Counter()
    decoy_rate = (evidence.decoy_places < evidence.query_top).mean(axis=1)
    for key, agrees, decoy in zip(keys, evidence.agrees, decoy_rate, strict=True):
        agreeing[key] += int(agrees)
        decoys[key] += float(decoy)
    usual = float(evidence.agrees.mean())
    factors = {}
    for key, count in total.items():
        rate = (agreeing[key] + PRIOR_REPLIES * max(0.5, usual)) / (count + PRIOR_REPLIES)
        chance = decoys[key] / count
        factors[key] = float(np.clip((rate - chance) / max(max(0.5, usual) - chance, 0.05), 0.0, 1.0))
    return np.array([factors[key] for key in keys])
