"""Claims to decisions: the one place where it is settled what a query's label is."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from faqtune.records import HUMAN, Catalogue, Claim, Pair, Query

Answer = tuple[str, ...]
"""What one act says of a query: its entries, the first one first; none of them if no entry answers it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The label of a query: an entry, or none (`entry` is None), how sure, and the sources behind it.

    `others`: the further entries of a query that asks for several at once.
    """

    query: str
    entry: str | None
    confidence: float
    sources: tuple[str, ...]
    reason: str = ""
    others: tuple[str, ...] = ()

    @property
    def is_human(self) -> bool:
        return any(source.startswith(HUMAN) for source in self.sources)

    @property
    def entries(self) -> tuple[str, ...]:
        """All entries, `entry` first; empty if there is none."""
        return () if self.entry is None else (self.entry, *self.others)


@dataclass(frozen=True, slots=True)
class Act:
    """The claims about one query that somebody made in one go, as one answer."""

    by: str
    answer: Answer
    confidence: float
    reason: str

    @property
    def is_human(self) -> bool:
        return self.by.startswith(HUMAN)


def acts_of(claims: Iterable[Claim]) -> dict[str, list[Act]]:
    """Query id to what was said of it, in order. Claims of one source with one act belong together.

    The confidence of an act is the least of its claims'. `claims` are those in force, in the order of their making.
    """
    said: dict[str, dict[tuple[str, str | int], list[Claim]]] = defaultdict(dict)
    for number, claim in enumerate(claims):
        said[claim.query].setdefault((claim.by, claim.act or number), []).append(claim)
    return {query: [_act(together) for together in acts.values()] for query, acts in said.items()}


def _act(claims: Sequence[Claim]) -> Act:
    entries = dict.fromkeys(claim.entry for claim in claims if claim.entry is not None)
    reason = next((claim.reason for claim in claims if claim.reason), "")
    return Act(claims[0].by, tuple(entries), min(claim.confidence for claim in claims), reason)


def decide(claims: Iterable[Claim]) -> dict[str, Decision]:
    """Query id to its decision: the latest act of a person wins, then agreement, then confidence.

    Claims come in the order in which they were made; of each machine source only the latest act counts.
    Machine sources that say the same are combined as independent: confidence 1 - prod(1 - c). A
    last tie goes to an entry before none, and to the greater id: labelling anew changes the order
    of the machines' claims and must not change the decision.
    """
    return {query: _decide_one(query, said) for query, said in acts_of(claims).items()}


def _decide_one(query: str, said: Sequence[Act]) -> Decision:
    human = [act for act in said if act.is_human]
    if human:
        return _decision(query, human[-1].answer, human[-1].confidence, human[-1:])
    latest = {act.by: act for act in said}
    voices: dict[Answer, list[Act]] = defaultdict(list)
    for act in latest.values():
        voices[tuple(sorted(act.answer))].append(act)
    confidence = {answer: _combined(acts) for answer, acts in voices.items()}
    answer = max(voices, key=lambda a: (len(voices[a]), confidence[a], bool(a), a))
    acts = sorted(voices[answer], key=lambda act: act.by)
    return _decision(query, acts[0].answer, confidence[answer], acts)


def _decision(query: str, answer: Answer, confidence: float, acts: Sequence[Act]) -> Decision:
    reason = next((act.reason for act in acts if act.reason), "")
    entry, others = (answer[0], answer[1:]) if answer else (None, ())
    return Decision(query, entry, confidence, tuple(act.by for act in acts), reason, others)


def _combined(acts: Iterable[Act]) -> float:
    # Rounded, so that neither the order of the acts nor 1 - (1 - c) moves it across a threshold.
    return round(1 - math.prod(1 - act.confidence for act in acts), 9)


def pairs_of(
    decisions: Mapping[str, Decision], queries: Iterable[Query], catalogue: Catalogue
) -> tuple[list[Pair], list[Query]]:
    """Positive pairs (query with the first question of each of its entries), and the queries decided to have none.

    Entries that left the catalogue are dropped.
    """
    pairs: list[Pair] = []
    nothing: list[Query] = []
    for query in queries:
        decision = decisions.get(query.id)
        if decision is None:
            continue
        if decision.entry is None:
            nothing.append(query)
        present = [catalogue.entries[catalogue.rows[entry]] for entry in decision.entries if entry in catalogue.rows]
        pairs += [
            Pair(
                text=query.text,
                partner=entry.questions[0],
                label=1.0,
                weight=decision.confidence,
                entry=entry.id,
                group=query.conversation,
                claims=decision.sources,
            )
            for entry in present
        ]
    return pairs, nothing
