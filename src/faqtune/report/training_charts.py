"""Charts of a training over its steps: loss, figures on the selection part, noise similarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from faqtune.evaluate.wording import Language
from faqtune.report.axes import Axis, Box, count_axis, fitted_axis, fitted_share_axis
from faqtune.report.chart_words import CHARTS
from faqtune.report.charts import LEFT, PLOT_HEIGHT, RIGHT, WIDTH, Chart
from faqtune.report.history import Training, smoothed, thinned
from faqtune.report.plot import LINE_PX, Line, frame, legend, lines_in, tips, vertical_mark
from faqtune.report.svg import document

NOISE_SERIES = {
    "noise_similarity": "noise-second",
    "noise_best_similarity": "noise",
    "noise_similarity/selection": "after",
}
SELECTION_SERIES = {"oscr@5": "after", "recall@1": "second", "auroc": "noise"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart over steps; `is_share` where values are fractions, shown in percent."""

    title: str
    reading: str
    lines: tuple[Line, ...]
    is_share: bool = False
    from_zero: bool = False


def training_charts(run: Training, language: Language) -> list[Chart]:
    """Loss, selection figures and noise similarity, those of them that the log holds."""
    return [
        Chart(panel.title, panel.reading, _small(run, panel, language))
        for panel in (loss_panel(run, language), selection_panel(run, language), noise_panel(run, language))
        if panel.lines
    ]


def loss_panel(run: Training, language: Language) -> Panel:
    """Raw and smoothed loss; stages are lines apart, for their losses are different sums."""
    words = CHARTS[language]
    raw = [Line(thinned(points), "raw") for points in run.losses if points]
    means = [Line(smoothed(points), "after") for points in run.losses if points]
    lines = _named(raw, words["per_step"]) + _named(means, words["smoothed"])
    return Panel(words["loss_title"], words["loss_reading"], lines, from_zero=True)


def selection_panel(run: Training, language: Language) -> Panel:
    words = CHARTS[language]
    lines = tuple(
        Line(run.figures[name], look, words[name]) for name, look in SELECTION_SERIES.items() if name in run.figures
    )
    return Panel(words["selection_title"], words["selection_reading"], lines, is_share=True)


def noise_panel(run: Training, language: Language) -> Panel:
    words = CHARTS[language]
    lines = tuple(
        Line(run.figures[name], look, words[name]) for name, look in NOISE_SERIES.items() if name in run.figures
    )
    return Panel(words["noise_title"], words["noise_reading"], lines)


def plot(box: Box, run: Training, panel: Panel, language: Language, *, x_labels: bool = True) -> Markup:
    """Frame, stages, best step and lines of a panel."""
    words = CHARTS[language]
    x_axis = count_axis(run.steps, words["steps"], intervals=round(box.width / 80))
    y_axis = _y_axis(panel)
    parts = [frame(box, x_axis, y_axis, x_labels=x_labels)]
    if run.best_step is not None:
        parts.append(vertical_mark(box, box.x(x_axis, run.best_step), words["best"]))
    for number, start in enumerate(run.starts, start=1):
        if number > 1:
            name = words["stage"].format(number=number)
            parts.append(vertical_mark(box, box.x(x_axis, start), name, lift=LINE_PX))
    parts.append(lines_in(box, x_axis, y_axis, panel.lines))
    for line in panel.lines:
        # Thousands of single losses say less than their mean, which lies among them.
        if line.kind != "raw":
            said = [
                f"{line.name or panel.title}, {words['steps']} {x:.0f}: {_number(panel, y)}" for x, y in line.points
            ]
            parts.append(tips(box.points(x_axis, y_axis, line.points), said))
    return Markup("").join(parts)


def panel_legend(panel: Panel, left: float, y: float, width: float) -> tuple[Markup, int]:
    """The names of a panel's lines and how many rows they take."""
    return legend([(line.kind, line.name) for line in panel.lines if line.name], left, y, width)


def marks_height(run: Training) -> float:
    """Room above a plot for the names of its vertical marks."""
    return LINE_PX * (2 if len(run.starts) > 1 else 1)


def told(panel: Panel, language: Language) -> str:
    """A panel in words: each line's first and last value."""
    series = CHARTS[language]["series_alt"]
    ends = [
        series.format(name=line.name, first=_number(panel, line.points[0][1]), last=_number(panel, line.points[-1][1]))
        for line in panel.lines
        if line.name
    ]
    return " ".join([f"{panel.title}.", *ends])


def _small(run: Training, panel: Panel, language: Language) -> Markup:
    head, rows = panel_legend(panel, LEFT, 14, WIDTH - LEFT)
    box = Box(LEFT + 6, 14 + rows * LINE_PX + marks_height(run), WIDTH - LEFT - 6 - RIGHT, PLOT_HEIGHT)
    return document(WIDTH, box.bottom + 42, told(panel, language), head, plot(box, run, panel, language))


def _y_axis(panel: Panel) -> Axis:
    values = sorted(value for line in panel.lines for _, value in line.points)
    if panel.is_share:
        return fitted_share_axis(values, "")
    if panel.from_zero:
        # One wild step must not flatten all others: 2 % of what is drawn may lie above the axis.
        values = values[: max(1, round(0.98 * len(values)))]
    return fitted_axis(values, "", from_zero=panel.from_zero)


def _named(lines: Sequence[Line], name: str) -> tuple[Line, ...]:
    """The first of the lines carries the name for all."""
    return tuple(Line(line.points, line.kind, "" if place else name) for place, line in enumerate(lines))


def _number(panel: Panel, value: float) -> str:
    return f"{100 * value:.1f} %" if panel.is_share else f"{value:.3g}"
