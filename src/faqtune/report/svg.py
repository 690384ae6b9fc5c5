"""SVG elements as escaped text. Geometry stands in attributes, looks in classes: no style attribute,
so that a strict Content-Security-Policy holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from markupsafe import Markup, escape

Point = tuple[float, float]

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(tag: str, *content: str, **attributes: str | float) -> Markup:
    """One element. Content and attributes are escaped unless they are Markup; `class_` is `class`,
    `stroke_width` is `stroke-width`.

    >>> element("text", "a<b", x=1.25, class_="tick")
    Markup('<text x="1.2" class="tick">a&lt;b</text>')
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_attribute(value)}"' for name, value in attributes.items()
    )
    inside = "".join(str(part) if isinstance(part, Markup) else str(escape(printable(part))) for part in content)
    return Markup(f"<{tag}{written}>{inside}</{tag}>" if inside else f"<{tag}{written}/>")


def printable(text: str) -> str:
    """`text` with what XML and UTF-8 cannot hold (control characters, lone surrogates) replaced.

    >>> printable("a\\x00b\\ud800")
    'a\ufffdb\ufffd'
    """
    return _NOT_IN_XML.sub("\ufffd", text)


def document(width: float, height: float, alternative: str, *content: Markup, css: str = "", look: str = "") -> Markup:
    """A whole image with its text alternative. `css` is for files; a page brings its own, and may know the drawing by
    its `look`."""
    style = element("style", Markup(css)) if css else Markup("")
    return element(
        "svg",
        style,
        *content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        class_=f"chart {look}".rstrip(),
        role="img",
        aria_label=alternative,
    )


def text(words: str, x: float, y: float, class_: str = "tick", anchor: str = "start") -> Markup:
    """A line of text with its baseline at `y`; `anchor` is start, middle or end."""
    return element("text", words, x=x, y=y, class_=class_, text_anchor=anchor)


def polyline(points: Iterable[Point], class_: str) -> Markup:
    """Straight lines through `points`; nothing if there are none."""
    path = _path(points)
    return element("path", d=path, class_=class_) if path else Markup("")


def spans(x: float, y: float, class_: str, *parts: tuple[str, str]) -> Markup:
    """A line of text whose parts (words, class) follow each other, however wide they come out."""
    runs = [element("tspan", words, class_=look) for words, look in parts]
    return element("text", *runs, x=x, y=y, class_=class_)


def text_width(words: str, size_px: float) -> float:
    """Width of a line of text in a system sans font, estimated, rather too wide than too narrow.

    >>> text_width("答对 5", 10)
    32.4
    """
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in words)
    return round(size_px * (wide + 0.62 * (len(words) - wide)), 1)


def number(value: float) -> str:
    """A coordinate with a tenth of a pixel, as short as it can be.

    >>> number(12.0), number(0.25), number(-0.01)
    ('12', '0.2', '0')
    """
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def _attribute(value: str | float) -> str:
    return str(escape(printable(value))) if isinstance(value, str) else number(value)


def _path(points: Iterable[Point]) -> str:
    return "".join(f"{'L' if place else 'M'}{number(x)} {number(y)}" for place, (x, y) in enumerate(points))
