"""Labels from agents' replies (SPEC §2.2), trusted only where both sides agree (SPEC §3).

The reply finds the entry: its vector is compared with every reference answer. By default the
customer's text must have that entry among its own best as well, and replies that follow
everything count for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faqtune.config import LabelConfig
from faqtune.encoder import Encoder
from faqtune.label.confidence import Bin, estimate, stock_reply_factor
from faqtune.label.evidence import Evidence, gather
from faqtune.label.queries import Exchange, query_of
from faqtune.records import Catalogue, Claim, Query, normalise

BY = "reply_rules"
MINIMUM_REPLY_CHARACTERS = 4
"""Shorter replies (可以的, ok) carry nothing."""
LEAST_PRECISION = 0.4
"""Without a threshold from the user: labels start at the reply cosine where the estimated precision reaches it."""
NO_THRESHOLD = 1.01


@dataclass(frozen=True)
class Labelling:
    """Claims with the queries they are about, and what the rules saw on the way."""

    queries: tuple[Query, ...]
    claims: tuple[Claim, ...]
    threshold_cosine: float
    exchanges: int
    bins: tuple[Bin, ...]


def label(catalogue: Catalogue, found: Sequence[Exchange], encoder: Encoder, settings: LabelConfig) -> Labelling:
    """Claims of the reply rules, one at most per exchange; `found` are exchanges in the logs' order.

    With `settings.query_top` 0 the query's side is not asked, as in the old workflow: everything
    from the threshold on is labelled, with the estimated precision of its reply cosine.
    `why` names the reply that decided, its cosine and its margin.
    """
    found = [e for e in found if len(normalise(e.reply)) >= MINIMUM_REPLY_CHARACTERS]
    answered = Catalogue(tuple(e for e in catalogue if e.answer))
    if not found or not len(answered):
        return Labelling((), (), NO_THRESHOLD, len(found), ())
    evidence = gather(answered, found, encoder, settings.query_top or 5)
    bins, probability = estimate(evidence)
    confidence = probability * stock_reply_factor([e.reply for e in found], evidence)
    threshold = settings.reply_threshold if settings.reply_threshold is not None else chosen_threshold(bins)
    labelled = evidence.similarity >= threshold
    if settings.query_top:
        labelled &= evidence.agrees
    queries: list[Query] = []
    claims: list[Claim] = []
    taken: dict[str, int] = {}
    for number in np.flatnonzero(labelled):
        exchange = found[number]
        # Turns up to a recognised reply belong to its question: after it the prefix starts anew.
        after = taken.get(exchange.conversation, -1)
        own = [p for p in exchange.prefixes if p[0] > after] or [exchange.prefixes[0]]
        wanted = evidence.prefix[number] if settings.query_top else len(own) - 1
        query = query_of(exchange, *own[min(int(wanted), len(own) - 1)])
        taken[exchange.conversation] = exchange.turn
        queries.append(query)
        entry = answered.entries[evidence.entry[number]]
        claims.append(Claim(query.id, entry.id, BY, round(float(confidence[number]), 4), _why(exchange, evidence, number)))
    return Labelling(tuple(queries), tuple(claims), float(threshold), len(found), bins)


def _why(exchange: Exchange, evidence: Evidence, number: int) -> str:
    return (
        f"reply «{exchange.reply[:80]}» has cosine {evidence.similarity[number]:.3f} with the answer, "
        f"{evidence.margin[number]:.3f} before the next"
    )


def chosen_threshold(bins: Sequence[Bin]) -> float:
    """Least reply cosine from which on every bin's estimated precision reaches `LEAST_PRECISION`."""
    threshold = NO_THRESHOLD
    for row in reversed(bins):
        if row.precision < LEAST_PRECISION:
            break
        threshold = row.low
    return threshold
