"""From a score to the probability that answering with the best entry is right, and how true such a probability is.

Everything is for a mix of as many questions as noise: `half_and_half` weighs them so, whatever the data holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from faqtune.evaluate.slices import units, wilson
from faqtune.evaluate.tallies import Counts, Figures
from faqtune.scorecard import Record, ReliabilityBin

if TYPE_CHECKING:
    from faqtune.evaluate.outcomes import Outcomes

ENOUGH_FOR_STEPS = 1000
"""Texts from which on isotonic regression is trusted; with fewer it follows chance (Niculescu-Mizil & Caruana 2005)."""

BINS = 10
NEWTON_STEPS = 100


class ProbabilityMap(Record):
    """From scores to probabilities, of one model: `curve` says how.

    `kind` sigmoid: 1 / (1 + exp(-(`slope` * score + `intercept`))), Platt 1999. `kind` isotonic: linear between
    (`scores`, `probabilities`), level outside. Set on the calibration part, with as many questions as noise.
    """

    kind: Literal["sigmoid", "isotonic"]
    slope: float = 0.0
    intercept: float = 0.0
    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()
    queries: int
    noise: int
    calibration_digest: str

    def of(self, scores: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of a right answer, float64 (n,), for scores (n,)."""
        asked = np.asarray(scores, dtype=np.float64)
        if self.kind == "isotonic":
            return np.interp(asked, self.scores, self.probabilities)
        return _sigmoid(self.slope * asked + self.intercept)


def probability_map(outcomes: Outcomes) -> ProbabilityMap | None:
    """Fit the map on outcomes of the calibration part; None without noise, or where all or none is right."""
    scores, right, weights = half_and_half(outcomes)
    written = outcomes.data.written_rows
    if not len(written) or not 0 < weights @ right < 1:
        return None
    queries, noise, digest = len(outcomes.scores), len(written), outcomes.data.digest()
    if len(scores) >= ENOUGH_FOR_STEPS:
        x, y = isotonic(scores, right, weights)
        return ProbabilityMap(
            kind="isotonic", scores=tuple(x.tolist()), probabilities=tuple(y.tolist()),
            queries=queries, noise=noise, calibration_digest=digest,
        )  # fmt: skip
    slope, intercept = platt(scores, right, weights * len(scores))
    return ProbabilityMap(
        kind="sigmoid", slope=slope, intercept=intercept, queries=queries, noise=noise, calibration_digest=digest
    )


def half_and_half(
    outcomes: Outcomes,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Score, whether answering is right (1.0 or 0.0), and weight of every query, then of every written noise sentence.

    float64 (p + w,) each; the queries' weights add up to one half, and the noise's; without noise the queries' to 1.
    """
    noise = outcomes.noise_scores[outcomes.data.written_rows]
    queries = len(outcomes.scores)
    scores = np.r_[outcomes.scores, noise].astype(np.float64)
    right = np.r_[outcomes.ranks == 1, np.zeros(len(noise), bool)].astype(np.float64)
    if not len(noise):
        return scores, right, np.full(queries, 1 / queries)
    return scores, right, np.r_[np.full(queries, 0.5 / queries), np.full(len(noise), 0.5 / len(noise))]


def platt(scores: NDArray[np.float64], right: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and intercept of the logistic curve with the highest likelihood, by Newton's method; all arrays (n,).

    Targets are drawn in from 0 and 1 as Platt does, so that perfectly separate scores have an end; the slope is not
    let below 0: more similar is never less probable.
    """
    positive, negative = float(weights @ right), float(weights @ (1 - right))
    target = np.where(right > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))
    middle = float(weights @ scores / weights.sum())
    spread = max(float(np.sqrt(weights @ (scores - middle) ** 2 / weights.sum())), 1e-12)
    features = np.c_[(scores - middle) / spread, np.ones(len(scores))]
    found = np.array([0.0, np.log((positive + 1) / (negative + 1))])
    for _ in range(NEWTON_STEPS):
        probability = _sigmoid(features @ found)
        slope = features.T @ (weights * (probability - target))
        curvature = (features * (weights * probability * (1 - probability))[:, None]).T @ features
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), slope)
        # A long step over the flat part of the curve would only come back.
        found -= step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-12:
            break
    if found[0] < 0:
        share = (positive + 1) / (positive + negative + 2)
        return 0.0, float(np.log(share / (1 - share)))
    return float(found[0] / spread), float(found[1] - found[0] * middle / spread)


def isotonic(
    scores: NDArray[np.float64], right: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rising steps nearest to `right`, as points (scores, probabilities) to draw lines between."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, right, sample_weight=weights)
    return fitted.X_thresholds_.astype(np.float64), fitted.y_thresholds_.astype(np.float64)


class CalibrationError:
    """Expected calibration error as a function of counts: mean distance of what is said and what comes true, over ten
    bins of equal width, with as many questions as noise. Naeini et al. 2015.
    """

    def __init__(self, outcomes: Outcomes) -> None:
        said, right, members = _binned(outcomes)
        # Both means of a bin have the same weights: their difference is one sum.
        self.off = members * (said - right)
        self.queries, self.written = len(outcomes.scores), outcomes.data.written_rows

    def __call__(self, queries: Counts, noise: Counts) -> Figures:
        """float64 (b,); `queries` (p, b) and `noise` (n, b)."""
        off = self.off[:, : self.queries] @ queries / np.maximum(queries.sum(axis=0), 1)
        if len(self.written):
            written = noise[self.written]
            off = (off + self.off[:, self.queries :] @ written / np.maximum(written.sum(axis=0), 1)) / 2
        error: Figures = np.abs(off).sum(axis=0)
        return error


def reliability(outcomes: Outcomes) -> list[ReliabilityBin]:
    """What was said and what came true, bin by bin, with as many questions as noise; intervals as in `wilson`."""
    if outcomes.probability is None:
        return []
    said, right, members = _binned(outcomes)
    weights = half_and_half(outcomes)[2]
    data = outcomes.data
    groups = [p.group for p in data.positives] + [data.negatives[row].group for row in data.written_rows]
    bins = []
    for number, inside in enumerate(members > 0):
        rows = np.flatnonzero(inside)
        if len(rows):
            total = float(weights[rows].sum())
            share = float(weights[rows] @ right[rows]) / total
            observed = wilson(share * len(rows), len(rows), units([groups[row] for row in rows]))
            predicted = float(weights[rows] @ said[rows]) / total
            bins.append(
                ReliabilityBin(low=number / BINS, high=(number + 1) / BINS, predicted=predicted, observed=observed)
            )
    return bins


def _binned(outcomes: Outcomes) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Probability and truth of every row (n,), and which of the bins it is in, float64 (BINS, n)."""
    assert outcomes.probability is not None
    scores, right, _ = half_and_half(outcomes)
    said = outcomes.probability.of(scores)
    number = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    return said, right, (number == np.arange(BINS)[:, None]).astype(np.float64)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))
