"""Claims to decisions: the one place where it is settled what a query's label is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from faqtune.records import Catalogue, Claim, Pair, Query


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
        return any(source.startswith("human:") for source in self.sources)


def decide(claims: Iterable[Claim]) -> dict[str, Decision]:
    """Query id to its decision: the latest human wins, then agreement, then confidence.

    Machine sources that say the same are combined as independent: confidence 1 - prod(1 - c).
    Claims come in the order in which they were made.
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
    doubt: dict[str | None, float] = defaultdict(lambda: 1.0)
    voices: dict[str | None, list[str]] = defaultdict(list)
    for claim in latest.values():
        doubt[claim.entry] *= 1 - claim.confidence
        voices[claim.entry].append(claim.by)
    entry = max(voices, key=lambda e: (len(voices[e]), 1 - doubt[e]))
    reason = next((claim.reason for claim in latest.values() if claim.entry == entry), "")
    return Decision(query, entry, 1 - doubt[entry], tuple(sorted(voices[entry])), reason)


def pairs_of(
    decisions: dict[str, Decision], queries: Iterable[Query], catalogue: Catalogue
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
                    query.text, entry.questions[0], 1.0, decision.confidence, entry.id, query.conversation,
                    decision.sources,
                )
            )  # fmt: skip
    return pairs, nothing
