"""What speaks for asking a person about a query: arrays over all queries, and no decision yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Vectors
from faqtune.ranking import Ranking, rank
from faqtune.records import Catalogue, Claim, Query

MODEL, REPLY = "model", "reply"
"""Names of sources besides those of Claims."""
TOP = 10
"""Entries that are kept per query."""
LEAST_REPLY_CHARACTERS = 4
"""Shorter replies (可以的, ok) suggest nothing."""
MODEL_CONFIDENCE = 0.5
"""What the model's own answer counts beside the confidence of a Claim when sources disagree."""
NEAR_ENTRIES = 3
"""A query may be about an entry without labels that stands among its best so many."""


@dataclass(frozen=True)
class Meanings:
    """Unit vectors of everything: `queries` (q, d), `questions` (c, d) in the order of `Catalogue.questions`.

    `replies` (q, d) and `answers` (e, d), one per entry, are optional: what the agents replied then suggests
    entries too. Rows of empty texts are never looked at.
    """

    queries: Vectors
    questions: Vectors
    replies: Vectors | None = None
    answers: Vectors | None = None

    def similarity(self, row: int, catalogue: Catalogue, entry: str) -> float:
        """Cosine of a query with the nearest question of one entry."""
        owner = np.asarray(catalogue.owners)
        first, last = np.searchsorted(owner, [catalogue.rows[entry], catalogue.rows[entry] + 1])
        return float((self.questions[first:last] @ self.queries[row]).max())


@dataclass(frozen=True)
class Signals:
    """Per query: `ranking` (q, k), best entries; `replied` (q,), the entry whose answer the reply is nearest to, or
    -1; `uncertain` (q,), 0 at the threshold and falling away from it; `disagreeing` (q,), 0 where sources agree."""

    ranking: Ranking
    replied: NDArray[np.int64]
    uncertain: NDArray[np.float64]
    disagreeing: NDArray[np.float64]


def signals(
    queries: Sequence[Query],
    catalogue: Catalogue,
    claims: Mapping[str, Sequence[Claim]],
    meanings: Meanings,
    threshold_cosine: float,
) -> Signals:
    """All signals; in blocks, so that memory does not grow with queries times entries.

    `claims` are those of machines, by query. Raises ValueError on an empty catalogue.
    """
    ranking = rank(meanings.queries, meanings.questions, catalogue.owners, TOP)
    return Signals(
        ranking,
        _replied(queries, meanings),
        uncertainty(ranking, threshold_cosine),
        disagreement(queries, catalogue, claims, ranking, threshold_cosine),
    )


def uncertainty(ranking: Ranking, threshold_cosine: float) -> NDArray[np.float64]:
    """float64 (q,), at most 0, highest where the model's decision hangs on least.

    The decision is to answer or not: the distance of the best cosine from the threshold. Of what is answered it
    is also which entry: the lead over the runner-up. Each is measured in its own standard deviation, as models
    differ in scale; the smaller one counts.
    """
    distance = np.abs(ranking.best.astype(np.float64) - threshold_cosine)
    lead = ranking.margin.astype(np.float64)
    lead /= max(float(lead.std()), 1e-9)
    lead[ranking.best < threshold_cosine] = np.inf
    found: NDArray[np.float64] = -np.minimum(distance / max(float(ranking.best.std()), 1e-9), lead)
    return found


def disagreement(
    queries: Sequence[Query],
    catalogue: Catalogue,
    claims: Mapping[str, Sequence[Claim]],
    ranking: Ranking,
    threshold_cosine: float,
) -> NDArray[np.float64]:
    """float64 (q,), 0 to 1: of any two sources that say different things, how sure the less sure one is; the greatest
    of these. The sources are the machines' Claims and the model (its best entry from the threshold on, else none)."""
    found = np.zeros(len(queries))
    for row, query in enumerate(queries):
        said = claims.get(query.id, ())
        if not said:
            continue
        answers = ranking.best[row] >= threshold_cosine
        voices = {claim.by: (claim.entry, claim.confidence) for claim in said}
        voices[MODEL] = (catalogue.entries[ranking.rows[row, 0]].id if answers else None, MODEL_CONFIDENCE)
        for (one, sure), (other, as_sure) in combinations(voices.values(), 2):
            if one != other:
                found[row] = max(found[row], min(sure, as_sure))
    return found


def _replied(queries: Sequence[Query], meanings: Meanings) -> NDArray[np.int64]:
    found = np.full(len(queries), -1, dtype=np.int64)
    if meanings.replies is None or meanings.answers is None or not len(meanings.answers):
        return found
    speaking = np.array([len(query.reply.strip()) >= LEAST_REPLY_CHARACTERS for query in queries], dtype=bool)
    entries = range(len(meanings.answers))
    found[speaking] = rank(meanings.replies[speaking], meanings.answers, entries, 1).rows[:, 0]
    return found


def queries_near(ranking: Ranking) -> dict[int, list[int]]:
    """Entry row to the rows of queries that may be about it, likeliest first: better place, then higher cosine."""
    found: dict[int, list[tuple[int, float, int]]] = defaultdict(list)
    for place in range(min(NEAR_ENTRIES, ranking.rows.shape[1])):
        for row, (entry, score) in enumerate(zip(ranking.rows[:, place], ranking.scores[:, place], strict=True)):
            found[int(entry)].append((place, -float(score), row))
    return {entry: [row for _, _, row in sorted(places)] for entry, places in found.items()}


def by_query(claims: Iterable[Claim]) -> dict[str, list[Claim]]:
    """The latest Claim of each machine about each query."""
    latest: dict[tuple[str, str], Claim] = {}
    for claim in claims:
        if not claim.is_human:
            latest[claim.query, claim.by] = claim
    found: dict[str, list[Claim]] = defaultdict(list)
    for claim in latest.values():
        found[claim.query].append(claim)
    return dict(found)
