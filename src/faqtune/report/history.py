"""The log of a training as lines over steps: stages follow each other on one axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from faqtune.report.svg import Point

DRAWN_POINTS = 300
SMOOTHED_SHARE = 0.04
"""Share of a stage's steps that one point of the smoothed loss is the mean of."""


@dataclass(frozen=True, slots=True)
class Training:
    """`losses`: (step, loss) per stage; `figures`: (step, value) by name; `starts`: step before each stage's first.

    Steps count from the start of the training. `best_step` is None where nothing was measured,
    0 where the base model stayed best.
    """

    steps: int
    starts: tuple[int, ...]
    losses: tuple[tuple[Point, ...], ...]
    figures: dict[str, tuple[Point, ...]]
    best_step: int | None


def training(history: Sequence[Mapping[str, Any]]) -> Training:
    """Read the events `step`, `measured` and `mined` of `log.jsonl`; others, and numbers that are not finite, are
    passed over."""
    lengths: dict[int, int] = {}
    for event in history:
        if event.get("event") == "step":
            lengths[event["stage"]] = max(lengths.get(event["stage"], 0), event["step"])
    starts, total = {}, 0
    for stage in sorted(lengths):
        starts[stage], total = total, total + lengths[stage]
    losses: dict[int, list[Point]] = {stage: [] for stage in starts}
    figures: dict[str, list[Point]] = {}
    best: int | None = None
    for event in history:
        kind = event.get("event")
        if kind not in ("step", "measured", "mined"):
            continue
        step = starts.get(event["stage"], 0) + event["step"]
        if kind == "step" and math.isfinite(event["loss"]):
            losses[event["stage"]].append((step, event["loss"]))
        for name, value in event.get("figures", {}).items():
            # Mining looks at the noise that is trained on, measuring at the noise of the selection part.
            name = f"{name}/selection" if kind == "measured" and name == "noise_similarity" else name
            if math.isfinite(value):
                figures.setdefault(name, []).append((step, value))
        if event.get("best"):
            best = step
    return Training(
        total,
        tuple(starts.values()),
        tuple(tuple(points) for points in losses.values()),
        {name: tuple(points) for name, points in figures.items()},
        best,
    )


def smoothed(points: Sequence[Point]) -> list[Point]:
    """Means over a window of steps centred on each point (shorter at the ends), at most DRAWN_POINTS of them.

    >>> smoothed([(1, 4.0), (2, 1.0), (3, 1.0)])
    [(1, 2.5), (2, 2.0), (3, 1.0)]
    """
    half = max(1, round(len(points) * SMOOTHED_SHARE / 2))
    sums = [0.0]
    for _, value in points:
        sums.append(sums[-1] + value)
    drawn = []
    for place in _spread(len(points), DRAWN_POINTS):
        first, last = max(0, place - half), min(len(points), place + half + 1)
        drawn.append((points[place][0], (sums[last] - sums[first]) / (last - first)))
    return drawn


def thinned(points: Sequence[Point]) -> list[Point]:
    """`points` themselves, or the lowest and highest of each of DRAWN_POINTS buckets, so that no peak is lost."""
    if len(points) <= 2 * DRAWN_POINTS:
        return list(points)
    edges = [round(bucket * len(points) / DRAWN_POINTS) for bucket in range(DRAWN_POINTS + 1)]
    drawn: list[Point] = []
    for first, last in pairwise(edges):
        bucket = points[first:last]
        ends = {min(bucket, key=_value), max(bucket, key=_value)}
        drawn.extend(sorted(ends))
    return drawn


def _value(point: Point) -> float:
    return point[1]


def _spread(length: int, count: int) -> Iterable[int]:
    """At most `count` places of 0 to `length` - 1, evenly, both ends among them."""
    if length <= count:
        return range(length)
    return sorted({round(place * (length - 1) / (count - 1)) for place in range(count)})
