"""The queries that people labelled, as a file that training reads beside those of the rules."""

from __future__ import annotations

from pathlib import Path

from faqtune.annotate.decisions import query_in
from faqtune.annotate.store import ANSWER, Store
from faqtune.records import Query
from faqtune.stored import write_jsonl

_written: dict[Path, int] = {}
"""How many queries this process has written to each file."""


def annotated_queries(store: Store) -> list[Query]:
    """Each query that somebody has acted on, in the order of the first act."""
    found: dict[str, Query] = {}
    for act in store.acts():
        if act.kind == ANSWER:
            query = query_in(act.data)
            found.setdefault(query.id, query)
    return list(found.values())


def keep_queries(store: Store, path: Path) -> None:
    """Write them, if there are more than were written before. The store remains the original."""
    queries = annotated_queries(store)
    if queries and (_written.get(path) != len(queries) or not path.exists()):
        write_jsonl(path, queries)
        _written[path] = len(queries)
