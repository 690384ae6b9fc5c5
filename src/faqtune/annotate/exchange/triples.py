"""annonated_dataset.json of the older workflow (SPEC §2.3): [text, standard question, 1.0 or 0.0].

A pick is a positive, with a lightly disturbed copy of the text; the candidates that were not picked are negatives. Of
a query without an entry only the negatives remain. Who said it, when, and why there is none is not in this form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from faqtune.annotate.answers import NONE, PICK, Answer
from faqtune.annotate.exchange.annotated import Annotated, Known, act_id
from faqtune.ingest.kinds import Source
from faqtune.ingest.legacy import write_triples
from faqtune.ingest.pair_forms import read_triples
from faqtune.records import Pair, normalise
from faqtune.train.batches import disturbed

REASON = "unsupported"
"""What the older workflow means by "none": none of the entries offered. Only a person can say more."""


def write(path: Path, rows: Iterable[Annotated], known: Known) -> int:
    return write_triples(path, (pair for row in rows for pair in pairs(row, known)))


def pairs(row: Annotated, known: Known) -> Iterator[Pair]:
    """The pairs of one answer, without entries that left the catalogue. The disturbed copy depends on the query."""
    if not row.answer.is_label:
        return
    rng = np.random.default_rng(int.from_bytes(row.query.id.encode("utf-8", "surrogatepass")))
    for entry in row.answer.entries:
        if (question := _question(entry, known)) is not None:
            yield Pair(row.query.text, question, 1.0)
            yield Pair(disturbed(row.query.text, rng), question, 1.0)
    for candidate in row.answer.candidates:
        if candidate not in row.answer.entries and (question := _question(candidate, known)) is not None:
            yield Pair(row.query.text, question, 0.0)


def read(source: Source, known: Known, name: str) -> Iterator[Annotated]:
    """Labels of every query of the project that says a text of the file; a text that only has negatives has no entry.

    Texts that no query says are passed over: the disturbed copies, and what is of other logs. Raises UserError for a
    positive whose question no entry has; negatives of such questions are passed over.
    """
    positive: dict[str, dict[str, None]] = {}
    negative: dict[str, dict[str, None]] = {}
    for number, pair in enumerate(read_triples(source), 1):
        text = normalise(pair.text)
        if not known.asking(text):
            continue
        negatives = negative.setdefault(text, {})
        if pair.label:
            positive.setdefault(text, {})[known.entry(pair.partner, f"{source.name}, item {number}")] = None
        elif known.has(pair.partner):
            negatives[known.entry(pair.partner, f"{source.name}, item {number}")] = None
    for text, not_picked in negative.items():
        entries = tuple(positive.get(text, ()))
        act, reason = (PICK, "") if entries else (NONE, REASON)
        candidates = (*entries, *(entry for entry in not_picked if entry not in entries))
        for query in known.asking(text):
            done = act_id(name, query.id, act, *entries)
            yield Annotated(query, Answer(act, query.id, entries, reason, name, candidates=candidates, id=done))


def _question(entry: str, known: Known) -> str | None:
    rows = known.catalogue.rows
    return known.catalogue.entries[rows[entry]].questions[0] if entry in rows else None
