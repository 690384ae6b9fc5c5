"""Records of Argilla 2 as `Dataset.records.to_json` writes them and `from_json` reads them.

The dataset needs the fields `query` and `conversation` and `reply`, and a `MultiLabelQuestion` named `entry` whose
labels are those of the catalogue (`labels`) with the reasons for none, in brackets.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from faqtune.annotate.answers import Answer
from faqtune.annotate.exchange.annotated import NOTHING, Annotated, Known, act_id, query_from, said
from faqtune.errors import UserError
from faqtune.ingest.jsonstream import layout_of, stream_items
from faqtune.ingest.kinds import Source
from faqtune.stored import write_text

QUESTION = "entry"
PEOPLE = "annotators"
"""Metadata: who stands behind each user id, as `id=name`."""
NAMESPACE = uuid.UUID("5f0c9f52-7a43-4c8f-9d2b-3c1f8a1e6b70")


def write(path: Path, rows: Iterable[Annotated], known: Known) -> int:
    """One record per query, with the labels of all people as responses. Returns the number of records."""
    by_query: dict[str, list[Annotated]] = {}
    for row in rows:
        if row.answer.is_label:
            by_query.setdefault(row.query.id, []).append(row)
    records = [_record(found, known) for found in by_query.values()]
    write_text(path, json.dumps(records, ensure_ascii=False, indent=1) + "\n")
    return len(records)


def _record(rows: list[Annotated], known: Known) -> dict[str, Any]:
    query, suggested = rows[0].query, next((row.answer.suggested for row in rows if row.answer.suggested), "")
    suggestion = {QUESTION: {"value": [known.label_of(suggested)], "score": None, "agent": "faqtune"}}
    return {
        "id": query.id,
        "fields": {"query": query.text, "conversation": known.dialogue(query), "reply": query.reply},
        "metadata": {
            "conversation": query.conversation,
            "turns": [str(turn) for turn in query.turns],
            PEOPLE: sorted({f"{user_id(row.answer.by)}={row.answer.by}" for row in rows}),
        },
        "suggestions": suggestion if suggested else {},
        "responses": {
            QUESTION: [{"value": _labels(row.answer, known), "user_id": user_id(row.answer.by)} for row in rows]
        },
        "vectors": {},
    }


def _labels(answer: Answer, known: Known) -> list[str]:
    return [known.label_of(entry) for entry in answer.entries] or [answer.label]


def user_id(name: str) -> str:
    """A user id of Argilla's form that belongs to a name."""
    return str(uuid.uuid5(NAMESPACE, name))


def labels(known: Known) -> list[str]:
    """All labels that the question has."""
    return [*(known.label_of(entry.id) for entry in known.catalogue), *NOTHING]


def read(source: Source, known: Known, name: str) -> Iterator[Annotated]:
    """Every submitted response to the question `entry`; suggestions are not people's words.

    Whoever is not named in the metadata is called by `name` and the first eight digits of the user id.
    """
    for number, item in stream_items(source, layout_of(source)):
        where = f"{source.name}, record {number}"
        if not isinstance(item, dict) or not isinstance(item.get("fields"), dict):
            raise UserError(f"{where}: no record of Argilla", "export with `dataset.records.to_json`")
        metadata, fields = item.get("metadata") or {}, item["fields"]
        people = dict(pair.split("=", 1) for pair in metadata.get(PEOPLE) or () if "=" in str(pair))
        responses = (item.get("responses") or {}).get(QUESTION) or []
        query = query_from({**metadata, "id": item.get("id"), "text": fields.get("query"),
                            "reply": fields.get("reply")}, known, where) if responses else None  # fmt: skip
        for response in responses:
            if query is None or str(response.get("status", "submitted")).rpartition(".")[2] != "submitted":
                continue
            user, value = str(response.get("user_id") or ""), response.get("value")
            by = people.get(user) or f"{name}-{user[:8]}".rstrip("-")
            given = [str(label) for label in (value if isinstance(value, list) else [value]) if label is not None]
            act, entries, reason = said(given, known, where)
            done = act_id(by, query.id, act, *entries, reason)
            yield Annotated(query, Answer(act, query.id, entries, reason, by, id=done))
