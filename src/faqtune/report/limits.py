"""A report stays small whatever it is about: long lists and texts are cut, and say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

MOST_ROWS = 100
"""Of any list that grows with the user's data."""

MOST_CHARACTERS = 88
"""Of any text that comes from the user's data."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """The head of a list, and how long the whole list is."""

    rows: list[Item]
    total: int


def listing(rows: Sequence[Item]) -> Listing[Item]:
    return Listing(list(rows[:MOST_ROWS]), len(rows))


def clipped(text: str) -> str:
    """As much of a text as is shown.

    >>> clipped("a" * 1000)[-3:], len(clipped("a" * 1000))
    ('aa…', 88)
    """
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
