"""The same model per category and per entry: shares with intervals that hold for few queries too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from faqtune.evaluate.outcomes import Outcomes
from faqtune.scorecard import Figure, Slice


def wilson(hits: float, rows: int, units: int, confidence: float = 0.95) -> Figure:
    """Share `hits` / `rows` with Wilson's interval for `units` independent draws.

    Rows of one conversation are alike, so that there are as many draws as conversations: with all rows alike that is
    exact, otherwise the interval is wider than it need be. `rows` and `units` at least 1. Wilson 1927.

    >>> wilson(0, 10, 10).high.__round__(3), wilson(10, 10, 10).low.__round__(3)
    (0.278, 0.722)
    """
    z = float(ndtri(0.5 + confidence / 2))
    share = hits / rows
    middle = (share + z * z / (2 * units)) / (1 + z * z / units)
    half = z / (1 + z * z / units) * np.sqrt(share * (1 - share) / units + z * z / (4 * units * units))
    # Rounding must not put the share itself outside.
    return Figure(
        value=share, low=max(0.0, min(share, middle - half)), high=min(1.0, max(share, middle + half)), n=rows
    )


def by_category(outcomes: Outcomes) -> list[Slice]:
    """Categories of the catalogue, those with most queries first; none where it has no categories."""
    entries = outcomes.data.catalogue.entries
    names = np.array([entries[row].category for row in outcomes.data.entry_rows], dtype=object)
    known = sorted(set(names) - {""})
    slices = [_slice(outcomes, name, name, np.flatnonzero(names == name)) for name in known]
    return sorted(slices, key=lambda each: -each.queries)


def by_entry(outcomes: Outcomes) -> list[Slice]:
    """Entries with any query, those with most queries first."""
    entries, rows = outcomes.data.catalogue.entries, outcomes.data.entry_rows
    order = np.argsort(rows, kind="stable")
    starts = np.flatnonzero(np.diff(rows[order], prepend=-1))
    members = np.split(order, starts[1:])
    slices = [_slice(outcomes, entries[rows[m[0]]].id, entries[rows[m[0]]].questions[0], m) for m in members]
    return sorted(slices, key=lambda each: -each.queries)


def _slice(outcomes: Outcomes, name: str, words: str, rows: NDArray[np.int64]) -> Slice:
    right = outcomes.ranks[rows] == 1
    groups = [outcomes.data.positives[row].group for row in rows]
    answered = outcomes.answered[rows]
    has_threshold = outcomes.threshold_cosine is not None
    count = int(answered.sum())
    answered_groups = [group for group, is_in in zip(groups, answered, strict=True) if is_in]
    return Slice(
        id=name,
        name=words,
        queries=len(rows),
        conversations=units(groups),
        right=wilson(int(right.sum()), len(rows), units(groups)),
        answered=wilson(count, len(rows), units(groups)) if has_threshold else None,
        precision=wilson(int(right[answered].sum()), count, units(answered_groups))
        if has_threshold and count
        else None,
    )


def units(groups: Sequence[str]) -> int:
    """Number of groups, where each "" is one of its own."""
    return len({group for group in groups if group}) + list(groups).count("")
