"""The picture of a comparison: layers from bottom to top against the parts of a layer, the darker the more moved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from faqtune.compare import EMBEDDING_KINDS, EMBEDDINGS, KINDS, OTHER, WeightChanges
from faqtune.evaluate.wording import Language
from faqtune.report.plot import card
from faqtune.report.svg import document, element, text, text_width
from faqtune.report.theme import LIGHT, file_css

SHADES = ("#e3eef8", "#c3dcf0", "#98c2e3", "#68a3d1", "#3d82ba", "#1f639c", "#0d467b", "#062b54")
"""One hue from light to dark, so that it also reads in grey. What has not moved has no shade at all."""

DARK_FROM = 4
"""Shades from here on carry white text."""

WORDS: dict[Language, dict[str, str]] = {
    "en": {"from": "from", "same": "same", "elements": "{share} % of the elements changed"},
    "zh": {
        "from": "起始值",
        "same": "相同",
        "elements": "{share}% 的参数有变化",
        "query": "查询",
        "key": "键",
        "value": "值",
        "attention output": "注意力输出",
        "intermediate": "中间层",
        "output": "输出",
        "norms": "归一化",
        "other parts": "其他",
        "words": "词",
        "positions": "位置",
        "types": "类型",
    },
}
"""Parts of a layer go by their own names in English."""

MARGIN, LABEL_WIDTH, CELL_WIDTH, CELL_HEIGHT, GAP = 30.0, 92.0, 96.0, 24.0, 2.0
HEAD, FOOT = 92.0, 66.0
KEY_CELL = 76.0


@dataclass(frozen=True, slots=True)
class Moved:
    """One cell: whether anything changed, ||B - A|| / ||A|| (None: no number), share of elements that differ."""

    changed: bool
    relative: float | None
    changed_share: float


Grid = Mapping[tuple[str, str], Moved]
"""Cells by layer and kind."""


def heat_map_svg(changes: WeightChanges, model_a: str, model_b: str) -> str:
    """Relative change ||B - A|| / ||A|| of each part of each layer, on a logarithmic scale over what moved.

    A whole SVG file with fixed light colours. Each cell says its figure, in full as a tooltip.
    """
    grid = {
        (cell.layer, cell.kind): Moved(cell.change.changed, cell.change.relative, cell.change.changed_share)
        for cell in changes.cells
    }
    title = f"How far each layer moved: {model_a} → {model_b}"
    told = "Relative change of the weights, per cent of their length. White: not one element has changed."
    layers = [found.layer for found in changes.layers]
    width, height, drawn = _drawn(layers, grid, HEAD)
    heading = [text(_fitting(title, width - 2 * MARGIN), MARGIN, 44, "title"), text(told, MARGIN, 66)]
    return document(width, height, f"{title}. {told}", card(width, height), *heading, drawn, css=file_css())


def heat_map(layers: Sequence[str], grid: Grid, alternative: str, language: Language) -> Markup:
    """The same for a page, which has the title beside it and the colours in its style sheet."""
    width, height, drawn = _drawn(layers, grid, 4.0, WORDS[language])
    return document(width, height, alternative, drawn)


def _drawn(
    layers: Sequence[str], grid: Grid, top: float, say: Mapping[str, str] = WORDS["en"]
) -> tuple[float, float, Markup]:
    """Width, height and the cells from `top` downwards, with the key below them."""
    columns = [kind for kind in KINDS if any(_is_transformer(layer) and kind == found for layer, found in grid)]
    scale = _Scale([moved.relative for moved in grid.values()])
    widest = max(max(len(columns), len(EMBEDDING_KINDS)) * CELL_WIDTH, len(SHADES) * KEY_CELL)
    parts: list[Markup] = []
    for band, names in _bands(layers, columns, grid):
        parts.append(_header([say.get(name, name) for name in names], top + 12))
        top += 18
        for layer in band:
            parts.append(_row(layer, names, grid, scale, top, say))
            top += CELL_HEIGHT
        top += 12
    parts.append(scale.key(MARGIN + LABEL_WIDTH, top + 14, say["from"]))
    return 2 * MARGIN + LABEL_WIDTH + widest, top + FOOT, Markup("").join(parts)


class _Scale:
    """Shades over the decades that the moved cells cover."""

    def __init__(self, values: Sequence[float | None]) -> None:
        moved = [value for value in values if value]
        self.low = math.log10(min(moved, default=1e-3))
        # Models that moved evenly must not look as if one layer stood out: at least a decade.
        self.high = max(math.log10(max(moved, default=1e-2)), self.low + 1)

    def shade(self, value: float | None) -> int:
        """Number of the shade of a value above 0; what is no number has the last."""
        if value is None:
            return len(SHADES) - 1
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return min(int(share * len(SHADES)), len(SHADES) - 1)

    def key(self, left: float, top: float, begins: str) -> Markup:
        """Every shade with the value that it begins at."""
        parts = [text(begins, left - 8, top + 13, anchor="end")]
        for number, shade in enumerate(SHADES):
            value = 10 ** (self.low + number * (self.high - self.low) / len(SHADES))
            x = left + number * KEY_CELL
            parts.append(element("rect", x=x, y=top, width=KEY_CELL, height=18, fill=shade))
            parts.append(_figure(_percent(value), x + KEY_CELL / 2, top + 13, number))
        return Markup("").join(parts)


def _bands(layers: Sequence[str], columns: list[str], grid: Grid) -> list[tuple[list[str], list[str]]]:
    """Groups of layers with the names of their columns: embeddings have other parts than the layers above them."""
    found = []
    if EMBEDDINGS in layers:
        found.append(([EMBEDDINGS], [kind for kind in EMBEDDING_KINDS if (EMBEDDINGS, kind) in grid]))
    if numbered := [layer for layer in layers if layer not in (EMBEDDINGS, OTHER)]:
        found.append((numbered, columns))
    if OTHER in layers:
        found.append(([OTHER], [kind for kind in KINDS if (OTHER, kind) in grid]))
    return found


def _is_transformer(layer: str) -> bool:
    return layer not in (EMBEDDINGS, OTHER)


def _header(names: Sequence[str], baseline: float) -> Markup:
    left = MARGIN + LABEL_WIDTH
    return Markup("").join(
        text(name, left + (n + 0.5) * CELL_WIDTH, baseline, anchor="middle") for n, name in enumerate(names)
    )


def _row(layer: str, names: Sequence[str], grid: Grid, scale: _Scale, top: float, say: Mapping[str, str]) -> Markup:
    parts = [text(layer, MARGIN + LABEL_WIDTH - 8, top + 16, "strong", anchor="end")]
    for number, name in enumerate(names):
        if (layer, name) in grid:
            parts.append(_cell(f"{layer}, {say.get(name, name)}", grid[layer, name], scale, number, top, say))
    return Markup("").join(parts)


def _cell(name: str, change: Moved, scale: _Scale, column: int, top: float, say: Mapping[str, str]) -> Markup:
    x = MARGIN + LABEL_WIDTH + column * CELL_WIDTH
    # The square of a tiny change may be too small for a number: it is changed and yet its length is 0.
    shade = (scale.shade(change.relative) if change.relative != 0 else 0) if change.changed else -1
    words = _percent(change.relative) if change.changed else say["same"]
    tooltip = element("title", f"{name}: {words}, {say['elements'].format(share=f'{100 * change.changed_share:.1f}')}")
    # A file has the colours in attributes, a page in its style sheet: there the paper may be dark.
    looks = ("tip", SHADES[shade]) if change.changed else ("unmoved tip", LIGHT["paper"])
    square = element(
        "rect", tooltip, x=x + GAP / 2, y=top + GAP / 2, width=CELL_WIDTH - GAP, height=CELL_HEIGHT - GAP, rx=2,
        class_=looks[0], fill=looks[1],
    )  # fmt: skip
    centre = x + CELL_WIDTH / 2
    return square + (
        _figure(words, centre, top + 16, shade) if change.changed else text(words, centre, top + 16, anchor="middle")
    )


def _figure(words: str, x: float, baseline: float, shade: int) -> Markup:
    return text(words, x, baseline, "on-dark" if shade >= DARK_FROM else "on-light", anchor="middle")


def _percent(share: float | None) -> str:
    """Two digits that count, whatever the size.

    >>> _percent(0.003), _percent(0.1234), _percent(1.5e-7), _percent(12.3), _percent(None)
    ('0.30 %', '12 %', '1.5e-05 %', '1230 %', 'no number')
    """
    if share is None:
        return "no number"
    return f"{100 * share:#.2g}".rstrip(".") + " %" if share < 0.995 else f"{100 * share:.0f} %"


def _fitting(words: str, width: float) -> str:
    while text_width(words, 18) > width and len(words) > 1:
        words = f"{words.rstrip('…')[:-1]}…"
    return words
