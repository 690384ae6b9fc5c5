"""Both sides of every exchange: which entry the reply finds, and whether the customer's text finds it as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Encoder, Vectors
from faqtune.label.queries import Exchange
from faqtune.ranking import Ranking, rank
from faqtune.records import Catalogue, normalise

DECOYS = 2
"""Answers after the reply's first that stand for "a wrong entry of the same topic"."""

TEXTS_AT_ONCE = 50_000
"""Texts whose vectors are held in memory together (200 MB at 1024 dimensions)."""


@dataclass(frozen=True)
class Evidence:
    """Aligned with a list of n exchanges of at most p prefixes, shortest first.

    `similarity`, `margin` float32 (n,): cosine of the reply with the nearest answer, and its lead
    over the next. `entries` int (n, p): row of the entry with that answer; where several share it,
    the one that the prefix ranks best. `places` int (n, p): where the prefix ranks it, 0 = first;
    `query_top` = not among its best, or there is no such prefix. `decoy_rate` float (n,), 0 to 1:
    share of the decoys (next answers) that some prefix finds among its best; 1 where there are none.
    """

    similarity: NDArray[np.float32]
    margin: NDArray[np.float32]
    entries: NDArray[np.int64]
    places: NDArray[np.int64]
    decoy_rate: NDArray[np.float64]
    query_top: int

    @property
    def agrees(self) -> NDArray[np.bool_]:
        """bool (n,): some prefix has the entry among its own best."""
        best: NDArray[np.int64] = self.places.min(axis=1)
        return best < self.query_top


def gather(catalogue: Catalogue, found: Sequence[Exchange], encoder: Encoder, query_top: int) -> Evidence:
    """Compare every reply with every answer and every prefix with every question; each text is encoded once.

    `found` must not be empty, and every entry needs an answer.
    """
    answers, answer_of = _numbered(normalise(entry.answer) for entry in catalogue)
    first_row = np.unique(answer_of, return_index=True)[1]
    replies, reply_of = _numbered(exchange.reply for exchange in found)
    candidates = encoder.encode([catalogue.entries[row].answer for row in first_row])
    by_reply = _ranked(encoder, replies, candidates, range(len(answers)), 1 + DECOYS)
    wanted, *decoys = (by_reply.rows[reply_of, place] for place in range(by_reply.rows.shape[1]))
    rows = _best_rows(catalogue, found, encoder, query_top)
    # Compared as answers: of the entries that share one, any will do. Row -1 has the answer -1.
    best_answers = np.append(answer_of, -1)[rows]
    hits = best_answers == wanted[:, None, None]
    place, seen = hits.argmax(axis=2), hits.any(axis=2)
    favourite = np.take_along_axis(rows, place[:, :, None], axis=2)[:, :, 0]
    # Decoys get the same choice of prefixes as the entry itself, or they would look rarer than they are.
    decoys_found = [(best_answers == decoy[:, None, None]).any(axis=(1, 2)) for decoy in decoys]
    return Evidence(
        similarity=by_reply.best[reply_of],
        margin=by_reply.margin[reply_of],
        entries=np.where(seen, favourite, first_row[wanted][:, None]),
        places=np.where(seen, place, query_top),
        decoy_rate=np.mean(decoys_found, axis=0) if decoys else np.ones(len(found)),
        query_top=query_top,
    )


def _best_rows(catalogue: Catalogue, found: Sequence[Exchange], encoder: Encoder, query_top: int) -> NDArray[np.int64]:
    """int (n, p, k): rows of the entries that each prefix ranks best; -1 for prefixes that are not there."""
    texts, text_of = _numbered(text for exchange in found for _, text in exchange.prefixes)
    best = _ranked(encoder, texts, encoder.encode(catalogue.questions), catalogue.owners, query_top).rows
    with_none = np.vstack([best, np.full((1, best.shape[1]), -1)])
    return with_none[_padded(text_of, [len(exchange.prefixes) for exchange in found])]


def _numbered(texts: Iterable[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct texts, and for each text its number among them."""
    numbers: dict[str, int] = {}
    number_of = [numbers.setdefault(text, len(numbers)) for text in texts]
    return list(numbers), np.array(number_of, dtype=np.int64)


def _padded(values: NDArray[np.int64], lengths: Sequence[int]) -> NDArray[np.int64]:
    """Values of one row after the other as a matrix, rows filled up with -1.

    >>> _padded(np.array([7, 8, 9]), [1, 2]).tolist()
    [[7, -1], [8, 9]]
    """
    inside = np.arange(max(lengths)) < np.array(lengths)[:, None]
    matrix = np.full(inside.shape, -1, dtype=np.int64)
    matrix[inside] = values
    return matrix


def _ranked(encoder: Encoder, texts: Sequence[str], candidates: Vectors, owners: Sequence[int], k: int) -> Ranking:
    """Rank in blocks of texts: no more than one block of vectors is in memory."""
    blocks = [
        rank(encoder.encode(texts[start : start + TEXTS_AT_ONCE]), candidates, owners, k)
        for start in range(0, len(texts), TEXTS_AT_ONCE)
    ]
    return Ranking(np.vstack([block.rows for block in blocks]), np.vstack([block.scores for block in blocks]))
