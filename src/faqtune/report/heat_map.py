"""The picture of a comparison: layers from bottom to top against the parts of a layer, the darker the more moved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from faqtune.compare import EMBEDDING_KINDS, EMBEDDINGS, KINDS, OTHER, Cell, Change, WeightChanges
from faqtune.report.plot import card
from faqtune.report.svg import document, element, text, text_width
from faqtune.report.theme import LIGHT, file_css

SHADES = ("#e3eef8", "#c3dcf0", "#98c2e3", "#68a3d1", "#3d82ba", "#1f639c", "#0d467b", "#062b54")
"""One hue from light to dark, so that it also reads in grey. What has not moved has no shade at all."""

DARK_FROM = 4
"""Shades from here on carry white text."""

MARGIN, LABEL_WIDTH, CELL_WIDTH, CELL_HEIGHT, GAP = 30.0, 92.0, 96.0, 24.0, 2.0
HEAD, FOOT = 92.0, 66.0
KEY_CELL = 76.0

Grid = Mapping[tuple[str, str], Change]


def heat_map_svg(changes: WeightChanges, model_a: str, model_b: str) -> str:
    """Relative change ||B - A|| / ||A|| of each part of each layer, on a logarithmic scale over what moved.

    A whole SVG file with fixed light colours. Each cell says its figure, in full as a tooltip.
    """
    grid = {(cell.layer, cell.kind): cell.change for cell in changes.cells}
    columns = [kind for kind in KINDS if any(_is_transformer(cell) and cell.kind == kind for cell in changes.cells)]
    scale = _Scale([change.relative for change in grid.values()])
    layers = [found.layer for found in changes.layers]
    widest = max(max(len(columns), len(EMBEDDING_KINDS)) * CELL_WIDTH, len(SHADES) * KEY_CELL)
    width = 2 * MARGIN + LABEL_WIDTH + widest
    parts: list[Markup] = []
    top = HEAD
    for band, names in _bands(layers, columns, grid):
        parts.append(_header(names, top + 12))
        top += 18
        for layer in band:
            parts.append(_row(layer, names, grid, scale, top))
            top += CELL_HEIGHT
        top += 12
    height = top + FOOT
    title = f"How far each layer moved: {model_a} → {model_b}"
    told = "Relative change of the weights, per cent of their length. White: not one element has changed."
    heading = [text(_fitting(title, width - 2 * MARGIN), MARGIN, 44, "title"), text(told, MARGIN, 66)]
    key = scale.key(MARGIN + LABEL_WIDTH, top + 14)
    return document(width, height, f"{title}. {told}", card(width, height), *heading, *parts, key, css=file_css())


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

    def key(self, left: float, top: float) -> Markup:
        """Every shade with the value that it begins at."""
        parts = [text("from", left - 8, top + 13, anchor="end")]
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


def _is_transformer(cell: Cell) -> bool:
    return cell.layer not in (EMBEDDINGS, OTHER)


def _header(names: Sequence[str], baseline: float) -> Markup:
    left = MARGIN + LABEL_WIDTH
    return Markup("").join(
        text(name, left + (n + 0.5) * CELL_WIDTH, baseline, anchor="middle") for n, name in enumerate(names)
    )


def _row(layer: str, names: Sequence[str], grid: Grid, scale: _Scale, top: float) -> Markup:
    parts = [text(layer, MARGIN + LABEL_WIDTH - 8, top + 16, "strong", anchor="end")]
    for number, name in enumerate(names):
        if (layer, name) in grid:
            parts.append(_cell(f"{layer}, {name}", grid[layer, name], scale, number, top))
    return Markup("").join(parts)


def _cell(name: str, change: Change, scale: _Scale, column: int, top: float) -> Markup:
    x = MARGIN + LABEL_WIDTH + column * CELL_WIDTH
    # The square of a tiny change may be too small for a number: it is changed and yet its length is 0.
    shade = (scale.shade(change.relative) if change.relative != 0 else 0) if change.changed else -1
    words = _percent(change.relative) if change.changed else "same"
    tooltip = element("title", f"{name}: {words}, {100 * change.changed_share:.1f} % of the elements changed")
    square = element(
        "rect", tooltip, x=x + GAP / 2, y=top + GAP / 2, width=CELL_WIDTH - GAP, height=CELL_HEIGHT - GAP, rx=2,
        fill=SHADES[shade] if change.changed else LIGHT["paper"], stroke=LIGHT["grid"],
    )  # fmt: skip
    return square + _figure(words, x + CELL_WIDTH / 2, top + 16, shade)


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
