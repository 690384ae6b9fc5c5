"""JSONL with everything: each line a query and an answer. What is written is read back the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from faqtune.annotate.exchange.annotated import Annotated, Known, answer_from, query_from
from faqtune.errors import UserError
from faqtune.ingest.jsonstream import layout_of, stream_items
from faqtune.ingest.kinds import Source
from faqtune.stored import write_jsonl

KIND = "annotations"
"""What the first line calls the records, whatever the file is called."""


def write(path: Path, rows: Iterable[Annotated], known: Known) -> int:
    return write_jsonl(path, rows, KIND)


def read(source: Source, known: Known, name: str) -> Iterator[Annotated]:
    """`name` stands for whoever a line does not name."""
    for number, item in stream_items(source, layout_of(source)):
        where = f"{source.name}, line {number}"
        if not isinstance(item, dict) or "query" not in item or "answer" not in item:
            raise UserError(f"{where}: not an annotation with `query` and `answer`", "mend the line, or remove it")
        query = query_from(item["query"], known, where)
        answer = item["answer"]
        if isinstance(answer, dict):
            answer = {**answer, "by": answer.get("by") or name}
        yield Annotated(query, answer_from(answer, query, known, where))
