"""Claims as the answers that somebody gave in one go, and what was last said of a turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from faqtune.records import HUMAN, Claim, Query

Answer = tuple[str, ...]
"""What one act says of a query: its entries, the first one first; none of them if no entry answers it."""

SEVERAL = "several"
"""The reason of an act without an entry that says: several are asked for."""

Place = tuple[str, int]
"""A conversation and the last turn of a query in it. Sources may take more or fewer turns before it along, which makes
other queries; they speak of the same place."""


@dataclass(frozen=True, slots=True)
class Act:
    """The claims about one query that somebody made in one go, as one answer; `number` grows with time."""

    query: str
    by: str
    answer: Answer
    confidence: float
    reason: str
    number: int

    @property
    def is_human(self) -> bool:
        return self.by.startswith(HUMAN)

    @property
    def names_none_of_several(self) -> bool:
        """Whether it says that several entries are asked for, and not which: it agrees and disagrees with nothing."""
        return not self.answer and self.reason == SEVERAL


def acts_of(claims: Iterable[Claim]) -> dict[str, list[Act]]:
    """Query id to what was said of it, in order. Claims of one source with one act belong together.

    The confidence of an act is the least of its claims'. `claims` are those in force, in the order of their making.
    """
    together: dict[tuple[str, str, str | int], list[Claim]] = {}
    for number, claim in enumerate(claims):
        together.setdefault((claim.query, claim.by, claim.act or number), []).append(claim)
    made: dict[str, list[Act]] = defaultdict(list)
    for number, said in enumerate(together.values()):
        entries = dict.fromkeys(claim.entry for claim in said if claim.entry is not None)
        reason = next((claim.reason for claim in said if claim.reason), "")
        confidence = min(claim.confidence for claim in said)
        query, by = said[0].query, said[0].by
        made[query].append(Act(query, by, tuple(entries), confidence, reason, number))
    return dict(made)


def latest(acts: Iterable[Act]) -> dict[str, Act]:
    """The last word of each source: `by` to its act."""
    return {act.by: act for act in sorted(acts, key=lambda act: act.number)}


def place_of(query: Query) -> Place:
    """Where a query ends."""
    return query.conversation, query.turns[-1]


def at_places(said: Mapping[str, Sequence[Act]], queries: Iterable[Query]) -> dict[Place, dict[str, Act]]:
    """Per place the last word of each source, whatever turns it takes along; other queries are left out."""
    acts: dict[Place, list[Act]] = defaultdict(list)
    for query in queries:
        if query.id in said:
            acts[place_of(query)] += said[query.id]
    return {place: latest(found) for place, found in acts.items()}


def last_of_people(acts: Mapping[str, Act]) -> Act | None:
    """What a person said last; `acts` by source."""
    return max((act for act in acts.values() if act.is_human), key=lambda act: act.number, default=None)


def says_the_same(answer: Answer, other: Answer) -> bool:
    """Whether two answers agree: both none, or an entry in common (of several, naming one is right).

    >>> says_the_same(("a",), ("b", "a")), says_the_same((), ("a",)), says_the_same((), ())
    (True, False, True)
    """
    return bool(set(answer) & set(other)) or not (answer or other)
