"""Chance that can be repeated: which queries are drawn, audited and asked twice depends on seed and id only."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence


def chance(kind: str, name: str, seed: int) -> float:
    """A number in [0, 1), uniform over names; each `kind` draws for itself.

    >>> chance("audit", "q1", 0) == chance("audit", "q1", 0) != chance("second", "q1", 0)
    True
    """
    content = f"{seed}|annotate {kind}|{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(content).digest()[:7], "big") / 2**56


def shuffled(kind: str, names: Iterable[str], seed: int) -> list[str]:
    """Names in an order by chance. A name that is added later moves none of the others."""
    return sorted(names, key=lambda name: (chance(kind, name, seed), name))


def drawn_so_far(order: Sequence[int], answered: Collection[int]) -> list[int]:
    """The start of `order` up to the first row without an answer: as long as it is a random sample of all rows.

    Rows that were answered for another reason count where their turn comes. Leaving them out, or taking answered
    ones from farther back, would tilt the sample towards what the queue finds easy or hard.

    >>> drawn_so_far([3, 1, 0, 2], {1, 3, 2})
    [3, 1]
    """
    sample: list[int] = []
    for row in order:
        if row not in answered:
            break
        sample.append(row)
    return sample
