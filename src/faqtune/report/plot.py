"""The parts that charts are put together from: frame, legend, lines, bars, marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from faqtune.report.axes import Axis, Box
from faqtune.report.svg import Point, element, polyline, text, text_width

TEXT_PX = 12.0
LINE_PX = 16.0
LEGEND_GAP_PX = 14.0
SWATCH_PX = 18.0
MOST_TIPS = 30


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: `kind` is its look (a class of chart.css), `name` its place in the legend ("" for none)."""

    points: Sequence[Point]
    kind: str
    name: str = ""


def frame(box: Box, x_axis: Axis, y_axis: Axis, *, x_labels: bool = True) -> Markup:
    """Grid lines, ticks and the label of the x axis. The label of the y axis is the chart's own first line."""
    parts: list[Markup] = []
    for value, label in y_axis.ticks:
        y = box.y(y_axis, value)
        parts.append(polyline([(box.left, y), (box.right, y)], "grid"))
        parts.append(text(label.removesuffix(" %"), box.left - 6, y + 4, anchor="end"))
    parts.append(polyline([(box.left, box.bottom), (box.right, box.bottom)], "axis"))
    return Markup("").join([*parts, *(_x_ticks(box, x_axis, x_labels))])


def legend(lines: Sequence[tuple[str, str]], left: float, y: float, width: float) -> tuple[Markup, int]:
    """Names with a sample of their line, wrapped to `width`; returns the legend and its number of rows.

    `lines` are (kind, name); the first row has its baseline at `y`.
    """
    parts: list[Markup] = []
    x, row = left, 0
    for kind, name in lines:
        needed = SWATCH_PX + 6 + text_width(name, TEXT_PX)
        if x > left and x + needed > left + width:
            x, row = left, row + 1
        baseline = y + row * LINE_PX
        parts.append(polyline([(x, baseline - 4), (x + SWATCH_PX, baseline - 4)], f"line {kind}"))
        parts.append(text(name, x + SWATCH_PX + 6, baseline))
        x += needed + LEGEND_GAP_PX
    return Markup("").join(parts), row + 1


def lines_in(box: Box, x_axis: Axis, y_axis: Axis, lines: Sequence[Line]) -> Markup:
    """Lines; one with a single point is a dot."""
    parts = []
    for line in lines:
        points = box.points(x_axis, y_axis, line.points)
        if len(points) == 1:
            parts.append(dot(*points[0], line.kind))
        else:
            parts.append(polyline(points, f"line {line.kind}"))
    return Markup("").join(parts)


def dot(x: float, y: float, kind: str, tooltip: str = "") -> Markup:
    if tooltip:
        return element("circle", element("title", tooltip), cx=x, cy=y, r=4, class_=f"dot {kind} tip")
    return element("circle", cx=x, cy=y, r=4, class_=f"dot {kind}")


def tips(points: Sequence[Point], words: Sequence[str], most: int = MOST_TIPS) -> Markup:
    """Places, in pixels, that say something when pointed at; of many, some at even distances."""
    rows = range(len(points)) if len(points) <= most else [place * len(points) // most for place in range(most)]
    return Markup("").join(
        element("circle", element("title", words[row]), cx=points[row][0], cy=points[row][1], r=6, class_="tip")
        for row in rows
    )


def vertical_mark(box: Box, x: float, label: str = "", *, lift: float = 0.0) -> Markup:
    """A dashed line through the chart with its name `lift` pixels above, kept within the chart's sides."""
    half = text_width(label, TEXT_PX) / 2
    centre = min(max(x, box.left + half), box.right - half)
    name = text(label, centre, box.top - 5 - lift, anchor="middle") if label else Markup("")
    return Markup("").join([polyline([(x, box.top - lift), (x, box.bottom)], "mark"), name])


def histogram(box: Box, x_axis: Axis, centres: Sequence[float], shares: Sequence[float], kind: str) -> Markup:
    """Bars of equal width around `centres` with one outline, as high as the box where `shares` are 1.

    Empty bins at the ends are left out, so that the outline does not run along the axis.
    """
    filled = [place for place, share in enumerate(shares) if share > 0]
    if len(centres) < 2 or not filled:
        return Markup("")
    half = (centres[1] - centres[0]) / 2
    tops = [
        (edge, shares[place])
        for place in range(filled[0], filled[-1] + 1)
        for edge in (centres[place] - half, centres[place] + half)
    ]
    outline = [(tops[0][0], 0.0), *tops, (tops[-1][0], 0.0)]
    points = box.points(x_axis, Axis(0.0, 1.0, ()), outline)
    return polyline(points, f"area {kind}") + polyline(points, f"outline {kind}")


def bar_tips(box: Box, x_axis: Axis, centres: Sequence[float], words: Sequence[str]) -> Markup:
    """A transparent bar over the whole height for each bin, that says what stands in it ("": nothing does)."""
    half = (centres[1] - centres[0]) / 2 if len(centres) > 1 else 0.0
    bars = []
    for centre, said in zip(centres, words, strict=True):
        left, right = box.x(x_axis, centre - half), box.x(x_axis, centre + half)
        if said and right > left:
            bars.append(
                element(
                    "rect",
                    element("title", said),
                    x=left,
                    y=box.top,
                    width=right - left,
                    height=box.height,
                    class_="tip",
                )
            )
    return Markup("").join(bars)


def card(width: float, height: float) -> Markup:
    """The paper of an image that stands alone, so that it reads on a page of any colour."""
    return element("rect", x=0.5, y=0.5, width=width - 1, height=height - 1, rx=8, class_="card")


def _x_ticks(box: Box, axis: Axis, labels: bool) -> list[Markup]:
    parts: list[Markup] = []
    for value, label in axis.ticks:
        x = box.x(axis, value)
        parts.append(polyline([(x, box.bottom), (x, box.bottom + 4)], "axis"))
        if labels:
            parts.append(text(label, x, box.bottom + 17, anchor="middle"))
    if labels and axis.label:
        parts.append(text(axis.label, box.right, box.bottom + 35, anchor="end"))
    return parts
