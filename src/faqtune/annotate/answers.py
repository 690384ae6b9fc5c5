"""What a person did with one item, as plain records: the queue, the progress and every export read these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from faqtune.records import HUMAN, Claim

PICK, NONE, SKIP, FLAG = ACTS = ("pick", "none", "skip", "flag")
"""Picked one or more entries; said that none fits; passed it over; left it with a note for someone else."""

REASONS = ("chitchat", "unclear", "unsupported", "several")
"""Why no single entry fits."""

SEVERAL = "several"
LISTED = "entries: "
"""How `Claim.why` names the entries of a query that asks for several at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One act of one person on one item.

    `entries` are the picked ones (several where the query asks several things), empty for the other acts.
    `when` is ISO 8601; `seconds` how long the item was looked at. `candidates` are the entries as they stood on
    the page, first to last; `suggested` the one that the machine puts first, wherever it stood. `why` names the
    reason for which the queue chose the item; `audit` says that scores were hidden and candidates shuffled.
    """

    act: str
    query: str
    entries: tuple[str, ...] = ()
    reason: str = ""
    by: str = ""
    when: str = ""
    seconds: float = 0.0
    candidates: tuple[str, ...] = ()
    suggested: str = ""
    why: str = ""
    audit: bool = False
    note: str = ""

    @property
    def is_label(self) -> bool:
        """Whether it says what the query means."""
        return self.act in (PICK, NONE)

    @property
    def label(self) -> str:
        """What it says, as one value to compare: an entry, several of them sorted, or why there is none.

        >>> Answer("pick", "q", ("b", "a")).label, Answer("none", "q", reason="unclear").label
        ('a+b', '(unclear)')
        """
        return "+".join(sorted(self.entries)) if self.entries else f"({self.reason or 'none'})"


def standing(answers: Iterable[Answer]) -> list[Answer]:
    """The last word of each person on each query, in the order in which they were given.

    >>> a, b = Answer("skip", "q", by="王敏"), Answer("pick", "q", ("e",), by="王敏")
    >>> standing([a, b]) == [b]
    True
    """
    last: dict[tuple[str, str], Answer] = {}
    for answer in answers:
        last.pop((answer.by, answer.query), None)
        last[answer.by, answer.query] = answer
    return list(last.values())


def labels_by_query(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """The standing labels of each query, skipped and flagged ones left out."""
    found: dict[str, list[Answer]] = defaultdict(list)
    for answer in standing(answers):
        if answer.is_label:
            found[answer.query].append(answer)
    return dict(found)


def claim_of(answer: Answer) -> Claim | None:
    """The Claim that an answer makes; None where it says nothing about what the query means.

    A query that asks several things has no entry: the reason is "several", and `why` lists them.
    """
    if not answer.is_label:
        return None
    by = answer.by if answer.by.startswith(HUMAN) else f"{HUMAN}{answer.by}"
    if len(answer.entries) == 1:
        return Claim(answer.query, answer.entries[0], by, 1.0, answer.note, answer.when)
    why = answer.note
    if answer.entries:
        why = "; ".join(filter(None, (LISTED + ", ".join(answer.entries), answer.note)))
    reason = SEVERAL if answer.entries else answer.reason
    return Claim(answer.query, None, by, 1.0, why, answer.when, reason)


def claims_of(answers: Iterable[Answer]) -> list[Claim]:
    """The Claims of many answers, in their order."""
    return [claim for claim in map(claim_of, answers) if claim is not None]
