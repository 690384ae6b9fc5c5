"""When two texts ask the same to the letter, so that nobody is asked twice."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from faqtune.records import normalise

ADDRESS = re.compile(r"(?:https?://|www\.)[!-~]+")
NUMBER = re.compile(r"\d{4,}")
"""Item ids, orders, telephones: they name the thing asked about, not the question."""
PARTICLES = "亲啊呀呢哦噢喔哈嘛哒呐"
"""Said out of politeness at the end of a question; 吗 is not among them."""


def same_key(text: str) -> str:
    """Texts with one key ask the same: case, width, punctuation, white space, long numbers, web addresses and
    particles at either end do not count. A text of nothing else keeps its own form.

    >>> same_key("亲，  有货吗？？") == same_key("有货吗")
    True
    >>> same_key("订单20261103发货了吗") == same_key("订单20261104发货了吗")
    True
    >>> same_key("???"), same_key("3号发") == same_key("5号发")
    ('???', False)
    """
    plain = normalise(text)
    key = _bare(plain)
    # What stood between two parts may have kept them from being one number (138-1234-5678), or one letter.
    while (barer := _bare(normalise(key))) != key:
        key = barer
    return key or plain


def _bare(text: str) -> str:
    marked = NUMBER.sub("#", ADDRESS.sub("#", text))
    return "".join(c for c in marked if c == "#" or unicodedata.category(c)[0] in "LN").strip(PARTICLES)


def twins_of(texts: Iterable[str]) -> Sequence[Sequence[int]]:
    """Per text the rows of all texts that ask the same, its own among them."""
    groups: dict[str, list[int]] = defaultdict(list)
    keys = [same_key(text) for text in texts]
    for row, key in enumerate(keys):
        groups[key].append(row)
    return [groups[key] for key in keys]
