"""The charts of a comparison: small panels of one width, that can be read on a phone and set in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from faqtune.evaluate.wording import Language, figure_name, stratum_name
from faqtune.report.axes import Axis, Box, fitted_axis, fitted_share_axis, share_axis, small_share_axis
from faqtune.report.chart_words import CHARTS
from faqtune.report.plot import LINE_PX, Line, bar_tips, dot, frame, histogram, legend, lines_in, tips, vertical_mark
from faqtune.report.svg import document, element, polyline, text
from faqtune.report.verdict import change, scope_changes
from faqtune.scorecard import Comparison, Curve, Figure, Scorecard

WIDTH = 352.0
"""Of a panel, in pixels: a phone 360 px wide shows it without scaling text below a readable size."""

LEFT, RIGHT = 34.0, 20.0
SIDE = 20.0
"""Left and right of a plot without a y axis: half a tick label."""

PLOT_HEIGHT = 170.0
HEADLINE_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing with its caption: `title` says what it shows, `reading` how to read it."""

    title: str
    reading: str
    svg: Markup


def curve_chart(comparison: Comparison, kind: str, language: Language) -> Chart | None:
    """The `oscr` or `roc` curve before and after, with the headline share of noise marked; None without noise."""
    words = CHARTS[language]
    if kind not in comparison.before.curves:
        return None
    head, rows = legend(_sides(language), LEFT, 14, WIDTH - LEFT)
    box = Box(LEFT, 14 + rows * LINE_PX + 22, WIDTH - LEFT - RIGHT, PLOT_HEIGHT)
    y_label = words["answered_right" if kind == "oscr" else "accepted"]
    body = curves_in(box, comparison, kind, language)
    summed_up = _told(comparison, f"oscr@{HEADLINE_PERCENT}" if kind == "oscr" else "auroc", language)
    alternative = f"{words[f'{kind}_title']}. {summed_up}"
    drawing = document(WIDTH, box.bottom + 42, alternative, head, text(y_label, LEFT - 22, box.top - 12), body)
    return Chart(words[f"{kind}_title"], words[f"{kind}_reading"], drawing)


def curves_in(box: Box, comparison: Comparison, kind: str, language: Language) -> Markup:
    """Frame, both curves and, for `oscr`, its value at the headline share of noise."""
    x_axis, y_axis = small_share_axis(CHARTS[language]["noise_accepted"]), share_axis("")
    cards = {"before": comparison.before, "after": comparison.after}
    lines = [Line(_points(card.curves[kind]), side) for side, card in cards.items()]
    parts = [frame(box, x_axis, y_axis)]
    if kind == "oscr":
        parts.append(vertical_mark(box, box.x(x_axis, HEADLINE_PERCENT / 100)))
    parts.append(lines_in(box, x_axis, y_axis, lines))
    for line, side in zip(lines, cards, strict=True):
        words = CHARTS[language]
        name = words["answered_right" if kind == "oscr" else "accepted"]
        said = [
            f"{words[side]}: {name} {100 * y:.1f}; {words['noise_accepted']} {100 * x:.1f} %" for x, y in line.points
        ]
        parts.append(tips(box.points(x_axis, y_axis, line.points), said))
    if kind == "oscr":
        parts.append(_values_at_headline(box, x_axis, y_axis, comparison))
    return Markup("").join(parts)


def strata_chart(comparison: Comparison, language: Language) -> Chart | None:
    """Before and after of one figure per kind of noise, with intervals; None if no kind was measured."""
    words, found = CHARTS[language], scope_changes(comparison)
    if not found:
        return None
    head, rows = legend(_sides(language), SIDE, 14, WIDTH)
    row_height = 44.0
    box = Box(SIDE, 14 + rows * LINE_PX + 4, WIDTH - 2 * SIDE, row_height * len(found))
    figures = [figure for _, c in found for figure in (c.before, c.after)]
    x_axis = fitted_share_axis([v for f in figures for v in (f.low, f.high)], "", intervals=4)
    parts = [head, frame(box, x_axis, Axis(0.0, 1.0, ()))]
    told = []
    for place, (stratum, c) in enumerate(found):
        top = box.top + place * row_height
        name, values = stratum_name(stratum, language), f"{_percent(c.before)} → {_percent(c.after)}"
        parts += [text(name, box.left, top + 16, "strong"), text(values, box.right, top + 16, anchor="end")]
        parts += [
            figure_row(box, x_axis, top + 26, c.before, "before"),
            figure_row(box, x_axis, top + 36, c.after, "after"),
        ]
        told.append(f"{name}: {values}")
    metric = figure_name(found[0][1].name.partition("/")[0], language)
    drawing = document(WIDTH, box.bottom + 26, f"{metric}. {'; '.join(told)}", *parts)
    return Chart(metric, words["strata_reading"], drawing)


