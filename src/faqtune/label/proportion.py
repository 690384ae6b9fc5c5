"""How often a source is right, with an interval that knows how many conversations stand behind it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959964
"""Of the normal distribution, for 95 %."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """`right` of `n`, and the 95 % interval of the share; 0 to 1 where there is nothing to go by."""

    n: int
    right: int
    low: float = 0.0
    high: float = 1.0

    @property
    def share(self) -> float:
        """NaN without any."""
        return self.right / self.n if self.n else math.nan


def proportion(right: Sequence[bool], groups: Sequence[str]) -> Proportion:
    """The share of True, and Wilson's interval of the effective number of labels.

    `groups` (n,) are conversations: several labels of one count for less where they go together. The number is
    divided by the design effect, the variance of the share over conversations against that of independent labels
    (Korn and Graubard 1998); where all labels are alike that cannot be estimated, and every conversation counts once.

    >>> found = proportion([True, True, False, True], ["a", "b", "c", "d"])
    >>> found.share, round(found.low, 3), round(found.high, 3)
    (0.75, 0.301, 0.954)
    >>> proportion([], [])
    Proportion(n=0, right=0, low=0.0, high=1.0)
    """
    n, hits = len(right), sum(right)
    if not n:
        return Proportion(0, 0)
    return Proportion(n, hits, *wilson(hits / n, _effective(right, groups)))


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share among `n` > 0 (JASA 22, 1927)."""
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    width = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + (Z95 / (2 * n)) ** 2)
    # Rounding must not put the share itself outside.
    return max(0.0, min(share, centre - width)), min(1.0, max(share, centre + width))


def _effective(right: Sequence[bool], groups: Sequence[str]) -> float:
    n = len(right)
    sizes = Counter(groups)
    hits = Counter(group for group, is_right in zip(groups, right, strict=True) if is_right)
    share = sum(right) / n
    if share in (0.0, 1.0) or len(sizes) < 2:
        return float(len(sizes))
    spread = sum((hits[group] - share * size) ** 2 for group, size in sizes.items()) * len(sizes) / (len(sizes) - 1)
    return n / max(1.0, spread * (n - 1) / n**2 / (share * (1 - share)))
