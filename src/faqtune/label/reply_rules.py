"""Labels from agents' replies (SPEC §2.2), trusted only where both sides agree (SPEC §3).

The reply finds the entry: its vector is compared with every reference answer. By default the
customer's text must have that entry among its own best as well, and replies that follow
everything count for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
LEAST_CONFIDENCE = 0.1
"""Below, the rules abstain: such a label is worth no one's time."""
NO_THRESHOLD = 1.01
"""Above every cosine: where nothing is labelled."""
LARGEST_TOP_SHARE = 0.25
"""An entry among the query's best says nothing if most entries are: the best are at most this share of all."""
QUOTED_CHARACTERS = 80


@dataclass(frozen=True)
class Labelling:
    """Claims with the queries they are about, and what the rules saw on the way."""

    queries: tuple[Query, ...]
    claims: tuple[Claim, ...]
    threshold_cosine: float
    exchanges: int
    bins: tuple[Bin, ...]


def label(
    catalogue: Catalogue,
    found: Sequence[Exchange],
    encoder: Encoder,
    settings: LabelConfig,
    chatter: Collection[str] = frozenset(),
) -> Labelling:
    """Claims of the reply rules, one at most per exchange; `found` are exchanges in the logs' order.

    The text that is labelled is the shortest prefix that finds the entry (`settings.prefix`: or the shortest that
    ranks it as high as any prefix does, or all of it); turns before the last labelled reply belong to that one, so
    that the prefix starts anew after it. With
    `settings.query_top` 0 the query's side is not asked, as in the old workflow: everything from
    the threshold on labels the whole accumulated prefix, with the estimated share of right replies
    as confidence. `why` names the reply that decided, its cosine and its margin. A prefix that says no more than
    one of `chatter`, sentences as `normalise` gives them, is nobody's question, whatever it finds: every agent greets
    whoever greets, and greetings look like each other.
    """
    found = [exchange for exchange in found if len(normalise(exchange.reply)) >= MINIMUM_REPLY_CHARACTERS]
    answered = Catalogue(tuple(entry for entry in catalogue if entry.answer))
    if not found or not len(answered):
        return Labelling((), (), NO_THRESHOLD, len(found), ())
    both_sides = settings.query_top > 0
    evidence = gather(answered, found, encoder, _query_top(settings, len(answered)))
    trust = stock_reply_factor([exchange.reply for exchange in found], evidence)
    bins, probability = estimate(evidence, trust, both_sides=both_sides)
    confidence = probability * trust
    threshold = settings.reply_threshold if settings.reply_threshold is not None else chosen_threshold(bins)
    reaches = evidence.similarity >= threshold
    if both_sides:
        reaches &= confidence >= LEAST_CONFIDENCE
    queries: list[Query] = []
    claims: list[Claim] = []
    for number, prefix in _recognised(found, evidence, reaches, settings, chatter if both_sides else frozenset()):
        query = query_of(found[number], *found[number].prefixes[prefix])
        entry = answered.entries[evidence.entries[number, prefix]]
        queries.append(query)
        claims.append(
            Claim(query.id, entry.id, BY, round(float(confidence[number]), 4), _why(query.reply, evidence, number))
        )
    return Labelling(tuple(queries), tuple(claims), float(threshold), len(found), bins)


def _query_top(settings: LabelConfig, entries: int) -> int:
    """So many best entries of the query are looked at; where it is not asked, the estimate still needs some."""
    wanted = settings.query_top or LabelConfig().query_top
    return max(1, min(wanted, int(LARGEST_TOP_SHARE * entries)))


def _recognised(
    found: Sequence[Exchange],
    evidence: Evidence,
    reaches: NDArray[np.bool_],
    settings: LabelConfig,
    chatter: Collection[str],
) -> Iterator[tuple[int, int]]:
    """Number and prefix of each exchange that is labelled."""
    last_turn: dict[str, int] = {}
    for number in map(int, np.flatnonzero(reaches)):
        exchange = found[number]
        after = last_turn.get(exchange.conversation, -1)
        own = sum(first_turn > after for first_turn, _ in exchange.prefixes)
        says = [normalise(text) not in chatter for _, text in exchange.prefixes[:own]]
        places = np.where(says, evidence.places[number, :own], evidence.query_top)
        if settings.query_top and places.min() >= evidence.query_top:
            continue
        last_turn[exchange.conversation] = exchange.turn
        yield number, _prefix(places, evidence.query_top, settings)


def _prefix(places: NDArray[np.int64], query_top: int, settings: LabelConfig) -> int:
    """Which of the prefixes is the query; `places` (p,): where each ranks the entry, shortest prefix first."""
    wanted = settings.prefix or ("shortest" if settings.query_top else "whole")
    if wanted == "whole" or places.min() >= query_top:
        return len(places) - 1
    if wanted == "surest":
        return int(places.argmin())
    return int((places < query_top).argmax())


def _why(reply: str, evidence: Evidence, number: int) -> str:
    quoted = reply if len(reply) <= QUOTED_CHARACTERS else f"{reply[: QUOTED_CHARACTERS - 1]}…"
    return (
        f"reply «{quoted}» has cosine {evidence.similarity[number]:.3f} with the answer, "
        f"{evidence.margin[number]:.3f} before the next"
    )


def reply_cosine(why: str) -> float | None:
    """The cosine that the `why` of a label of the rules names; None for any other text.

    >>> reply_cosine("reply «that has cosine 1.000» has cosine 0.931 with the answer, 0.020 before the next")
    0.931
    """
    found = re.findall(r" has cosine (-?\d\.\d{3}) with the answer, ", why)
    return float(found[-1]) if found else None


def chosen_threshold(bins: Sequence[Bin]) -> float:
    """Least reply cosine from which on every bin's estimated precision reaches `LEAST_PRECISION`."""
    threshold = NO_THRESHOLD
    for row in reversed(bins):
        if row.precision < LEAST_PRECISION:
            break
        threshold = row.low
    return threshold
