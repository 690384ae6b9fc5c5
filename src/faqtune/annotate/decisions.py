"""Between the three forms of one decision: what a client sends, what the log of acts keeps, and Claims."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from faqtune.annotate.agreement import SETTLED
from faqtune.annotate.answers import ACTS, NONE, PICK, REASONS, Answer, claims_of
from faqtune.annotate.queue import WHYS
from faqtune.annotate.refused import Refused
from faqtune.annotate.store import ANSWER, Act
from faqtune.records import Claim, Query

MOST_ENTRIES = 20
MOST_NOTE_CHARACTERS = 2000
LONGEST_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Decision:
    """What a client says about an item, checked. `turns`: how many of the customer's turns belong to the query."""

    act: str
    item: str
    what: str
    turns: int
    entries: tuple[str, ...] = ()
    reason: str = ""
    note: str = ""
    seconds: float = 0.0
    candidates: tuple[str, ...] = ()
    suggested: str = ""
    why: str = ""
    audit: bool = False


def checked(decision: Decision, entries: Collection[str]) -> Decision:
    """The decision as it may be stored. Raises Refused for what no page of ours sends."""
    if decision.what not in ACTS or decision.why not in (*WHYS, SETTLED, ""):
        raise Refused("this is no decision", "load the page anew")
    unknown = {*decision.entries, *decision.candidates, *filter(None, [decision.suggested])} - set(entries)
    if unknown or len(decision.entries) > MOST_ENTRIES:
        raise Refused("an entry is not in the catalogue", "load the page anew")
    if (decision.what == PICK) != bool(decision.entries):
        raise Refused("picking needs an entry, and everything else has none", "load the page anew")
    if decision.what == NONE and decision.reason not in REASONS:
        raise Refused("why no entry fits is missing", "load the page anew")
    return replace(
        decision,
        entries=tuple(dict.fromkeys(decision.entries)),
        reason=decision.reason if decision.what == NONE else "",
        note=decision.note.strip()[:MOST_NOTE_CHARACTERS],
        seconds=min(max(decision.seconds, 0.0), LONGEST_SECONDS),
    )


def act_of(decision: Decision, query: Query, by: str) -> Act:
    """What is kept of a decision: all of it, with the query as it stood."""
    data: dict[str, Any] = {
        "item": decision.item,
        "what": decision.what,
        "entries": list(decision.entries),
        "reason": decision.reason,
        "note": decision.note,
        "seconds": round(decision.seconds, 1),
        "candidates": list(decision.candidates),
        "suggested": decision.suggested,
        "why": decision.why,
        "audit": decision.audit,
        "query": {
            "id": query.id,
            "text": query.text,
            "conversation": query.conversation,
            "turns": list(query.turns),
            "reply": query.reply,
        },
    }
    return Act(decision.act, ANSWER, by, data)


def query_in(data: Mapping[str, Any]) -> Query:
    """The query that an act is about."""
    record = data["query"]
    return Query(record["id"], record["text"], record["conversation"], tuple(record["turns"]), record["reply"])


def answer_of(act: Act, *, of_item: bool = False) -> Answer:
    """An act of answering as the queue and the exports know it.

    `of_item`: about the query that was asked, even where the person took other turns together.
    """
    data = act.data
    return Answer(
        data["what"],
        data["item"] if of_item else data["query"]["id"],
        tuple(data["entries"]),
        data["reason"],
        act.by,
        act.when,
        data["seconds"],
        tuple(data["candidates"]),
        data["suggested"],
        data["why"],
        data["audit"],
        data["note"],
        act.act,
    )


def claims_of_act(act: Act) -> list[Claim]:
    """What an act says about its query: a Claim per entry, or one of none; nothing for skips and flags."""
    return claims_of([answer_of(act)])
