"""The heat map of a comparison: every cell, darker the more it moved, and valid in a strict page."""

from __future__ import annotations

from xml.etree import ElementTree

from faqtune.compare import Cell, Change, LayerChange, WeightChanges
from faqtune.report import heat_map_svg
from faqtune.report.heat_map import SHADES

SVG = "{http://www.w3.org/2000/svg}"


def change(relative: float | None, *, changed: bool = True) -> Change:
    return Change(100, changed, relative, 1.0, 0.1, ("x", (0,)), 1.0 if changed else 0.0, None)


def drawn(cells: dict[tuple[str, str], Change], a: str = "a", b: str = "b") -> ElementTree.Element:
    layers = [LayerChange(layer, 1, 1, change(0.1)) for layer in dict.fromkeys(layer for layer, _ in cells)]
    found = tuple(Cell(*place, figures) for place, figures in cells.items())
    return ElementTree.fromstring(
        heat_map_svg(WeightChanges(change(0.1), tuple(layers), found, (), (), (), (), ()), a, b)
    )


def cells_of(svg: ElementTree.Element) -> dict[str, str]:
    """Tooltip to colour of every cell."""
    boxes = [box for box in svg.iter(f"{SVG}rect") if box.find(f"{SVG}title") is not None]
    return {str(box[0].text): box.attrib["fill"] for box in boxes}


def test_what_moved_more_is_darker_and_what_did_not_is_white() -> None:
    svg = drawn(
        {
            ("embeddings", "words"): change(0, changed=False),
            ("layer 0", "query"): change(1e-4),
            ("layer 0", "key"): change(1e-2),
            ("layer 1", "query"): change(1e-1),
            ("other", "other parts"): change(None),
        }
    )

    found = cells_of(svg)
    assert list(found.values()) == ["#ffffff", SHADES[0], SHADES[5], SHADES[-1], SHADES[-1]]
    assert "layer 0, key: 1.0 %, 100.0 % of the elements changed" in found
    words = [text.text for text in svg.iter(f"{SVG}text")]
    assert {"same", "0.010 %", "1.0 %", "10 %", "no number", "embeddings", "layer 1", "query", "words"} <= set(words)


def test_models_that_did_not_differ_are_drawn_too() -> None:
    assert set(cells_of(drawn({("layer 0", "query"): change(0, changed=False)})).values()) == {"#ffffff"}


def test_names_are_escaped_and_cut_and_there_is_no_style_attribute() -> None:
    svg = drawn({("layer 0", "query"): change(0.1)}, a="<script>" * 20)

    title = next(text.text for text in svg.iter(f"{SVG}text") if text.attrib["class"] == "title")
    assert title is not None and title.startswith("How far each layer moved: <script>") and title.endswith("…")
    assert not any("style" in element.attrib for element in svg.iter())
