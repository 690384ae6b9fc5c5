"""Read hand labels: which entry a query of a conversation belongs to, or why to none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faqtune.errors import UserError
from faqtune.ingest.cells import tidy
from faqtune.ingest.jsonstream import layout_of, stream_items
from faqtune.ingest.kinds import Source, expand, kind_of
from faqtune.ingest.report import IngestReport
from faqtune.records import Catalogue, Conversation, Entry, normalise

NOT_READ = "its conversation is not among the logs"
NO_SUCH_TURN = "its conversation has no such turn"
NAMED_LINES = 10
"""Of those that name no entry: so many are told after the first."""
SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class GoldLabel:
    """A query labelled by hand: `entry` is an id of the catalogue, or None with a `reason`.

    `turn` is the index of the query's last turn in the conversation; `context_turns` customer
    turns before it were joined in front of the text.
    """

    query_text: str
    conversation: str
    turn: int
    entry: str | None
    reason: str = ""
    context_turns: int = 0


def read_gold(
    paths: Sequence[Path],
    catalogue: Catalogue,
    conversations: Iterable[Conversation] = (),
    id_catalogue: Catalogue | None = None,
    former: Iterable[Entry] = (),
) -> tuple[list[GoldLabel], IngestReport]:
    """Read labels `{"query", "conversation", "turn", "entry", "reason", "context_turns"}` (JSONL or a JSON list).

    `entry` is an id of `id_catalogue` if given (mapped to ours by the standard questions that
    both have), else an id of `catalogue` or one of its standard questions, or null. A question that an
    entry of `former` had, and none has now, stands for that entry where it is still in the catalogue.
    `conversation` is a conversation's id or source ("output.json#12"), or a number: the index,
    from 0, of the conversation in the one log file that was read, before anything was skipped.
    `conversations` are streamed once; without them a number stays as it is, as text. A label
    without conversation is a conversation of its own.

    Raises UserError, with the line, for an unknown entry and for a field of the wrong type, and
    for numbered conversations when several log files were read.
    """
    report = IngestReport()
    rows = [row for source in expand(paths) for row in _rows(source, report)]
    entry_of = _entry_finder(catalogue, id_catalogue, former)
    ids, lengths, lone_file = _conversation_ids({row.conversation for row in rows}, conversations)
    labels: list[GoldLabel] = []
    missing: list[_Row] = []
    for row in rows:
        conversation = ids.get(row.conversation) or str(row.conversation)
        if row.conversation is None:
            conversation = f"{row.file}#{row.line}"
        elif row.conversation not in ids:
            report.note(row.file, NOT_READ, str(row.conversation), row=row.line)
            if lone_file and isinstance(row.conversation, int):
                conversation = f"{lone_file}#{row.conversation}"
        elif row.turn >= lengths[conversation]:
            report.note(row.file, NO_SUCH_TURN, f"{row.turn} of {lengths[conversation]}, from 0", row=row.line)
        try:
            entry = entry_of(row)
        except _NoEntryError:
            missing.append(row)
            continue
        labels.append(GoldLabel(row.query, conversation, row.turn, entry, row.reason, row.context_turns))
        report.count(row.file, "labels")
        report.count(row.file, "with an entry" if entry else "without an entry")
    if missing:
        raise _missing(missing, has_ids=id_catalogue is not None)
    return labels, report


class _NoEntryError(Exception):
    """A label is about an entry that the catalogue does not have."""


def _missing(rows: Sequence[_Row], *, has_ids: bool) -> UserError:
    """All of them at once: mended one by one, each would cost a reading of the logs."""
    first, *others = rows
    also = ""
    if others:
        named = [str(row.line) if row.file == first.file else row.where for row in others[:NAMED_LINES]]
        lines = ", ".join(named) + ", …" * (len(others) > NAMED_LINES)
        also = f", nor what {len(others)} more name (line {lines})"
    told = "name another entry there, or take these lines out (their entries may have left the catalogue)"
    return UserError(
        f"{first.where}: no entry {first.entry!r} in the catalogue{also}",
        told if has_ids else f"{told}; where ids are another file's, set gold.catalogue to that file",
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a label file, its types checked."""

    file: str
    line: int
    query: str
    conversation: str | int | None
    turn: int
    entry: str | int | None
    reason: str
    context_turns: int

    @property
    def where(self) -> str:
        return f"{self.file}, line {self.line}"


