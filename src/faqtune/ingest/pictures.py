"""Where the pictures of a message are: addresses and file names in its text, its columns or its parts.

The text itself loses them (see `clean`); what stays is the reference, for language models that see images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from faqtune.ingest.headers import fold

COLUMNS = frozenset(
    """image imageurl images picture pictureurl pic picurl img imgurl photo photourl
    图片 图片链接 图片地址 图片url 照片 截图""".split()  # noqa: SIM905 - a list of words
)
"""What columns or keys of picture addresses are called, as `fold` spells them."""

LONGEST_REFERENCE = 500
"""Longer ones are pictures in the text itself (data URLs), not references."""

_NAMED = re.compile(
    r"[\[【<［]\s*(?:图片|照片|截图|image|picture|photo|img|pic)\s*[:：]\s*([^\]】>］\s]{1,500})\s*[\]】>］]",
    re.IGNORECASE,
)
_TAG = re.compile(r"""<img\b[^>]*?\bsrc\s*=\s*["']([^"'<>\s]{1,500})["']""", re.IGNORECASE)
_MARKDOWN = re.compile(r"!\[[^\]]{0,100}\]\(([^)\s]{1,500})\)")
_PLAIN = r"[^\s\"'<>\[\]【】，。]"
_ADDRESS = re.compile(rf"https?://{_PLAIN}{{1,480}}?\.(?:jpe?g|png|gif|webp)(?:\?{_PLAIN}{{0,200}})?", re.IGNORECASE)


def in_text(text: str) -> tuple[str, ...]:
    """References in a message as it was exported.

    >>> in_text("[图片: a/1.jpg]坏了，看https://img.example.com/2.png?w=9")
    ('a/1.jpg', 'https://img.example.com/2.png?w=9')
    >>> in_text("[图片]这个多少钱")
    ()
    """
    # Most messages have none; asking first is several times faster.
    if not re.search(r"[:：.(]", text):
        return ()
    found = [(m.start(1), m[1]) for pattern in (_NAMED, _TAG, _MARKDOWN) for m in pattern.finditer(text)]
    found += [(m.start(), m[0]) for m in _ADDRESS.finditer(text)]
    return _distinct(reference for _, reference in sorted(found))


def in_row(row: Mapping[str, str]) -> tuple[str, ...]:
    """References in the columns that are called so."""
    values = (value for name, value in row.items() if value and fold(name) in COLUMNS)
    return _distinct(reference for value in values for reference in re.split(r"[\s,，;；]+", value))


def in_parts(value: Any) -> tuple[str, ...]:
    """References in a list of parts (`[{"type": "image_url", "image_url": {"url": …}}]`), or in such a part."""
    return _distinct(_addresses(value))


def _addresses(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for part in value[:20]:
            yield from _addresses(part) if isinstance(part, dict) else ()
    elif isinstance(value, dict):
        place = value.get("image_url", value.get("image"))
        place = place.get("url") if isinstance(place, dict) else place
        if isinstance(place, str):
            yield place.strip()


def _distinct(references: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(r for r in references if r and len(r) <= LONGEST_REFERENCE and r.isprintable()))
