"""Text of customers on a terminal: it must not move the cursor, change colours or turn the line round."""

from __future__ import annotations

import re

UNSEEN = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]")
"""Control characters but for tab and line feed, and those that reorder what follows."""


def printable(text: str) -> str:
    r"""The text with its control characters as escapes.

    >>> print(printable("\x1b[31m红 \u202e了"))
    \x1b[31m红 \u202e了
    """
    return UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
