"""How right the labels of one source are from each threshold on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faqtune.label import Act, Compared, Proportion, proportion
from faqtune.label.acts import Place

COSINE, CONFIDENCE = "reply cosine", "confidence"
MOST_THRESHOLDS = 12


@dataclass(frozen=True, slots=True)
class Threshold:
    """Labels of a source from `value` on. `coverage`: their share of all exchanges; `right`: of the compared ones;
    `found`: of the hand-labelled turns with an entry, those that the source labels right from there on."""

    value: float
    labels: int
    coverage: float
    right: Proportion
    found: Proportion


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A source's labels by `measure`: the reply's cosine for the rules, else the confidence."""

    by: str
    measure: str
    rows: list[Threshold]


def thresholds_of(
    by: str,
    made: Sequence[Act],
    compared: Sequence[Compared],
    truths: Sequence[Place],
    cosines: Mapping[tuple[str, str], float | None],
    exchanges: int,
) -> Thresholds:
    """The labels that a machine source `made`, by the cosine of the reply where each has one (`cosines`: by query and
    source), else by confidence. `compared`: those that people labelled too; `truths`: turns for which people named an
    entry; `exchanges`: how many there are to label."""
    has_cosine = all(cosines.get((act.query, act.by)) is not None for act in made)

    def value(act: Act) -> float:
        cosine = cosines.get((act.query, act.by))
        return act.confidence if not has_cosine or cosine is None else cosine

    rows = []
    for threshold in _thresholds([value(act) for act in made]):
        kept = [row for row in compared if value(row.act) >= threshold]
        hit = {(row.conversation, row.turn) for row in kept if row.right}
        labels = sum(value(act) >= threshold for act in made)
        rows.append(
            Threshold(
                value=threshold,
                labels=labels,
                coverage=labels / exchanges if exchanges else 0.0,
                right=proportion([row.right for row in kept], [row.conversation for row in kept]),
                found=proportion([place in hit for place in truths], [conversation for conversation, _ in truths]),
            )
        )
    return Thresholds(by, COSINE if has_cosine else CONFIDENCE, rows)


def _thresholds(values: Sequence[float]) -> list[float]:
    """Where equal shares of the labels begin, cut to two digits where that tells enough of them apart, else three."""
    ordered = sorted(values)
    starts = [ordered[number * len(ordered) // MOST_THRESHOLDS] for number in range(MOST_THRESHOLDS)]
    two, three = (sorted({math.floor(start * scale) / scale for start in starts}) for scale in (100, 1000))
    return two if len(two) >= MOST_THRESHOLDS // 2 else three
