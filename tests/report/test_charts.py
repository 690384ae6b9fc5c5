"""What is drawn, read back from the SVG."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import pytest

from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet
from faqtune.evaluate.wording import Language
from faqtune.report import EntryLabels, before_after_svg, loss_curve_svg
from faqtune.report.charts import curve_chart, hundred, scores_chart, strata_chart
from faqtune.report.history import training
from faqtune.report.label_chart import label_chart
from faqtune.report.svg import text_width
from faqtune.report.theme import file_css
from faqtune.report.training_charts import training_charts
from faqtune.scorecard import Comparison, Figure

LANGUAGES: tuple[Language, ...] = ("en", "zh")
SIZES = {"title": 18.0, "big": 26.0}


@dataclass(frozen=True)
class Label:
    words: str
    left: float
    right: float
    baseline: float
    size: float


def nodes(svg: str, tag: str) -> list[ElementTree.Element]:
    return [node for node in ElementTree.fromstring(svg).iter() if node.tag.endswith(f"}}{tag}")]


def labels(svg: str) -> Iterator[Label]:
    for node in nodes(svg, "text"):
        words = "".join(node.itertext())
        size = next((SIZES[name] for name in (node.get("class") or "").split() if name in SIZES), 12.0)
        width = text_width(words, size)
        start = {"start": 0.0, "middle": 0.5, "end": 1.0}[node.get("text-anchor", "start")]
        left = float(node.get("x", 0)) - start * width
        yield Label(words, left, left + width, float(node.get("y", 0)), size)


def without_densities(comparison: Comparison) -> Comparison:
    cards = [
        card.model_copy(update={"curves": {name: c for name, c in card.curves.items() if "density" not in name}})
        for card in (comparison.before, comparison.after)
    ]
    return comparison.model_copy(update={"before": cards[0], "after": cards[1]})


@pytest.fixture(scope="module")
def every_drawing(comparison: Comparison, history: list[dict[str, Any]]) -> dict[str, str]:
    entries = [EntryLabels(f"问题{n}", n) for n in (0, 0, 1, 4, 8, 15, 30, 200)]
    found: dict[str, str] = {}
    best_at_once = [{**event, "best": event.get("best") and event["step"] == 0} for event in history]
    best_at_once += [{"event": "measured", "stage": 2, "step": 3, "figures": {}, "best": True}]
    for language in LANGUAGES:
        drawn = [curve_chart(comparison, "oscr", language), curve_chart(comparison, "roc", language)]
        drawn += [
            scores_chart(comparison, language),
            strata_chart(comparison, language),
            label_chart(entries, language),
        ]
        drawn += training_charts(training(history), language)
        found |= {f"{language} {chart.title}": str(chart.svg) for chart in drawn if chart}
        found[f"{language} scores picture"] = before_after_svg(comparison, language)
        found[f"{language} curves picture"] = before_after_svg(without_densities(comparison), language)
        found[f"{language} loss_curve"] = loss_curve_svg(history, language)
        found[f"{language} best right after the stage's start"] = loss_curve_svg(best_at_once, language)
        found |= {f"{language} hundred {side}": str(hundred(60, side, language)) for side in ("before", "after")}
    assert len(found) == 28
    return found


def test_no_label_is_clipped(every_drawing: dict[str, str]) -> None:
    for name, svg in every_drawing.items():
        _, _, width, height = map(float, ElementTree.fromstring(svg).attrib["viewBox"].split())
        for label in labels(svg):
            assert label.left >= 0 and label.right <= width, (name, label)
            assert label.baseline - label.size >= 0 and label.baseline + 0.25 * label.size <= height, (name, label)


def test_no_two_labels_overlap(every_drawing: dict[str, str]) -> None:
    for name, svg in every_drawing.items():
        for one, other in itertools.combinations(labels(svg), 2):
            side_by_side = one.right <= other.left or other.right <= one.left
            upper, lower = sorted((one, other), key=lambda label: label.baseline)
            assert side_by_side or lower.baseline - upper.baseline >= 0.9 * lower.size, (name, one, other)


def test_every_look_has_a_rule(every_drawing: dict[str, str]) -> None:
    rules = file_css()
    for name, svg in every_drawing.items():
        for node in ElementTree.fromstring(svg).iter():
            looks = (node.get("class") or "tick").split()
            wanted = f".{'.'.join(looks)}{{"
            alone = all(f".{look}" in rules for look in looks if look not in ("tick", "chart"))
            assert wanted in rules or alone, (name, looks)


def test_every_drawing_has_a_text_alternative_and_loads_nothing(every_drawing: dict[str, str]) -> None:
    for name, svg in every_drawing.items():
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        assert len(root.attrib["aria-label"]) > 12, name
        assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "style=" not in svg


def test_the_oscr_curve_and_its_value_stand_where_the_scorecard_says(comparison: Comparison) -> None:
    chart = curve_chart(comparison, "oscr", "en")
    assert chart
    line = next(
        node
        for node in nodes(chart.svg, "path")
        if node.get("class") == "line after" and node.get("d", "").count("L") > 1
    )
    drawn = [tuple(map(float, point.split())) for point in re.split("[ML]", line.attrib["d"])[1:]]
    curve = comparison.after.curves["oscr"]
    left, top, width, height = 34.0, 52.0, 298.0, 170.0
    expected = [(left + width * x**0.5, top + height * (1 - y)) for x, y in zip(curve.x, curve.y, strict=True)]
    assert len(drawn) == len(expected)
    for point, place in zip(drawn, expected, strict=True):
        assert point == pytest.approx(place, abs=0.051)
    dot = next(node for node in nodes(chart.svg, "circle") if node.get("class") == "dot after")
    assert float(dot.attrib["cx"]) == pytest.approx(left + width * 0.05**0.5, abs=0.051)
    assert float(dot.attrib["cy"]) == pytest.approx(
        top + height * (1 - comparison.after.figures["oscr@5"].value), abs=0.051
    )


def test_a_histogram_is_as_high_as_its_shares_and_ends_with_its_last_full_bin(comparison: Comparison) -> None:
    chart = scores_chart(comparison, "en")
    assert chart
    outline = [node for node in nodes(chart.svg, "path") if node.get("class") == "outline after"][1]
    heights = [float(point.split()[1]) for point in re.split("[ML]", outline.attrib["d"])[1:]]
    shares = comparison.after.curves["density/queries"].y
    full = [place for place, share in enumerate(shares) if share]
    highest = max(max(comparison.after.curves[f"density/{name}"].y) for name in ("queries", "noise"))
    base = heights[0]
    assert heights[-1] == base
    assert len(heights) == 2 + 2 * (full[-1] - full[0] + 1)
    expected = [84 * share / highest for share in shares[full[0] : full[-1] + 1]]
    assert [base - height for height in heights[1:-1:2]] == pytest.approx(expected, abs=0.11)


def test_interval_bars_reach_from_low_to_high(comparison: Comparison) -> None:
    chart = strata_chart(comparison, "en")
    assert chart
    figures: list[Figure] = []
    for stratum in ("chatter", "other_domain", "unsupported"):
        figures += [card.figures[f"oscr@5/{stratum}"] for card in (comparison.before, comparison.after)]
    bars = [n.attrib["d"] for n in nodes(chart.svg, "path") if (n.get("class") or "").startswith("interval")]
    ends = [tuple(float(x) for x in re.findall(r"[ML]([\d.]+)", bar)) for bar in bars]
    assert len(ends) == len(figures)
    scale = {(figure.low, x) for figure, (x, _) in zip(figures, ends, strict=True)}
    (low, x_low), (high, x_high) = min(scale), max(scale)
    for figure, (_, x) in zip(figures, ends, strict=True):
        assert x == pytest.approx(x_low + (figure.high - low) / (high - low) * (x_high - x_low), abs=0.3)


@pytest.mark.parametrize("count", [0, 1, 60, 100])
def test_a_hundred_dots_are_coloured_up_to_the_count(count: int) -> None:
    looks = [node.get("class") for node in nodes(hundred(count, "after", "zh"), "circle")]
    assert looks == ["one after"] * count + ["one rest"] * (100 - count)


def test_labels_are_counted_into_bins() -> None:
    chart = label_chart([EntryLabels("q", n) for n in (0, 0, 1, 2, 3, 5, 6, 50, 51, 999)], "en")
    heights = [float(node.attrib["height"]) for node in nodes(chart.svg, "rect")]
    assert [round(2 * height / max(heights)) for height in heights] == [2, 2, 2, 1, 0, 1, 2]
    assert "10 entries, 2 of them without labels" in chart.svg


def test_the_best_step_and_the_second_stage_are_marked_at_their_steps(history: list[dict[str, Any]]) -> None:
    svg = loss_curve_svg(history)
    x_of: dict[str | None, float] = {}
    for node in nodes(svg, "text"):
        x_of.setdefault(node.text, float(node.attrib["x"]))
    left, width = 60.0, 672.0
    assert x_of["stage 2"] == pytest.approx(left + width * 400 / 550, abs=0.06)
    assert x_of["best"] == pytest.approx(left + width * 500 / 550, abs=0.06)


def test_a_training_without_any_event_still_gives_a_picture() -> None:
    assert nodes(loss_curve_svg([]), "svg")
    only_start = [{"event": "measured", "stage": 1, "step": 0, "figures": {"oscr@5": 0.4}, "best": True}]
    assert "answered right (OSCR@5%), %" in loss_curve_svg(only_start)


def test_one_wild_step_does_not_flatten_the_loss() -> None:
    history = [{"event": "step", "stage": 1, "step": step, "loss": 1e9 if step == 7 else 2.0} for step in range(1, 200)]
    assert "1000000000" not in loss_curve_svg(history)


def test_without_noise_there_is_no_rejection_to_draw(no_noise: Comparison) -> None:
    assert curve_chart(no_noise, "oscr", "en") is None
    assert scores_chart(no_noise, "en") is None
    assert strata_chart(no_noise, "en") is None
    with pytest.raises(UserError, match="no noise was measured"):
        before_after_svg(no_noise)


def test_a_long_model_name_does_not_leave_the_picture(data: EvaluationSet, comparison: Comparison) -> None:
    long = comparison.before.model_copy(update={"model": "/srv/models/" + "很长的名字" * 40})
    svg = before_after_svg(comparison.model_copy(update={"before": long}), "zh")
    assert all(label.right <= 840 for label in labels(svg))
    assert "…" in svg
