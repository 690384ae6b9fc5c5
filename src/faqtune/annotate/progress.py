"""How far annotation has got: pace, what the random share says, and how right the machines' labels are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from faqtune.annotate.answers import SEVERAL, Answer, standing
from faqtune.annotate.queue import Drawn
from faqtune.label.proportion import Proportion, proportion
from faqtune.records import Claim

MOST_SECONDS = 300.0
"""Whoever looks at an item for longer has gone for coffee."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`items` of all acts, `labels` of those that say what a query means; `minutes` at work, breaks left out."""

    items: int
    labels: int
    minutes: float
    median_seconds: float

    @property
    def labels_per_hour(self) -> float:
        """0 before anything was timed."""
        return 60 * self.labels / self.minutes if self.minutes else 0.0


def pace(answers: Iterable[Answer]) -> Pace:
    """Of the standing answers; of one person if only that person's are given.

    >>> pace([Answer("pick", "q", ("e",), seconds=6), Answer("skip", "p", seconds=12)]).labels_per_hour
    200.0
    """
    answers = standing(answers)
    seconds = [min(answer.seconds, MOST_SECONDS) for answer in answers if answer.seconds > 0]
    return Pace(
        len(answers),
        sum(answer.is_label for answer in answers),
        sum(seconds) / 60,
        median(seconds) if seconds else 0.0,
    )


def pace_by_person(answers: Iterable[Answer]) -> dict[str, Pace]:
    """The same per person, by name."""
    by: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by[answer.by].append(answer)
    return {name: pace(found) for name, found in sorted(by.items())}


@dataclass(frozen=True, slots=True)
class SourcePrecision:
    """How often a machine source is right, estimated from a random sample of the labels that machines made.

    `unanswered`: of the source's labels in the sample, those that people skipped, flagged or called several questions
    without naming the entries. If they are many, `right` holds for the rest only.
    """

    by: str
    right: Proportion
    unanswered: int


def weak_precision(drawn: Sequence[Drawn], claims: Mapping[str, Sequence[Claim]]) -> list[SourcePrecision]:
    """Per machine source, from `Queue.sample(answers, labelled=True)` alone; intervals by conversation.

    `claims` are the machines', by query (`faqtune.annotate.signals.by_query`). Labels that were chosen for being
    doubtful or uncertain say nothing about all labels, and are not looked at, but for those the sample holds too.
    """
    right: dict[str, list[bool]] = defaultdict(list)
    groups: dict[str, list[str]] = defaultdict(list)
    unanswered: Counter[str] = Counter()
    for one in drawn:
        for claim in claims.get(one.query.id, ()):
            answer = one.answer
            if answer is None or (answer.reason == SEVERAL and not answer.entries):
                unanswered[claim.by] += 1
                continue
            said = claim.entry in answer.entries if claim.entry is not None else not answer.entries
            right[claim.by].append(said)
            groups[claim.by].append(one.query.conversation)
    return [
        SourcePrecision(by, proportion(right[by], groups[by]), unanswered[by]) for by in sorted({*right, *unanswered})
    ]


def shares_of_kinds(drawn: Sequence[Drawn]) -> dict[str, Proportion]:
    """What customers ask, from `Queue.sample(answers)`: the share with an entry and of each reason without one."""
    answered = [(one.query.conversation, one.answer) for one in drawn if one.answer is not None]
    groups = [conversation for conversation, _ in answered]
    kinds = ["entry" if answer.entries else answer.reason or "none" for _, answer in answered]
    return {kind: proportion([k == kind for k in kinds], groups) for kind in sorted(set(kinds))}
