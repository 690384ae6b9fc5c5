"""Tasks of Label Studio, as its JSON export writes them and its import reads them.

The labelling interface needs `<Choices name="entry" toName="query" choice="multiple">` over `<Text name="query"
value="$query"/>`; `interface` writes it out with all labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from faqtune.annotate.answers import Answer
from faqtune.annotate.exchange.annotated import NOTHING, Annotated, Known, act_id, query_from, said
from faqtune.errors import UserError
from faqtune.ingest.jsonstream import layout_of, stream_items
from faqtune.ingest.kinds import Source
from faqtune.stored import write_text

FROM, TO = "entry", "query"


def write(path: Path, rows: Iterable[Annotated], known: Known) -> int:
    """One task per query, with the labels of all people as annotations. Returns the number of tasks."""
    by_query: dict[str, list[Annotated]] = {}
    for row in rows:
        if row.answer.is_label:
            by_query.setdefault(row.query.id, []).append(row)
    tasks = [_task(found, known) for found in by_query.values()]
    write_text(path, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
    return len(tasks)


def _task(rows: list[Annotated], known: Known) -> dict[str, Any]:
    query, suggested = rows[0].query, next((row.answer.suggested for row in rows if row.answer.suggested), "")
    prediction = {"model_version": "faqtune", "result": [_choices([known.label_of(suggested)])]}
    return {
        "data": {
            "query": query.text,
            "dialogue": known.dialogue(query),
            "reply": query.reply,
            "id": query.id,
            "conversation": query.conversation,
            "turns": list(query.turns),
        },
        "annotations": [_annotation(row.answer, known) for row in rows],
        "predictions": [prediction] if suggested else [],
    }


def _annotation(answer: Answer, known: Known) -> dict[str, Any]:
    labels = [known.label_of(entry) for entry in answer.entries] or [answer.label]
    return {
        "completed_by": {"email": answer.by},
        "result": [_choices(labels)],
        "was_cancelled": False,
        "lead_time": answer.seconds,
        **({"created_at": answer.when} if answer.when else {}),
    }


def _choices(labels: list[str]) -> dict[str, Any]:
    return {"from_name": FROM, "to_name": TO, "type": "choices", "value": {"choices": labels}}


def interface(known: Known) -> str:
    """The labelling interface for these tasks, to paste into a project's settings."""
    labels = [*(known.label_of(entry.id) for entry in known.catalogue), *NOTHING]
    choices = "\n".join(f"    <Choice value={quoteattr(label)}/>" for label in labels)
    return (
        '<View>\n  <Text name="dialogue" value="$dialogue"/>\n  <Text name="query" value="$query"/>\n'
        f'  <Choices name="{FROM}" toName="{TO}" choice="multiple">\n{choices}\n  </Choices>\n</View>\n'
    )


def read(source: Source, known: Known, name: str) -> Iterator[Annotated]:
    """Every annotation that was not cancelled; predictions are not people's words.

    Whom the export names by a number only is called by `name` and that number.
    """
    for number, item in stream_items(source, layout_of(source)):
        where = f"{source.name}, task {number}"
        if not isinstance(item, dict) or not isinstance(item.get("data"), dict):
            raise UserError(f"{where}: no task of Label Studio", "export the project as JSON")
        data = item["data"]
        query = None
        for annotation in item.get("annotations") or ():
            found = [part for part in annotation.get("result") or () if part.get("from_name") == FROM]
            if annotation.get("was_cancelled") or not found:
                continue
            query = query or query_from({**data, "text": data.get("query")}, known, where)
            labels = [str(label) for part in found for label in (part.get("value") or {}).get("choices") or ()]
            act, entries, reason = said(labels, known, where)
            by, when = _person(annotation.get("completed_by"), name), str(annotation.get("created_at") or "")
            done = act_id(by, query.id, act, *entries, reason, when)
            seconds = float(annotation.get("lead_time") or 0)
            yield Annotated(query, Answer(act, query.id, entries, reason, by, when, seconds, id=done))


def _person(given: Any, name: str) -> str:
    if isinstance(given, dict):
        return str(given.get("email") or given.get("username") or f"{name}-{given.get('id', '')}".rstrip("-"))
    return f"{name}-{given}" if given is not None else name
