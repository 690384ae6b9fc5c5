"""An item as plain data for whoever shows it, the page or the terminal. Customers' text is data, never markup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from faqtune.annotate.items import Candidate, Item
from faqtune.annotate.material import Material
from faqtune.ranking import rank
from faqtune.records import Query

TURNS_BEFORE, TURNS_AFTER = 12, 4
"""Of the conversation around the query; the rest is counted."""
MOST_CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One turn. `asked`: its customer text belongs to the query; `replied`: its agent text is the reply to it."""

    number: int
    customer: str
    agent: str
    time: str
    asked: bool
    replied: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """An entry to pick. Of an audited item neither similarity nor sources are told."""

    entry: str
    question: str
    more: tuple[str, ...]
    answer: str
    category: str
    similarity: float | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """An item. `turns` of `most_turns` customer turns belong to the query; `item` names the query that was asked."""

    item: str
    query: str
    text: str
    reply: str
    conversation: str
    lines: tuple[Line, ...]
    before: int
    after: int
    turns: int
    most_turns: int
    offers: tuple[Offer, ...]
    suggested: str
    why: str
    audit: bool
    said: tuple[dict[str, Any], ...] = ()
    """What people have said already; only where it is to be settled."""


def shown(material: Material, item: Item, query: Query | None = None) -> Shown:
    """An item with its conversation; `query`: the same with other turns, for which candidates are found anew."""
    asked = query or item.query
    candidates = item.candidates if query is None else _candidates(material, item, query)
    offers = [_offer(material, candidate, audit=item.audit) for candidate in candidates]
    lines, before, after = _lines(material, asked)
    able = material.pool.customer_turns(item.query)
    return Shown(
        item=item.query.id,
        query=asked.id,
        text=asked.text,
        reply=asked.reply,
        conversation=asked.conversation,
        lines=lines,
        before=before,
        after=after,
        turns=sum(turn in asked.turns for turn in able),
        most_turns=len(able),
        offers=tuple(offers),
        suggested=candidates[0].entry if candidates and query is not None and not item.audit else item.suggested,
        why=item.why,
        audit=item.audit,
    )


def offer_of(material: Material, entry: str, similarity: float | None = None) -> Offer:
    """Any entry of the catalogue, as one to pick."""
    return _offer(material, Candidate(entry, similarity or 0.0, ()), audit=similarity is None)


def _offer(material: Material, candidate: Candidate, *, audit: bool) -> Offer:
    entry = material.catalogue.entries[material.catalogue.rows[candidate.entry]]
    return Offer(
        entry.id,
        entry.questions[0],
        entry.questions[1:],
        entry.answer,
        entry.category,
        None if audit else round(candidate.similarity, 3),
        () if audit else candidate.sources,
    )


def _candidates(material: Material, item: Item, query: Query) -> tuple[Candidate, ...]:
    """The model's best entries for other turns, and who suggested them for the item."""
    vectors = material.encoder.encode([query.text])
    found = rank(vectors, material.meanings.questions, material.catalogue.owners, MOST_CANDIDATES)
    sources = {candidate.entry: candidate.sources for candidate in item.candidates}
    made = []
    for row, score in zip(found.rows[0], found.scores[0], strict=True):
        entry = material.catalogue.entries[int(row)].id
        others = [source for source in sources.get(entry, ()) if source != "model"]
        made.append(Candidate(entry, float(score), (*others, "model")))
    if item.audit:
        made.sort(key=lambda candidate: candidate.entry)
    return tuple(made)


def _lines(material: Material, query: Query) -> tuple[tuple[Line, ...], int, int]:
    turns = material.pool.conversations[query.conversation].turns
    first = max(0, query.turns[0] - TURNS_BEFORE)
    end = min(len(turns), query.turns[-1] + 1 + TURNS_AFTER)
    lines = [
        Line(
            number,
            turns[number].customer,
            turns[number].agent,
            turns[number].time,
            asked=number in query.turns and bool(turns[number].customer),
            replied=number == query.turns[-1],
        )
        for number in range(first, end)
    ]
    return tuple(lines), first, len(turns) - end
