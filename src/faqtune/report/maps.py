"""The maps of catalogue, queries and noise, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from faqtune.evaluate.map import ENTRY, QUERY, SIDE
from faqtune.evaluate.wording import Language, separator, stratum_name
from faqtune.report.chart_words import CHARTS
from faqtune.report.charts import Chart
from faqtune.report.plot import LINE_PX, legend
from faqtune.report.sheet import Section
from faqtune.report.svg import document, element, number
from faqtune.scorecard import STRATA

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Map of the texts",
        "reading": "Each dot is a text, and neighbours are texts that the model finds alike (t-SNE). Axes, sizes of"
        " groups and distances between groups mean nothing; nothing should be concluded that the tables do not say."
        " Point at a dot, or focus a map and use the arrow keys, to read its text; it lights up in both maps.",
        "entry": "entries",
        "query": "questions",
        "panel_reading": "{count} texts as the model sees them.",
    },
    "zh": {
        "title": "文本地图",
        "reading": "每个点是一条文本，相邻的点是模型认为相近的文本（t-SNE）。坐标轴、各群的大小和群间距离没有意义，"
        "表格里没有的结论不要从图上得出。将鼠标移到点上，或选中地图后用方向键，可以看到文本；同一文本在两张图上同时标出。",
        "entry": "条目",
        "query": "客户问题",
        "panel_reading": "模型眼中的 {count} 条文本。",
    },
}
KINDS = (QUERY, *STRATA, ENTRY)
"""In the order of drawing: entries last, on top."""

WIDTH, MARGIN = 540.0, 10.0
LEGEND_WIDTH = 352.0


def maps(details: Mapping[str, Any], language: Language) -> Section | None:
    """Both maps; None where there are too few texts for one."""
    marks, drawn = details.get("landmarks"), details.get("maps")
    if not marks or not drawn or len(drawn) != 2:
        return None
    say, kinds = WORDS[language], [mark["kind"] for mark in marks]
    charts = [
        Chart(
            CHARTS[language][side], say["panel_reading"].format(count=len(marks)), _map(places, kinds, side, language)
        )
        for side, places in zip(("before", "after"), drawn, strict=True)
    ]
    return Section("map", say["title"], say["reading"], charts=charts)


def map_texts(details: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Texts by kind in the order in which the map draws them."""
    marks: Sequence[Mapping[str, str]] = (details or {}).get("landmarks") or ()
    return {kind: texts for kind in KINDS if (texts := [mark["text"] for mark in marks if mark["kind"] == kind])}


def kind_name(kind: str, language: Language) -> str:
    return WORDS[language][kind] if kind in (ENTRY, QUERY) else stratum_name(kind, language)


def _map(places: Mapping[str, Sequence[int]], kinds: Sequence[str], side: str, language: Language) -> Markup:
    """One path per kind, a dot of no length per text: a tenth of the size of circles. The legend is a drawing of its
    own, so that a phone, where the map shrinks, does not shrink its words."""
    shown = [kind for kind in KINDS if kind in kinds]
    names = [kind_name(kind, language) for kind in shown]
    head, rows = legend(
        [(f"on-map {kind}", name) for kind, name in zip(shown, names, strict=True)], MARGIN, 14, LEGEND_WIDTH - MARGIN
    )
    scale = (WIDTH - 2 * MARGIN) / SIDE
    highest = max(places["y"], default=0)
    parts: list[Markup] = []
    for kind in shown:
        dots = "".join(
            f"M{number(MARGIN + x * scale)} {number(MARGIN + (highest - y) * scale)}h0"
            for found, x, y in zip(kinds, places["x"], places["y"], strict=True)
            if found == kind
        )
        parts.append(element("path", d=dots, class_=f"on-map {kind}", data_kind=kind))
    alternative = f"{WORDS[language]['title']}, {CHARTS[language][side]}"
    lit = element("circle", cx=-99.0, cy=-99.0, r=7, class_="lit-dot")
    key = document(LEGEND_WIDTH, 10 + rows * LINE_PX, separator(language).join(names), head, look="legend")
    drawing = document(WIDTH, highest * scale + 2 * MARGIN, alternative, *parts, lit)
    return element("div", key, drawing, class_="stack")
