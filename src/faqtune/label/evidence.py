"""Both sides of every exchange: which entry the reply finds, and whether the query finds it as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Encoder
from faqtune.label.queries import Exchange
from faqtune.ranking import rank
from faqtune.records import Catalogue

DECOYS = (1, 2)
"""Places of the reply's ranking whose entries stand for "a wrong entry of the same topic"."""


@dataclass(frozen=True)
class Evidence:
    """Aligned with a list of n exchanges.

    `entry` int (n,): row of the entry the reply finds; `similarity`, `margin` float (n,): its cosine
    and its lead over the runner-up; `place` int (n,): where the query ranks that entry, 0 = first,
    `query_top` = not among its best; `prefix` int (n,): number of the prefix that does so, the
    shortest one; `decoy_places` int (n, 2): where that prefix ranks the reply's second and third entry.
    """

    entry: NDArray[np.int64]
    similarity: NDArray[np.float32]
    margin: NDArray[np.float32]
    place: NDArray[np.int64]
    prefix: NDArray[np.int64]
    decoy_places: NDArray[np.int64]
    query_top: int

    @property
    def agrees(self) -> NDArray[np.bool_]:
        """bool (n,): the entry is among the query's own best."""
        return self.place < self.query_top


def gather(catalogue: Catalogue, found: Sequence[Exchange], encoder: Encoder, query_top: int) -> Evidence:
    """Compare every reply with every answer and every prefix with every question; each text is encoded once."""
    replies = _numbered(e.reply for e in found)
    answers = encoder.encode([entry.answer for entry in catalogue])
    by_reply = rank(encoder.encode(list(replies)), answers, range(len(catalogue)), k=1 + len(DECOYS))
    at = np.array([replies[e.reply] for e in found])
    texts = _numbered(text for e in found for _, text in e.prefixes)
    questions = encoder.encode(catalogue.questions)
    top = rank(encoder.encode(list(texts)), questions, catalogue.owners, k=query_top).rows
    place = np.full(len(found), query_top)
    prefix = np.zeros(len(found), dtype=np.int64)
    decoys = np.full((len(found), len(DECOYS)), query_top)
    for number, exchange in enumerate(found):
        tops = [top[texts[text]] for _, text in exchange.prefixes]
        wanted, *others = by_reply.rows[at[number]]
        places = [_place(wanted, rows, query_top) for rows in tops]
        prefix[number] = next((n for n, p in enumerate(places) if p < query_top), 0)
        place[number] = places[prefix[number]]
        for column, other in enumerate(others):
            # Decoys get the same choice of prefixes as the entry itself, or they would look rarer than they are.
            decoys[number, column] = next((p for rows in tops if (p := _place(other, rows, query_top)) < query_top), query_top)
    return Evidence(
        by_reply.rows[at, 0], by_reply.best[at], by_reply.margin[at], place, prefix, decoys, query_top
    )  # fmt: skip


def _numbered(texts: object) -> dict[str, int]:
    return {text: number for number, text in enumerate(dict.fromkeys(texts))}  # type: ignore[call-overload]


def _place(row: int, rows: NDArray[np.int64], none: int) -> int:
    found = np.flatnonzero(rows == row)
    return int(found[0]) if len(found) else none
