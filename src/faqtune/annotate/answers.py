"""What a person did with one item, as plain records: the queue, the progress and every export read these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from faqtune.records import HUMAN, Claim, content_id

PICK, NONE, SKIP, FLAG = ACTS = ("pick", "none", "skip", "flag")
"""Picked one or more entries; said that none fits; passed it over; left it with a note for someone else."""

REASONS = ("chitchat", "unclear", "unsupported", "several")
"""Why no single entry fits."""

SEVERAL = "several"


@dataclass(frozen=True, slots=True)
class Answer:
    """One act of one person on one item.

    `entries` are the picked ones (several where the query asks several things), empty for the other acts.
    `when` is ISO 8601; `seconds` how long the item was looked at. `candidates` are the entries as they stood on
    the page, first to last; `suggested` the one that the machine puts first, wherever it stood. `why` names the
    reason for which the queue chose the item; `audit` says that scores were hidden and candidates shuffled. `id` is the
    act's, as Claims carry it (`Claim.act`).
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
    id: str = ""

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


def claims_of(answers: Iterable[Answer]) -> list[Claim]:
    """The Claims that answers make, in their order; skips and flags make none.

    A query that asks for several entries gets a Claim of each, with the same act and the reason "several". An
    answer without an `id` gets one of its content, so that it is stored once however often it comes.
    """
    return [claim for answer in answers if answer.is_label for claim in _claims_of(answer)]


def _claims_of(answer: Answer) -> Iterator[Claim]:
    by = answer.by if answer.by.startswith(HUMAN) else f"{HUMAN}{answer.by}"
    act = answer.id or content_id(by, answer.query, answer.label, answer.when, length=20)
    reason = SEVERAL if len(answer.entries) > 1 else answer.reason
    for entry in answer.entries or (None,):
        yield Claim(answer.query, entry, by, 1.0, answer.note, answer.when, reason, act)
