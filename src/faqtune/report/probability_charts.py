"""Similarities of what belongs together and what does not, and whether probabilities come true."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from faqtune.evaluate.wording import Language
from faqtune.report.axes import Axis, Box, fitted_axis, share_axis
from faqtune.report.chart_words import CHARTS
from faqtune.report.charts import LEFT, PLOT_HEIGHT, RIGHT, SIDE, WIDTH, Chart
from faqtune.report.plot import LINE_PX, Line, bar_tips, dot, frame, histogram, legend, lines_in
from faqtune.report.svg import document, polyline, text
from faqtune.scorecard import Comparison, Curve, Scorecard

RELATED, UNRELATED = "similarity/related", "similarity/unrelated"

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "similarity": "Similarities of related and unrelated pairs",
        "similarity_reading": "Questions with their own entry, and noise with its nearest one. What counts is that the"
        " two come apart, not that one of them rises or falls.",
        "related": "question and its entry",
        "unrelated": "noise and its nearest entry",
        "tip": "cosine {x}: related {related} %, unrelated {unrelated} %",
        "reliability": "Do probabilities come true?",
        "reliability_reading": "Dots on the line are texts whose probability of a right answer is what it says.",
        "predicted": "probability that was said",
        "observed": "answered rightly, %",
        "reliability_tip": "{side}: said {predicted} %, true for {observed} % [{low}, {high}] of {n}",
    },
    "zh": {
        "similarity": "相关与不相关文本的相似度",
        "similarity_reading": "客户问题与自己的条目、噪声与最近的条目。重要的是两者分开，而不是其中之一升高或降低。",
        "related": "问题与其条目",
        "unrelated": "噪声与最近条目",
        "tip": "余弦 {x}：相关 {related}%，不相关 {unrelated}%",
        "reliability": "概率是否可信？",
        "reliability_reading": "落在对角线上的点表示：所说的答对概率与实际相符。",
        "predicted": "所说的概率",
        "observed": "实际答对，%",
        "reliability_tip": "{side}：所说 {predicted}%，实际 {observed}%［{low}, {high}］，共 {n} 条",
    },
}


def similarity_chart(comparison: Comparison, language: Language) -> Chart | None:
    """Histograms of related and unrelated similarities, before above after; None where scorecards hold none."""
    cards = (comparison.before, comparison.after)
    if not all(name in card.curves for card in cards for name in (RELATED, UNRELATED)):
        return None
    say, side = WORDS[language], CHARTS[language]
    head, rows = legend([("after", say["related"]), ("noise", say["unrelated"])], SIDE, 14, WIDTH)
    seen = [x for card in cards for name in (RELATED, UNRELATED) for x in card.curves[name].x]
    x_axis = fitted_axis(seen, side["cosine"], intervals=5)
    drawn, top = [head], 14 + rows * LINE_PX + 14
    for card, name in zip(cards, ("before", "after"), strict=True):
        box = Box(SIDE, top, WIDTH - 2 * SIDE, 84.0)
        drawn += [text(side[name], box.left, top, "strong"), _pair(box, x_axis, card, language, labels=name == "after")]
        top += 106
    told = "; ".join(
        f"{side[name]}: {_peaks(card, say)}" for card, name in zip(cards, ("before", "after"), strict=True)
    )
    picture = document(WIDTH, top + 20, f"{say['similarity']}. {told}", *drawn)
    return Chart(say["similarity"], say["similarity_reading"], picture)


def _pair(box: Box, x_axis: Axis, card: Scorecard, language: Language, *, labels: bool) -> Markup:
    related, unrelated = card.curves[RELATED], card.curves[UNRELATED]
    highest = max([*related.y, *unrelated.y, 1e-9])
    drawn = [frame(box, x_axis, Axis(0.0, 1.0, ()), x_labels=labels)]
    for curve, kind in ((unrelated, "noise"), (related, "after")):
        drawn.append(histogram(box, x_axis, curve.x, [y / highest for y in curve.y], kind))
    of = [dict(zip((round(x, 4) for x in curve.x), curve.y, strict=True)) for curve in (related, unrelated)]
    centres = sorted({*of[0], *of[1]})
    said = [
        WORDS[language]["tip"].format(
            x=f"{x:.2f}", related=f"{100 * of[0].get(x, 0):.1f}", unrelated=f"{100 * of[1].get(x, 0):.1f}"
        )
        for x in centres
    ]
    return Markup("").join([*drawn, bar_tips(box, x_axis, centres, said)])


def _peaks(card: Scorecard, say: dict[str, str]) -> str:
    return ", ".join(f"{say[name]} {_peak(card.curves[f'similarity/{name}']):.2f}" for name in ("related", "unrelated"))


def _peak(curve: Curve) -> float:
    return max(zip(curve.x, curve.y, strict=True), key=lambda point: point[1])[0]


def reliability_chart(comparison: Comparison, language: Language) -> Chart | None:
    """What was said against what came true, with intervals; None where no model has probabilities."""
    say, side = WORDS[language], CHARTS[language]
    found = {name: card.reliability for name, card in _sides(comparison) if card.reliability}
    if not found:
        return None
    head, rows = legend([(name, side[name]) for name in found], LEFT, 14, WIDTH - LEFT)
    box = Box(LEFT, 14 + rows * LINE_PX + 22, WIDTH - LEFT - RIGHT, PLOT_HEIGHT)
    x_axis, y_axis = share_axis(say["predicted"]), share_axis("")
    drawn = [frame(box, x_axis, y_axis), lines_in(box, x_axis, y_axis, [Line([(0, 0), (1, 1)], "mark")])]
    told: list[str] = []
    for name, bins in found.items():
        for one in bins:
            x, seen = box.x(x_axis, one.predicted), one.observed
            ends = [(x, box.y(y_axis, seen.low)), (x, box.y(y_axis, seen.high))]
            said = say["reliability_tip"].format(
                side=side[name], predicted=f"{100 * one.predicted:.1f}", observed=f"{100 * seen.value:.1f}",
                low=f"{100 * seen.low:.1f}", high=f"{100 * seen.high:.1f}", n=seen.n,
            )  # fmt: skip
            drawn += [polyline(ends, f"interval {name}"), dot(x, box.y(y_axis, seen.value), name, said)]
            told.append(said)
    label = text(say["observed"], LEFT - 22, box.top - 12)
    picture = document(WIDTH, box.bottom + 42, ". ".join([say["reliability"], *told]), head, label, *drawn)
    return Chart(say["reliability"], say["reliability_reading"], picture)


def _sides(comparison: Comparison) -> Sequence[tuple[str, Scorecard]]:
    return ("before", comparison.before), ("after", comparison.after)
