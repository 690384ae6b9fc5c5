"""The learning curve of real tunings: what each reached on the selection part, and what more labels would bring.

A stand-in (`faqtune.annotate.standin`) answers where there are fewer than `LEAST_AMOUNTS` of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faqtune.annotate.curve import (
    CANNOT_SAY,
    FEW,
    FLAT,
    OPEN,
    RESAMPLES,
    RISING,
    WEAK,
    WIDE,
    WIDEST,
    WORTH,
    Projection,
    fit,
)

LEAST_AMOUNTS = 3
"""Different amounts of hand labels in trainings of one kind."""
SEED_ERROR = 0.012
"""Standard deviation of OSCR@5% between trainings that differ by their seed, at least: five seeds of `default` span
2.9 and 3.4 points on two sets of data (docs/experiments.md), and a range of five is 2.3 standard deviations."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """One training: OSCR@5% on the selection part, 0 to 1, with its 95 % interval, and how many hand labels trained.

    `kind` is what trainings must share to stand on one curve: the recipe but for its seed, and the model at the
    bottom. `on_purpose`: it was made for the curve. `resampled` are the figure's values in the same resamples of the
    selection part for all points. `by_people`: its `queries` have labels by hand; else machines' labels, against which
    no model can show that it has learned to correct them.
    """

    run: str
    labels: int
    value: float
    low: float
    high: float
    recipe: str
    on_purpose: bool
    kind: str
    queries: int
    by_people: bool
    resampled: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """`points` of all tunings, by labels; `projection` from those of one `kind`, which `runs` names."""

    points: tuple[Tuned, ...]
    projection: Projection
    runs: tuple[str, ...]

    @property
    def can_tell(self) -> bool:
        """Whether the projection is from tunings; else a stand-in has to do."""
        return bool(self.runs)


def learned(points: Sequence[Tuned], *, ahead: int = 100, seed: int = 0) -> Learned:
    """The projection of the kind of trainings with the most amounts of labels; of equals, the one with the most.

    Where machines' labels measure, a level curve is no reason to stop, and it says so (`WEAK`).
    """
    ordered = tuple(sorted(points, key=lambda point: (point.labels, point.run)))
    kinds: dict[str, list[Tuned]] = defaultdict(list)
    for point in ordered:
        kinds[point.kind].append(point)
    best = max(kinds.values(), key=lambda of: (_amounts(of), of[-1].labels), default=[])
    if _amounts(best) < LEAST_AMOUNTS:
        return Learned(ordered, Projection(ahead, np.nan, np.nan, np.nan, CANNOT_SAY, FEW), ())
    found = project_tuned(best, ahead=ahead, seed=seed)
    if found.verdict == FLAT and not all(point.by_people for point in best):
        # Measured: level against the rules' labels, and 5 to 8 points up on labels by hand (docs/experiments.md).
        found = replace(found, gain=np.nan, verdict=CANNOT_SAY, why=WEAK)
    return Learned(ordered, found, tuple(point.run for point in best))


def _amounts(points: Sequence[Tuned]) -> int:
    return len({point.labels for point in points})


def project_tuned(points: Sequence[Tuned], *, ahead: int = 100, seed: int = 0) -> Projection:
    """What `ahead` labels more than the largest amount would bring by the power law through `points`.

    The interval is from the bootstrap: in each of `RESAMPLES` rounds every point has its value in the same resample
    of the selection part, and a normal error of a training's own chance: the residuals' size (three parameters taken
    off), but no less than `SEED_ERROR`. It does not cover whether the law holds beyond the points.
    """
    labels = np.array([point.labels for point in points], dtype=np.float64)
    values = np.array([point.value for point in points])
    law, now = fit(labels, values), float(labels.max())
    spare = len(points) - 3
    residual = float(np.sqrt(((values - law.at(labels)) ** 2).sum() / spare)) if spare > 0 else 0.0
    drawn = _drawn(points, max(SEED_ERROR, residual), seed)
    gains = [_gain(labels, row, now, ahead) for row in drawn]
    low, high = np.percentile(gains, (2.5, 97.5))
    if high - low > WIDEST:
        return Projection(ahead, np.nan, float(low), float(high), CANNOT_SAY, WIDE)
    verdict = FLAT if high < WORTH else RISING if low >= WORTH else OPEN
    return Projection(ahead, float(law.at(now + ahead) - law.at(now)), float(low), float(high), verdict)


def _gain(labels: NDArray[np.float64], values: NDArray[np.float64], now: float, ahead: int) -> float:
    law = fit(labels, values)
    return float(law.at(now + ahead) - law.at(now))


def _drawn(points: Sequence[Tuned], size: float, seed: int) -> NDArray[np.float64]:
    """float64 (rounds, points)."""
    resampled = np.array([point.resampled for point in points], dtype=np.float64).T
    defined = resampled[~np.isnan(resampled).any(axis=1)][:RESAMPLES]
    return defined + np.random.default_rng(seed).normal(0, size, defined.shape)


def as_shown(points: Sequence[Tuned]) -> list[dict[str, Any]]:
    """Without the resamples, as they are printed and sent to the page."""
    return [
        {name: value for name, value in asdict(point).items() if name not in ("resampled", "kind")} for point in points
    ]
