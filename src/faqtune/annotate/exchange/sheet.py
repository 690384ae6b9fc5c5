"""XLSX for people: a row per answer, to read, to sort and to correct in a spreadsheet, and to take in again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from faqtune.annotate.answers import FLAG, SKIP, Answer
from faqtune.annotate.exchange.annotated import Annotated, Known, Unasked, act_id, query_from, said
from faqtune.annotate.workbook import armed, write_workbook
from faqtune.errors import UserError
from faqtune.ingest.cells import Cell, cell_text
from faqtune.ingest.kinds import Source, kind_of
from faqtune.ingest.sheets import open_sheets
from faqtune.records import Query

SHEET = "annotations"
HEADER = (
    "text", "label", "entries", "by", "when", "note", "reply", "conversation", "turns", "seconds", "candidates",
    "suggested", "why", "audit", "act", "query", "id",
)  # fmt: skip
CALLED = {
    "文本": "text", "客户消息": "text", "客户问题": "text",
    "标签": "label", "标注": "label", "标准问题": "label", "标准问": "label", "条目": "entries", "条目编号": "entries",
    "标注人": "by", "标注员": "by", "标注时间": "when", "备注": "note",
}  # fmt: skip
"""What people call the columns that they write themselves. Not what other tools write: their numbers of conversations
and turns are not ours."""
SEPARATOR = " | "


def write(path: Path, rows: Iterable[Annotated], known: Known) -> int:
    return write_workbook(path, {SHEET: (HEADER, (_row(row, known) for row in rows))})


def _row(row: Annotated, known: Known) -> list[str | int | float | bool]:
    query, answer = row.query, row.answer
    label = SEPARATOR.join(map(known.label_of, answer.entries)) or (answer.label if answer.is_label else "")
    turns, when = " ".join(map(str, query.turns)), answer.when
    return [
        query.text, label, SEPARATOR.join(answer.entries), answer.by, when, answer.note, query.reply,
        query.conversation, turns, answer.seconds, SEPARATOR.join(answer.candidates), answer.suggested, answer.why,
        answer.audit, answer.act, query.id, answer.id,
    ]  # fmt: skip


def read(source: Source, known: Known, name: str) -> Iterator[Annotated | Unasked]:
    """Rows of the first sheet whose header has `label` or `entries`, and `query` or `text`.

    Where both are there and differ from each other, `label` is what a person changed. A row without either says
    nothing and is passed over. Raises UserError, with the row, for what is no label, and for a query that is named by
    its id or its turns and is none.
    """
    for sheet, _ in open_sheets(source, kind_of(source)):
        rows = enumerate(sheet.rows, 1)
        header = _names(next(rows, (0, []))[1], f"{source.name}, sheet {sheet.name}")
        if {"label", "entries"} & set(header) and {"query", "text"} & set(header):
            for number, cells in rows:
                yield from _read_row(dict(zip(header, map(_text, cells), strict=False)), known, name,
                                     f"{source.name}, sheet {sheet.name}", number)  # fmt: skip
            return
    raise UserError(
        f"{source.name}: no sheet with a query and a label",
        "name its columns `text` (or 文本) and `label` (or 标签)",
    )


def _names(cells: Iterable[Cell], where: str) -> list[str]:
    """The columns by our names, which go before what people call them. Raises UserError where two mean the same."""
    names = [cell_text(cell).strip().casefold() for cell in cells]
    ours = [name if (meant := CALLED.get(name, name)) in names else meant for name in names]
    for name, meant in zip(names, ours, strict=True):
        if name in CALLED and ours.count(meant) > 1:
            both = " and ".join(other for other, its in zip(names, ours, strict=True) if its == meant)
            raise UserError(f"{where}: {both} both mean `{meant}`", "leave one of them, or rename the others")
    return ours


def _text(cell: Cell) -> str:
    return armed(cell_text(cell))


def _read_row(row: dict[str, str], known: Known, name: str, sheet: str, number: int) -> Iterator[Annotated | Unasked]:
    where = f"{sheet}, row {number}"
    entries, label = _parts(row.get("entries", "")), row.get("label", "")
    unedited = not label or label == SEPARATOR.join(map(known.label_of, entries))
    # A question may hold the separator itself: what nobody edited is read by its ids.
    given = entries if entries and unedited else _parts(label)
    passed = row.get("act") in (SKIP, FLAG) and not given
    if not given and not passed:
        return
    act, chosen, reason = (row["act"], (), "") if passed else said(given, known, where)
    by, when = row.get("by") or name, row.get("when", "")
    queries = _queries(row, known, where)
    if not queries:
        yield Unasked(number, row.get("text", ""))
    for query in queries:
        answer = Answer(
            act,
            query.id,
            chosen,
            reason,
            by,
            when,
            _seconds(row.get("seconds", ""), where),
            tuple(_parts(row.get("candidates", ""))),
            row.get("suggested", ""),
            row.get("why", ""),
            row.get("audit", "").upper() == "TRUE",
            row.get("note", ""),
            row.get("id") or act_id(by, query.id, act, *chosen, reason, when),
        )
        yield Annotated(query, answer)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(SEPARATOR.strip()) if part.strip()]


def _queries(row: dict[str, str], known: Known, where: str) -> list[Query]:
    if row.get("query") or row.get("conversation"):
        turns = row.get("turns", "").replace(",", " ").split()
        return [query_from({**row, "id": row.get("query", ""), "turns": turns}, known, where)]
    return known.asking(row.get("text", ""))


def _seconds(text: str, where: str) -> float:
    try:
        return float(text or 0)
    except ValueError:
        raise UserError(f"{where}: {text[:20]!r} is no number of seconds", "mend it, or leave it empty") from None