def scores_chart(comparison: Comparison, language: Language) -> Chart | None:
    """Distributions of the best cosine, before above after on one axis; None if the scorecards hold none."""
    words = CHARTS[language]
    cards = (comparison.before, comparison.after)
    if not all(has_densities(card) for card in cards):
        return None
    head, rows = legend([("after", words["questions"]), ("noise", words["noise"])], SIDE, 14, WIDTH)
    height = 84.0
    x_axis = score_axis(cards, words["cosine"])
    parts, top = [head], 14 + rows * LINE_PX + 14
    for card, side in zip(cards, ("before", "after"), strict=True):
        box = Box(SIDE, top, WIDTH - 2 * SIDE, height)
        parts += [text(words[side], box.left, top, "strong"), densities_in(box, x_axis, card, x_labels=side == "after")]
        parts.append(_density_tips(box, x_axis, card, language))
        top += height + 22
    alternative = " ".join(
        f"{words[side]}: "
        + words["scores_alt"].format(queries=_peak(card, "density/queries"), noise=_peak(card, "density/noise"))
        for card, side in zip(cards, ("before", "after"), strict=True)
    )
    return Chart(words["scores_title"], words["scores_reading"], document(WIDTH, top + 20, alternative, *parts))


def has_densities(card: Scorecard) -> bool:
    return "density/queries" in card.curves and "density/noise" in card.curves


def score_axis(cards: Sequence[Scorecard], label: str) -> Axis:
    """Cosines from the lowest to the highest bin that holds anything, in any of `cards`."""
    seen = [
        x
        for card in cards
        for name in ("density/queries", "density/noise")
        for x, y in _points(card.curves[name])
        if y > 0
    ]
    return fitted_axis(seen, label, intervals=5)


def densities_in(box: Box, x_axis: Axis, card: Scorecard, *, x_labels: bool = True) -> Markup:
    """Histograms of noise and of questions; the higher of the two fills the box."""
    curves = {kind: card.curves[name] for kind, name in (("noise", "density/noise"), ("after", "density/queries"))}
    highest = max(max(curve.y, default=0.0) for curve in curves.values()) or 1.0
    parts = [frame(box, x_axis, Axis(0.0, 1.0, ()), x_labels=x_labels)]
    parts += [histogram(box, x_axis, curve.x, [y / highest for y in curve.y], kind) for kind, curve in curves.items()]
    if card.threshold_cosine is not None:
        parts.append(vertical_mark(box, box.x(x_axis, card.threshold_cosine)))
    return Markup("").join(parts)


def _density_tips(box: Box, x_axis: Axis, card: Scorecard, language: Language) -> Markup:
    words, queries, noise = CHARTS[language], card.curves["density/queries"], card.curves["density/noise"]
    said = [
        f"{words['cosine']} {x:.3f}: {words['questions']} {100 * q:.1f} %, {words['noise']} {100 * n:.1f} %"
        if q or n
        else ""
        for x, q, n in zip(queries.x, queries.y, noise.y, strict=True)
    ]
    return bar_tips(box, x_axis, queries.x, said)


def hundred(count: int, kind: str, language: Language) -> Markup:
    """A hundred dots, ten by ten, the first `count` of them coloured as `kind` (before or after)."""
    looks = [kind if place < count else "rest" for place in range(100)]
    dots = [
        element("circle", cx=8 + 14 * (place % 10), cy=8 + 14 * (place // 10), r=5, class_=f"one {look}")
        for place, look in enumerate(looks)
    ]
    return document(142, 142, CHARTS[language]["hundred_alt"].format(count=count), *dots)


def _sides(language: Language) -> list[tuple[str, str]]:
    words = CHARTS[language]
    return [("before", words["before"]), ("after", words["after"])]


def _points(curve: Curve) -> list[tuple[float, float]]:
    return list(zip(curve.x, curve.y, strict=True))


def _values_at_headline(box: Box, x_axis: Axis, y_axis: Axis, comparison: Comparison) -> Markup:
    """Both values at the headline share: the higher written above left of its curve, the lower below right, where
    rising curves leave room."""
    c = change(comparison, f"oscr@{HEADLINE_PERCENT}")
    if c is None:
        return Markup("")
    x = box.x(x_axis, HEADLINE_PERCENT / 100)
    parts = []
    ordered = sorted([(c.after.value, "after", c.after), (c.before.value, "before", c.before)])
    for (value, side, figure), is_higher in zip(ordered, (False, True), strict=True):
        y = box.y(y_axis, value)
        parts.append(dot(x, y, side))
        if is_higher:
            parts.append(text(_percent(figure), x - 8, max(y - 6, box.top + 10), f"value-{side}", "end"))
        else:
            parts.append(text(_percent(figure), x + 8, min(y + 15, box.bottom - 5), f"value-{side}"))
    return Markup("").join(parts)


def _told(comparison: Comparison, name: str, language: Language) -> str:
    c = change(comparison, name)
    return f"{figure_name(name, language)}: {_percent(c.before)} → {_percent(c.after)}" if c else ""


def figure_row(box: Box, x_axis: Axis, y: float, figure: Figure, side: str) -> Markup:
    ends = [(box.x(x_axis, figure.low), y), (box.x(x_axis, figure.high), y)]
    return polyline(ends, f"interval {side}") + dot(box.x(x_axis, figure.value), y, side, _with_interval(figure))


def _percent(figure: Figure) -> str:
    return f"{100 * figure.value:.0f} %"


def _with_interval(figure: Figure) -> str:
    return f"{100 * figure.value:.1f} % [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def _peak(card: Scorecard, name: str) -> str:
    return f"{max(_points(card.curves[name]), key=lambda point: point[1])[0]:.2f}"