def _rows(source: Source, report: IngestReport) -> Iterator[_Row]:
    if kind_of(source) != "json":
        raise UserError(f"{source.name}: hand labels are JSONL", 'write {"query": "…", "entry": "…"} on each line')
    layout = layout_of(source)
    report.file(source.name).form = "gold"
    report.file(source.name).encoding = layout.encoding
    for line, item in stream_items(source, layout):
        where = f"{source.name}, line {line}"
        if not isinstance(item, dict) or not isinstance(item.get("query"), str) or not tidy(item["query"]):
            raise UserError(f"{where}: no query", 'write {"query": "…", "entry": "…"}')
        if "entry" not in item:
            raise UserError(f"{where}: no entry", "write the entry, or null with a reason")
        yield _Row(
            source.name,
            line,
            tidy(item["query"]),
            _name(item, "conversation", where),
            _number(item, "turn", where),
            _name(item, "entry", where),
            str(_name(item, "reason", where) or ""),
            _number(item, "context_turns", where),
        )


def _name(item: dict[str, Any], key: str, where: str) -> str | int | None:
    value = item.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise UserError(f"{where}: `{key}` is {str(value)[:40]!r}", "write a text, a whole number or null")
    return tidy(value) if isinstance(value, str) else value


def _number(item: dict[str, Any], key: str, where: str) -> int:
    value = item.get(key) or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UserError(f"{where}: `{key}` is {str(value)[:40]!r}", "write a whole number from 0")
    return value


def _entry_finder(
    catalogue: Catalogue, id_catalogue: Catalogue | None, former: Iterable[Entry]
) -> Callable[[_Row], str | None]:
    """A function from a label to the id of its entry in `catalogue`."""
    by_question: dict[str, list[Entry]] = {}
    for entry in catalogue:
        for question in entry.questions:
            by_question.setdefault(normalise(question), []).append(entry)
    before: dict[str, list[Entry]] = {}
    for entry in former:
        for question in entry.questions if entry.id in catalogue.rows else ():
            before.setdefault(normalise(question), []).append(catalogue.entries[catalogue.rows[entry.id]])
    by_question = before | by_question
    others = {entry.id: entry for entry in id_catalogue or ()}

    def find(row: _Row) -> str | None:
        if row.entry is None:
            return None
        name = str(row.entry)
        if name in others:
            return _shared(row, others[name], by_question)
        if name in catalogue.rows:
            return name
        return _shared(row, Entry(name, (name,), ""), by_question)

    return find


def _shared(row: _Row, wanted: Entry, by_question: dict[str, list[Entry]]) -> str:
    """Id of the entry that shares most standard questions with `wanted`, on a tie the one with the same answer."""
    owners = [owner for question in wanted.questions for owner in by_question.get(normalise(question), ())]
    if not owners:
        raise _NoEntryError
    times = Counter(owner.id for owner in owners)
    best = [owner for owner in owners if times[owner.id] == max(times.values())]
    same_answer = [owner for owner in best if normalise(owner.answer) == normalise(wanted.answer)]
    ids = {owner.id for owner in same_answer or best}
    if len(ids) > 1:
        answers = {owner.id: owner.answer for owner in best}
        named = ", ".join(f"{id_} (answer: {_short(answers[id_])})" for id_ in sorted(ids))
        raise UserError(f"{row.where}: {row.entry!r} stands under the entries {named}", "write the id")
    return ids.pop()


def _short(answer: str) -> str:
    return answer if len(answer) <= SHOWN_CHARACTERS else f"{answer[: SHOWN_CHARACTERS - 1]}…"


def _conversation_ids(
    wanted: set[str | int | None], conversations: Iterable[Conversation]
) -> tuple[dict[str | int | None, str], dict[str, int], str]:
    """Ids of the wanted conversations, the number of turns of each, and the log file's name if there is only one."""
    ids: dict[str | int | None, str] = {}
    lengths: dict[str, int] = {}
    files: set[str] = set()
    for conversation in conversations:
        file, _, index = conversation.source.rpartition("#")
        files.add(file)
        names = (conversation.id, conversation.source, int(index) if index.isdecimal() else None)
        found = [name for name in names if name is not None and name in wanted]
        ids.update(dict.fromkeys(found, conversation.id))
        if found:
            lengths[conversation.id] = len(conversation.turns)
    numbers = [name for name in wanted if isinstance(name, int)]
    if numbers and len(files) > 1:
        raise UserError(
            f"hand labels number their conversations (such as {numbers[0]}), but there are {len(files)} log files",
            f'write the file too: "{min(files)}#{numbers[0]}"',
        )
    return ids, lengths, files.pop() if len(files) == 1 else ""
