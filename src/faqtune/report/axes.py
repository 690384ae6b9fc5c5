"""Axes: what a value's place is, and where the ticks stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from faqtune.report.svg import Point


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values with labelled ticks. With `root` small values get more room (square-root scale)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    label: str = ""
    root: bool = False

    def share(self, value: float) -> float:
        """Place of `value` in 0 to 1; what lies outside is moved to the nearer end."""
        inside = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return math.sqrt(inside) if self.root else inside


@dataclass(frozen=True, slots=True)
class Box:
    """Where the data of a chart is drawn, in pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def x(self, axis: Axis, value: float) -> float:
        return self.left + self.width * axis.share(value)

    def y(self, axis: Axis, value: float) -> float:
        return self.bottom - self.height * axis.share(value)

    def points(self, x_axis: Axis, y_axis: Axis, points: Iterable[Point]) -> list[Point]:
        return [(self.x(x_axis, x), self.y(y_axis, y)) for x, y in points]


def share_axis(label: str) -> Axis:
    """All shares from 0 to 100 %."""
    return Axis(0.0, 1.0, _percent(0.0, 0.25, 0.5, 0.75, 1.0), label)


def small_share_axis(label: str) -> Axis:
    """All shares from 0 to 100 %, with most room for the small ones, which matter for noise."""
    return Axis(0.0, 1.0, _percent(0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0), label, root=True)


def fitted_share_axis(values: Iterable[float], label: str, intervals: int = 3) -> Axis:
    """The part of 0 to 100 % that holds all `values`."""
    return _fitted(values, label, intervals, percent=True)


def fitted_axis(values: Iterable[float], label: str, intervals: int = 3, *, from_zero: bool = False) -> Axis:
    """A range with round ends that holds all `values`."""
    return _fitted([*values, 0.0] if from_zero else values, label, intervals, percent=False)


def count_axis(most: int, label: str, intervals: int = 4) -> Axis:
    """Whole numbers from 0 to `most`; the last tick may lie short of the end."""
    high = max(1, most)
    step = max(1.0, _round_step(high / intervals))
    return Axis(0.0, float(high), tuple((value, f"{value:,.0f}") for value in _multiples(0.0, high, step)), label)


def _fitted(values: Iterable[float], label: str, intervals: int, *, percent: bool) -> Axis:
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    least = 0.02 if percent else max(1e-6, abs(high) * 0.02)
    if high - low < least:
        low, high = low - least / 2, high + least / 2
    step = _round_step((high - low) / intervals)
    low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    if percent:
        low, high = max(0.0, low), min(1.0, high)
    values_at_ticks = _multiples(low, high, step)
    if percent:
        return Axis(low, high, _percent(*values_at_ticks), label)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return Axis(low, high, tuple((v, f"{v + 0.0:.{decimals}f}") for v in values_at_ticks), label)


def _round_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, whichever is nearest to `step` in ratio.

    >>> [_round_step(s) for s in (0.6, 1.2, 32)]
    [0.5, 1.0, 50.0]
    """
    power = 10.0 ** math.floor(math.log10(step))
    return min((factor * power for factor in (1, 2, 5, 10)), key=lambda round_: abs(math.log(round_ / step)))


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def _percent(*shares: float) -> tuple[tuple[float, str], ...]:
    """The sign of percent stands once, at the highest tick.

    >>> _percent(0.0, 0.025, 1.0)
    ((0.0, '0'), (0.025, '2.5'), (1.0, '100 %'))
    """
    last = len(shares) - 1
    return tuple(
        (share, f"{round(100 * share, 2):g}{' %' if place == last else ''}") for place, share in enumerate(shares)
    )
