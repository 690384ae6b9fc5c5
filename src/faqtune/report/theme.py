"""Colours, and the style sheets that use them. Told apart also by people who do not see red and green.

Blue and orange differ in lightness and on the blue-yellow axis (after Okabe & Ito 2008, darkened
until they can be read as text: contrast of at least 4.5 to 1 with the paper, WCAG 2.2 AA).
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

LIGHT = {
    "paper": "#ffffff",
    "panel": "#f6f7f9",
    "ink": "#1a1c20",
    "muted": "#5b606a",
    "rule": "#d5d8de",
    "grid": "#e9ebef",
    "before": "#686d78",
    "after": "#0b62a8",
    "noise": "#b04a00",
    "near": "#7b2d8b",
}

DARK = {
    "paper": "#16181c",
    "panel": "#1e2126",
    "ink": "#e9ebee",
    "muted": "#a5abb5",
    "rule": "#3a3f47",
    "grid": "#2a2e35",
    "before": "#a3a9b4",
    "after": "#6db5f5",
    "noise": "#f0a05a",
    "near": "#d79be6",
}


SCRIPTS = ("language.js", "tables.js", "tips.js", "map.js", "dial.js")
STYLES = ("chart.css", "page.css", "parts.css", "narrow.css")


def page_css() -> str:
    """The style sheet of the page: light, dark where the reader's system is, and light again in print."""
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{color-scheme:dark;{_variables(DARK)}}}}}"
    return f":root{{color-scheme:light;{_variables(LIGHT)}}}\n{dark}\n" + "\n".join(_template(name) for name in STYLES)


def page_script() -> str:
    """One script out of several files, each a function of its own that does nothing where its part is missing."""
    return "\n".join(_template(name) for name in SCRIPTS)


def file_css() -> str:
    """The style sheet of an image in a file: light colours written out, since few image viewers know variables."""
    return re.sub(r"var\(--(\w+)\)", lambda found: LIGHT[found[1]], _template("chart.css"))


def _variables(palette: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in palette.items())


@cache
def _template(name: str) -> str:
    return resources.files("faqtune.report").joinpath("templates", name).read_text(encoding="utf-8")
