"""Tokens and money, before and after. Before, it is an estimate; after, it is what the server counted."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

TOKENS_PER_MESSAGE = 8
TOKENS_PER_IMAGE = 1200
TOKENS_PER_ANSWER = 30
"""What {"choice": …, "reason": …} takes."""
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written by the model."""

    read: int = 0
    written: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.read + other.read, self.written + other.written)

    def __mul__(self, times: int) -> Usage:
        return Usage(self.read * times, self.written * times)


NOTHING = Usage()


@dataclass(frozen=True, slots=True)
class Price:
    """Money per million tokens read and written; 0 where nothing is paid, or nobody has said how much."""

    read: float = 0.0
    written: float = 0.0
    currency: str = ""

    def of(self, usage: Usage) -> float:
        return (usage.read * self.read + usage.written * self.written) / MILLION

    def __bool__(self) -> bool:
        return self.read > 0 or self.written > 0


def estimate_tokens(text: str) -> int:
    """About how many tokens a text is: a wide character (Chinese) one, of others four make one.

    Rather too many than too few: tokenizers of today make 0.6 to 1 of a Chinese character.

    >>> estimate_tokens("什么时候发货"), estimate_tokens("when do you ship")
    (6, 4)
    """
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return wide + -(-(len(text) - wide) // 4)


def estimate_request(messages: list[dict[str, str]], images: int = 0, written: int = TOKENS_PER_ANSWER) -> Usage:
    texts = sum(estimate_tokens(message["content"]) + TOKENS_PER_MESSAGE for message in messages)
    return Usage(texts + images * TOKENS_PER_IMAGE, written)
