"""What a session tells besides items: hits of the search, and answers as people read them."""

from __future__ import annotations

from dataclasses import dataclass

from faqtune.annotate.decisions import query_in
from faqtune.annotate.shown import Offer, Shown
from faqtune.annotate.store import Act
from faqtune.records import Catalogue


@dataclass(frozen=True, slots=True)
class Found:
    """A hit of the search, as an entry to pick, and what was found how."""

    offer: Offer
    question: str
    how: str


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as people read it: `questions` of the entries that were picked."""

    act: str
    by: str
    text: str
    what: str
    questions: tuple[str, ...]
    reason: str
    note: str
    when: str


@dataclass(frozen=True, slots=True)
class Undone:
    """The item of an answer that was taken back, and what had been said."""

    item: Shown
    was: Told


def told(act: Act, catalogue: Catalogue) -> Told:
    """An act of answering in words; entries that are no longer in the catalogue are left out."""
    known = [catalogue.rows[entry] for entry in act.data["entries"] if entry in catalogue.rows]
    questions = tuple(catalogue.entries[row].questions[0] for row in known)
    text = query_in(act.data).text
    return Told(act.act, act.by, text, act.data["what"], questions, act.data["reason"], act.data["note"], act.when)
