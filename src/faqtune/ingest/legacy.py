"""Write the forms of the older workflow. Every writer streams, is atomic, and returns the number of records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from faqtune.atomic import atomic_text
from faqtune.ingest.pair_forms import FlagRow, flag_item
from faqtune.records import Conversation, Entry, Noise, Pair


def write_parsed_data(path: Path, entries: Iterable[Entry]) -> int:
    """`[{"problems": [...], "answer": ...}]`. Ids, categories and sources are not in it."""
    return _write_list(path, ({"problems": entry.questions, "answer": entry.answer} for entry in entries))


def write_catalogue_json(path: Path, entries: Iterable[Entry]) -> int:
    """`[{"id", "category", "questions", "answer"}]`. Sources are not in it."""
    return _write_list(
        path, ({"id": e.id, "category": e.category, "questions": e.questions, "answer": e.answer} for e in entries)
    )


def write_output(path: Path, conversations: Iterable[Conversation]) -> int:
    """`[{"conversation": [{"input", "output"}]}]`. Ids and times are not in it."""
    return _write_list(
        path, ({"conversation": [{"input": t.customer, "output": t.agent} for t in c.turns]} for c in conversations)
    )


def write_data(path: Path, conversations: Iterable[Conversation]) -> int:
    """One message per line in a JSON list: session_id, sender (客户, 客服), content, time."""
    return _write_list(
        path, (row for conversation in conversations for row in _message_rows(conversation)), indent=None
    )


def write_daily(path: Path, noise: Iterable[Noise]) -> int:
    """modified_daily_datasets.json: neighbours of one source are one conversation; names of sources are not in it."""
    groups = (group for _, group in groupby(noise, key=lambda sentence: sentence.source))
    return _write_list(path, ({"conversation": [{"input": n.text, "output": ""} for n in group]} for group in groups))


def write_sentences(path: Path, noise: Iterable[Noise]) -> int:
    """`source<TAB>sentence` per line; line breaks and tabs in a sentence become spaces."""
    lines = ("\t".join((" ".join(n.source.split()), " ".join(n.text.split()))) for n in noise)
    return _write_lines(path, lines)


def write_triples(path: Path, pairs: Iterable[Pair]) -> int:
    """`[[text, text, label], …]`, as annonated_dataset.json and answer2problem.json."""
    return _write_list(path, ([pair.text, pair.partner, pair.label] for pair in pairs), indent=None)


def write_gold(path: Path, pairs: Iterable[Pair]) -> int:
    """Hand labels as `--gold` takes them, of the pairs of label 1: `{"query": …, "entry": a standard question}`."""
    labels = ({"query": pair.text, "entry": pair.partner} for pair in pairs if pair.label == 1)
    return _write_lines(path, (json.dumps(label, ensure_ascii=False) for label in labels))


def write_flagembedding(path: Path, rows: Iterable[FlagRow]) -> int:
    """FlagEmbedding's JSONL."""
    return _write_lines(path, (json.dumps(flag_item(row), ensure_ascii=False) for row in rows))


def _write_lines(path: Path, lines: Iterable[str]) -> int:
    count = 0
    with atomic_text(path) as file:
        for count, line in enumerate(lines, 1):  # noqa: B007 - the count is the result
            file.write(line + "\n")
    return count


def _message_rows(conversation: Conversation) -> Iterator[dict[str, str]]:
    """Messages of a conversation; one without text keeps two turns of the same side apart."""
    last = len(conversation.turns) - 1
    for number, turn in enumerate(conversation.turns):
        sides = (("客户", turn.customer, number > 0), ("客服", turn.agent, number < last))
        for sender, content, is_needed in sides:
            if content or is_needed:
                yield {"session_id": conversation.id, "sender": sender, "content": content, "time": turn.time}


def _write_list(path: Path, items: Iterable[Any], indent: int | None = 1) -> int:
    """A JSON list, streamed, in the layout of `json.dump(…, indent=1)`, or an item per line. Returns their number."""
    count = 0
    start = "\n " if indent else "\n"
    with atomic_text(path) as file:
        file.write("[")
        for count, item in enumerate(items, 1):
            text = json.dumps(item, ensure_ascii=False, indent=indent)
            file.write(("," if count > 1 else "") + start + text.replace("\n", "\n "))
        file.write("\n]\n" if count else "]\n")
    return count
