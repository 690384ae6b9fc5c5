"""Texts that say nearly what is measured: pairs from elsewhere were often made of the very logs that measure."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from faqtune.records import letters, slips

T = TypeVar("T")

PART_WIDTH = 12
"""A text of at least this width (six Chinese characters, twelve letters) counts where it is a part of another."""
FIRST = PART_WIDTH // 2


def without_near_leaks(items: Sequence[T], text_of: Callable[[T], str], measured: Iterable[str]) -> list[T]:
    """`items` without those whose text is measured, is one character away from it, is a part of it or has it in it.

    Short texts count where they are equal (`SLIP_CHARACTERS`), and as parts of none (`PART_WIDTH`). Punctuation,
    case and white space do not count. Two texts that each lack one character of the other count as one character
    away too. So go the copies with a slip and the joined turns that older tools made of a query.

    >>> texts = ["几天能到啊", "几天能道", "在吗？几天能到我家", "能退吗"]
    >>> without_near_leaks(texts, str, ["几天能到", "几天能到我家"])
    ['能退吗']
    """
    forbidden = {letters(text) for text in measured} - {""}
    # Their numbers take a fifth of the memory; two of 64 bits that agree by chance would cost one item.
    slipped = {hash(slip) for text in forbidden for slip in slips(text)}
    bare = [letters(text_of(item)) for item in items]
    wholes, parts = _Parts(forbidden), _Parts(bare)
    inside = {part for text in forbidden for part in parts.found_in(text)}
    return [
        item
        for item, text in zip(items, bare, strict=True)
        if text not in inside and slipped.isdisjoint(map(hash, slips(text))) and not any(wholes.found_in(text))
    ]


class _Parts:
    """Finds which of many texts are parts of another, by their first characters."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.by_first: dict[str, set[str]] = defaultdict(set)
        for text in texts:
            if sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text) >= PART_WIDTH:
                self.by_first[text[:FIRST]].add(text)

    def found_in(self, text: str) -> Iterator[str]:
        for place in range(len(text) - FIRST + 1):
            for part in self.by_first.get(text[place : place + FIRST], ()):
                if text.startswith(part, place):
                    yield part
