"""Sessions of a chat log as exported, whatever its form: nested, a message or a pair per row, written out as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from faqtune.config import ConversationsConfig
from faqtune.errors import UserError
from faqtune.ingest.cells import Cell, cell_text
from faqtune.ingest.headers import SEARCH_ROWS, fold, names_seen
from faqtune.ingest.jsonstream import layout_of, stream_items, stream_members, whole_object
from faqtune.ingest.kinds import Kind, Source
from faqtune.ingest.messages import Keys, Session, find_keys, messages_of_row, plain_text, session_of
from faqtune.ingest.names import LISTS
from faqtune.ingest.report import IngestReport, add_names
from faqtune.ingest.sheets import open_sheets
from faqtune.ingest.store import regroup
from faqtune.ingest.times import in_time
from faqtune.ingest.transcripts import MOST_MESSAGES, is_text, transcript_of, transcript_sessions

SAMPLE_ROWS = 500
"""Rows from which columns are guessed."""

Row = tuple[int, Mapping[str, str]]
"""A row with its number from 1, names to texts."""


def sessions_of(
    source: Source, kind: Kind, config: ConversationsConfig, report: IngestReport, most_rows: int | None = None
) -> Iterator[Session]:
    """Every session of a file, in the order in which they begin; one without messages where an item is none.

    Streams: memory does not grow with the file, except for spreadsheets (whose size is limited).
    `most_rows` stops after so many rows (or nested sessions), for a look at a large file.
    Raises UserError for a file that cannot be read or in which no messages are recognised.
    """
    if kind == "json":
        return _json_sessions(source, config, report, most_rows)
    if is_text(source, kind) and (written := transcript_of(source, config)):
        return transcript_sessions(source, written, config, report, most_rows)
    return _table_sessions(source, kind, config, report, most_rows)


def _json_sessions(
    source: Source, config: ConversationsConfig, report: IngestReport, most_rows: int | None
) -> Iterator[Session]:
    layout = layout_of(source)
    report.file(source.name).encoding = layout.encoding
    known: dict[tuple[str, ...], Keys] = {}
    if layout.key and _is_lone_message(layout.first, config):
        if fold(layout.key) in LISTS:  # the file is one session: {"session_id": …, "messages": […]}
            items: Iterable[tuple[int, Any]] = [(1, whole_object(source))]
        else:  # the file names its sessions: {"s1": […], "s2": […]}
            members = enumerate(stream_members(source), 1)
            items = ((row, {"session_id": key, "messages": value}) for row, (key, value) in members)
    elif layout.form == "object":
        items = [(1, whole_object(source))]
    else:
        items = stream_items(source, layout)
    items = report.file(source.name).first(items, most_rows)
    first = list(islice(items, 1))
    items = chain(first, items)
    if first and session_of(first[0][1], config, known) is None:
        rows = ((row, _texts(item)) for row, item in items if isinstance(item, dict))
        yield from _row_sessions(source, rows, config, report)
        return
    for row, item in items:
        session = session_of(item, config, known) or Session("", ())
        yield Session(session.id, session.messages, row)


def _is_lone_message(item: Any, config: ConversationsConfig) -> bool:
    """Whether an item is a message of a session that is named outside of it."""
    session = session_of([item], config, {})
    return bool(session and session.messages) and not (
        isinstance(item, dict) and find_keys(list(item), config, [_texts(item)]).session
    )


def _texts(item: Mapping[str, Any]) -> dict[str, str]:
    return {key: plain_text(value) for key, value in item.items()}


def _table_sessions(
    source: Source, kind: Kind, config: ConversationsConfig, report: IngestReport, most_rows: int | None
) -> Iterator[Session]:
    seen: list[str] = []
    found = False
    for sheet, encoding in open_sheets(source, kind):
        report.file(source.name).encoding = encoding
        if sheet.hidden:
            report.skip(source.name, "hidden sheet", sheet=sheet.name)
            continue
        top = list(islice(sheet.rows, SAMPLE_ROWS))
        found_at = header_of(top, config)
        if found_at is None:
            seen += names_seen(top[:SEARCH_ROWS])
            report.note(source.name, "no columns of role and text in this sheet", sheet=sheet.name)
            continue
        found = True
        if sheet.name:
            report.file(source.name).sheets.append(sheet.name)
        header, _ = found_at
        names = [cell_text(cell) for cell in top[header]]
        body = enumerate(chain(top[header + 1 :], sheet.rows), header + 2)
        used = report.file(source.name).first(((row, cells) for row, cells in body if any(cells)), most_rows)
        rows = ((row, dict(zip(names, map(cell_text, cells), strict=False))) for row, cells in used)
        yield from _row_sessions(source, rows, config, report)
    if not found:
        raise _unrecognised(source, seen)


def header_of(top: Sequence[Sequence[Cell]], config: ConversationsConfig) -> tuple[int, Keys] | None:
    """The row (from 0) of a table's beginning that names its columns, and which is which; None if none does."""
    for row, cells in enumerate(top[:SEARCH_ROWS]):
        names = [cell_text(cell) for cell in cells]
        below = [dict(zip(names, map(cell_text, cells), strict=False)) for cells in top[row + 1 :]]
        if keys := find_keys(names, config, below):
            return row, keys
    return None


def _row_sessions(
    source: Source, rows: Iterator[Row], config: ConversationsConfig, report: IngestReport
) -> Iterator[Session]:
    """Sessions of rows that hold a message, or a pair of messages, each."""
    sample = list(islice(rows, SAMPLE_ROWS))
    names = list(dict.fromkeys(name for _, row in sample for name in row))
    keys = find_keys(names, config, [row for _, row in sample])
    if not keys:
        raise _unrecognised(source, names)
    for meaning in ("session", "role", "text", "time", "asked", "answered"):
        add_names(report.file(source.name).columns, meaning, [getattr(keys, meaning)])
    rows = chain(sample, rows)
    if keys.session:
        yield from regroup(
            (row[keys.session], number, message)
            for number, row in _with_session(source, rows, keys, report)
            for message in messages_of_row(row, keys)
        )
    elif keys.asked:
        for number, row in rows:
            yield Session("", messages_of_row(row, keys), number)
    else:
        report.note(source.name, "no column of session ids: the file is read as one conversation")
        yield _one_session(source, rows, keys, names)


def _with_session(source: Source, rows: Iterable[Row], keys: Keys, report: IngestReport) -> Iterator[Row]:
    for number, row in rows:
        if row.get(keys.session):
            yield number, row
        elif any(row.values()):
            report.skip(source.name, "message without session id", row=number)


def _one_session(source: Source, rows: Iterable[Row], keys: Keys, names: Sequence[str]) -> Session:
    """All messages of a file as one session. Raises UserError if they are too many for that."""
    messages = (message for _, row in rows for message in messages_of_row(row, keys))
    held = list(islice(messages, MOST_MESSAGES + 1))
    if len(held) > MOST_MESSAGES:
        raise UserError(
            f"{source.name}: more than {MOST_MESSAGES:,} messages and no column of session ids; "
            f"columns or keys seen: {', '.join(names[:20])}",
            "set session_column in [conversations] of faqtune.toml",
        )
    return Session("", in_time(held), 1)


def _unrecognised(source: Source, names: Sequence[str]) -> UserError:
    seen = ", ".join(name for name in names[:20] if name) or "none"
    return UserError(
        f"{source.name}: no conversations recognised; columns or keys seen: {seen}",
        "set session_column, role_column and text_column in [conversations] of faqtune.toml",
    )
