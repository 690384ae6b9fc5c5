from __future__ import annotations

import re
from pathlib import Path

import pytest

import faqtune.report
from faqtune.report.theme import DARK, LIGHT, file_css, page_css


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, WCAG 2.2."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_highest_contrast_there_is() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "muted", "before", "after", "noise"])
@pytest.mark.parametrize("paper", ["paper", "panel"])
def test_every_text_colour_has_contrast_aa(palette: dict[str, str], ink: str, paper: str) -> None:
    assert contrast(palette[ink], palette[paper]) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_before_after_and_noise_are_told_apart_without_red_and_green(palette: dict[str, str]) -> None:
    """Blue and orange: on the axis that nearly all colour-blind people see."""

    def blueness(name: str) -> int:
        red, green, blue = (int(palette[name][place : place + 2], 16) for place in (1, 3, 5))
        return blue - (red + green) // 2

    assert blueness("after") - blueness("before") >= 50
    assert blueness("before") - blueness("noise") >= 50


def test_both_palettes_have_every_colour_that_the_style_sheets_use() -> None:
    used = set(re.findall(r"var\(--(\w+)\)", page_css()))
    assert used == set(LIGHT) == set(DARK)


def test_a_file_needs_no_css_variables() -> None:
    assert "var(" not in file_css()
    assert LIGHT["after"] in file_css()


def test_style_sheets_and_scripts_load_nothing() -> None:
    for path in (Path(faqtune.report.__file__).parent / "templates").iterdir():
        content = path.read_text(encoding="utf-8")
        assert not re.search(r"https?:|url\(|@import|fetch\(|innerHTML|eval\(", content), path.name
