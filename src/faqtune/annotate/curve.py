"""The learning curve: what more labels bring, and whether the points measured so far can say.

The figure is taken to follow a power law, a - b (n + k)^-c, which learning curves of many models and tasks do over
a wide range (Hestness et al. 2017, arXiv 1712.00409); k keeps it finite where there are no labels of people at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXPONENTS = np.geomspace(0.05, 3.0, 40)
LEAST_AMOUNTS = 4
"""Different amounts of labels; with three parameters fewer fit anything."""
LEAST_SPAN = 4.0
"""The largest amount is at least so many times the smallest that is not 0."""
RESAMPLES = 500
WIDEST = 0.05
"""An interval of the gain that is wider than five points says nothing that anybody could act on."""
WORTH = 0.01
"""A gain below one point of OSCR is not worth hundreds of labels."""

FEW, CLOSE, WIDE, WEAK = "few", "close", "wide", "weak"
RISING, FLAT, OPEN, CANNOT_SAY = VERDICTS = ("rising", "flat", "open", "cannot say yet")


@dataclass(frozen=True, slots=True)
class Point:
    """A model trained with so many labels of people, and its figure, 0 to 1. Several points may share an amount."""

    labels: int
    value: float


@dataclass(frozen=True, slots=True)
class Projection:
    """What `ahead` more labels would bring: `gain` with its 95 % interval, as differences of the figure.

    `verdict`: "rising" (surely a gain), "flat" (surely less than `WORTH`), "open" (neither is sure), or "cannot say
    yet"; then the gain is NaN and `why` one of "few" (points), "close" (amounts), "wide" (the interval),
    "weak" (what it was measured against).
    """

    ahead: int
    gain: float
    low: float
    high: float
    verdict: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """a - b (n + k)^-c with b >= 0: never falls as labels come."""

    a: float
    b: float
    c: float
    k: float

    def at(self, labels: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """The figure with so many labels."""
        found: NDArray[np.float64] = self.a - self.b * (np.asarray(labels, dtype=np.float64) + self.k) ** -self.c
        return found


def fit(labels: NDArray[np.float64], values: NDArray[np.float64]) -> PowerLaw:
    """Least squares: the exponent from a grid, a and b in closed form. Falling points give the constant (b = 0)."""
    k = float(labels[labels > 0].min()) if (labels > 0).any() else 1.0
    # One column per exponent: the slope and the rest of a straight line in x = (n + k)^-c.
    x = (labels[:, None] + k) ** -EXPONENTS
    centred, rest = x - x.mean(axis=0), values - values.mean()
    slope = np.minimum(0.0, rest @ centred / np.maximum((centred**2).sum(axis=0), 1e-300))
    best = int(((rest[:, None] - slope * centred) ** 2).sum(axis=0).argmin())
    return PowerLaw(
        float(values.mean() - slope[best] * x[:, best].mean()), float(-slope[best]), float(EXPONENTS[best]), k
    )


def project(points: Sequence[Point], *, ahead: int = 100, seed: int = 0) -> Projection:
    """What `ahead` labels more than the largest amount would bring.

    The interval: the fitted curve with normal errors of the residuals' size (three parameters taken off) is drawn
    and fitted anew `RESAMPLES` times (parametric bootstrap); 2.5th and 97.5th percentile of the gains. It covers
    the chance in the points, not whether the power law holds beyond them.
    """
    labels = np.array([point.labels for point in points], dtype=np.float64)
    values = np.array([point.value for point in points], dtype=np.float64)
    if why := _too_little(labels):
        return Projection(ahead, np.nan, np.nan, np.nan, CANNOT_SAY, why)
    law = fit(labels, values)
    now = labels.max()
    gain = float(law.at(now + ahead) - law.at(now))
    size = float(np.sqrt(((values - law.at(labels)) ** 2).sum() / max(1, len(values) - 3)))
    errors = np.random.default_rng(seed).normal(0, size, (RESAMPLES, len(values)))
    laws = [fit(labels, law.at(labels) + error) for error in errors]
    low, high = np.percentile([float(one.at(now + ahead) - one.at(now)) for one in laws], (2.5, 97.5))
    if high - low > WIDEST:
        return Projection(ahead, np.nan, float(low), float(high), CANNOT_SAY, WIDE)
    verdict = FLAT if high < WORTH else RISING if low >= WORTH else OPEN
    return Projection(ahead, gain, float(low), float(high), verdict)


def _too_little(labels: NDArray[np.float64]) -> str:
    amounts = np.unique(labels)
    if len(amounts) < LEAST_AMOUNTS or len(labels) < LEAST_AMOUNTS + 1:
        return FEW
    positive = amounts[amounts > 0]
    return CLOSE if positive.max() < LEAST_SPAN * positive.min() else ""
