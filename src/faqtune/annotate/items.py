"""What a person is shown: a query with the entries that may be meant, and who suggests each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faqtune.annotate.shares import shuffled
from faqtune.annotate.signals import MODEL, REPLY, Meanings, Signals
from faqtune.records import Catalogue, Claim, Query

MOST_CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that may be meant. `similarity`: its cosine with the query. `sources` suggest it: "model" (among its
    best five), "reply" (the agent's reply is nearest to its answer), or whoever made a Claim ("reply_rules", "llm:…").
    """

    entry: str
    similarity: float
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A query to ask about. `why` is one of `faqtune.annotate.queue.WHYS`.

    Of an audited item neither similarity nor sources must be shown; its candidates stand in an order by chance.
    `suggested` is the entry that would stand first, and does unless the item is audited; "" without candidates.
    """

    query: Query
    candidates: tuple[Candidate, ...]
    why: str
    audit: bool
    suggested: str = ""


def item_of(
    query: Query,
    row: int,
    catalogue: Catalogue,
    found: Signals,
    meanings: Meanings,
    claims: Mapping[str, Sequence[Claim]],
    *,
    why: str,
    audit: bool,
    seed: int,
) -> Item:
    """The item of a query: what sources claim first, then the model's best, five at most; the most similar leads."""
    sources: dict[str, list[str]] = {}
    said = sorted(claims.get(query.id, ()), key=lambda claim: (-claim.confidence, claim.by))
    for claim in said:
        if claim.entry is not None and claim.entry in catalogue.rows:
            sources.setdefault(claim.entry, []).append(claim.by)
    if (replied := int(found.replied[row])) >= 0:
        sources.setdefault(catalogue.entries[replied].id, []).append(REPLY)
    for entry_row in found.ranking.rows[row, :MOST_CANDIDATES]:
        sources.setdefault(catalogue.entries[entry_row].id, []).append(MODEL)
    chosen = list(sources)[:MOST_CANDIDATES]
    candidates = [
        Candidate(entry, meanings.similarity(row, catalogue, entry), tuple(sorted(sources[entry]))) for entry in chosen
    ]
    candidates.sort(key=lambda candidate: (-candidate.similarity, catalogue.rows[candidate.entry]))
    suggested = candidates[0].entry if candidates else ""
    if audit:
        place = {entry: at for at, entry in enumerate(shuffled(f"order {query.id}", chosen, seed))}
        candidates.sort(key=lambda candidate: place[candidate.entry])
    return Item(query, tuple(candidates), why, audit, suggested)
