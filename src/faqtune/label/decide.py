"""Claims to decisions: the one place where it is settled what a query's label is."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from faqtune.records import HUMAN, Catalogue, Claim, Pair, Query


@dataclass(frozen=True, slots=True)
class Decision:
    """The label of a query: an entry, or none (`entry` is None), how sure, and the sources behind it."""

    query: str
    entry: str | None
    confidence: float
    sources: tuple[str, ...]
    reason: str = ""

    @property
    def is_human(self) -> bool:
        return any(source.startswith(HUMAN) for source in self.sources)


def decide(claims: Iterable[Claim]) -> dict[str, Decision]:
    """Query id to its decision: the latest human wins, then agreement, then confidence.

    Claims come in the order in which they were made; of each machine source only the latest counts.
    Machine sources that say the same are combined as independent: confidence 1 - prod(1 - c). A
    last tie goes to an entry before none, and to the greater id: labelling anew changes the order
    of the machines' claims and must not change the decision.
    """
    by_query: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_query[claim.query].append(claim)
    return {query: _decide_one(query, said) for query, said in by_query.items()}


def _decide_one(query: str, claims: Sequence[Claim]) -> Decision:
    human = [claim for claim in claims if claim.is_human]
    if human:
        last = human[-1]
        return Decision(query, last.entry, last.confidence, (last.by,), last.reason)
    latest = {claim.by: claim for claim in claims}
    voices: dict[str | None, list[Claim]] = defaultdict(list)
    for claim in latest.values():
        voices[claim.entry].append(claim)
    confidence = {entry: _combined(said) for entry, said in voices.items()}
    entry = max(voices, key=lambda e: (len(voices[e]), confidence[e], e is not None, e or ""))
    said = sorted(voices[entry], key=lambda claim: claim.by)
    reason = next((claim.reason for claim in said if claim.reason), "")
    return Decision(query, entry, confidence[entry], tuple(claim.by for claim in said), reason)


def _combined(claims: Iterable[Claim]) -> float:
    # Rounded, so that neither the order of the claims nor 1 - (1 - c) moves it across a threshold.
    return round(1 - math.prod(1 - claim.confidence for claim in claims), 9)


def pairs_of(
    decisions: Mapping[str, Decision], queries: Iterable[Query], catalogue: Catalogue
) -> tuple[list[Pair], list[Query]]:
    """Positive pairs (query with the first question of its entry), and the queries that were decided to have none.

    Decisions about entries that left the catalogue are dropped.
    """
    pairs: list[Pair] = []
    nothing: list[Query] = []
    for query in queries:
        decision = decisions.get(query.id)
        if decision is None:
            continue
        if decision.entry is None:
            nothing.append(query)
        elif decision.entry in catalogue.rows:
            entry = catalogue.entries[catalogue.rows[decision.entry]]
            pairs.append(
                Pair(
                    text=query.text,
                    partner=entry.questions[0],
                    label=1.0,
                    weight=decision.confidence,
                    entry=entry.id,
                    group=query.conversation,
                    claims=decision.sources,
                )
            )
    return pairs, nothing
