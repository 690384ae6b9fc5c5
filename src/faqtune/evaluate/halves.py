"""An evaluation set in two halves: one to search on, one to see whether what was found holds up."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from faqtune.errors import UserError
from faqtune.evaluate.examples import EvaluationSet, Negative, Positive
from faqtune.records import content_id, normalise
from faqtune.scorecard import STRATA

Row = Positive | Negative


def halved(data: EvaluationSet) -> tuple[EvaluationSet, EvaluationSet]:
    """Two halves by conversation and source of noise, whole ones each, about as many rows of every kind in both.

    The same for the same groups, whatever their order. A text of the first half is not in the second: it would
    confirm what was fitted to it. Raises UserError where a half would have no query or no noise.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    rows: tuple[Row, ...] = (*data.positives, *data.negatives)
    for row in rows:
        groups[row.group or f"\0{row.text}"].append(row)
    sides: tuple[list[Row], list[Row]] = [], []
    balance: dict[int, int] = defaultdict(int)
    # Large groups first: what is left over then is small.
    for _, group in sorted(groups.items(), key=lambda item: (-len(item[1]), content_id(item[0]))):
        kind = min(_kind(row) for row in group)
        side = int(balance[kind] > 0)
        sides[side].extend(group)
        balance[kind] += len(group) * (1 - 2 * side)
    seen = {normalise(row.text) for row in sides[0]}
    found = tuple(
        _part(data, [row for row in side if not (number and normalise(row.text) in seen)], number)
        for number, side in enumerate(sides)
    )
    for half in found:
        if not half.positives or not half.negatives:
            raise UserError(
                f"{data.part} cannot be halved: of {len(data.positives)} labelled queries and {len(data.negatives)} "
                f"noise sentences one half would have {len(half.positives)} and {len(half.negatives)}",
                "add logs, or chatter of several sources, or raise split.selection in faqtune.toml",
            )
    return found[0], found[1]


def _kind(row: Row) -> int:
    return 0 if isinstance(row, Positive) else 1 + STRATA.index(row.stratum)


def _part(data: EvaluationSet, rows: list[Row], number: int) -> EvaluationSet:
    return replace(
        data,
        positives=tuple(row for row in rows if isinstance(row, Positive)),
        negatives=tuple(row for row in rows if isinstance(row, Negative)),
        part=f"{data.part}, half {number + 1} of 2",
        excluded={},
    )
