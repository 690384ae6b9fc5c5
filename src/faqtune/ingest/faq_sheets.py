"""Rows of spreadsheets and CSV files as drafts of entries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from faqtune.config import CatalogueConfig
from faqtune.errors import UserError
from faqtune.ingest.archive import Range
from faqtune.ingest.cells import FORMULA_ERROR, Cell, cell_text
from faqtune.ingest.drafts import Draft
from faqtune.ingest.headers import SEARCH_ROWS, Header, find_header, names_seen
from faqtune.ingest.kinds import Kind, Source
from faqtune.ingest.questions import split_questions
from faqtune.ingest.report import FileReport, IngestReport, add_names, place
from faqtune.ingest.sheets import Sheet, open_sheets
from faqtune.records import normalise

_NOTE = re.compile(r"\s*[*※]?\s*(注|备注|说明|附注|注意|提示|温馨提示|note|notes|n\.?b|ps)\s*[:：]", re.IGNORECASE)


def table_drafts(source: Source, kind: Kind, config: CatalogueConfig, report: IngestReport) -> Iterator[Draft]:
    """Entries of all sheets of one file. Raises UserError if no sheet has a question and an answer column."""
    names: list[str] = []
    headers: list[Header] = []
    seen: list[str] = []
    for sheet, encoding in open_sheets(source, kind):
        report.file(source.name).encoding = encoding
        names.append(sheet.name)
        if not _is_wanted(sheet, source, config, report):
            continue
        top = list(islice(sheet.rows, SEARCH_ROWS))
        header = find_header(top, sheet.merges or (), config)
        if header is None:
            seen += names_seen(top, config.header_row)
            report.note(source.name, "no question and answer column in this sheet", sheet=sheet.name)
            continue
        headers.append(header)
        _report_header(sheet, header, report.file(source.name))
        if header.unread:
            report.note(source.name, "columns not read", ", ".join(header.unread), sheet.name)
        body = chain(top[header.row + 1 :], sheet.rows)
        yield from _entries(_Table(source, sheet, header, bool(config.id_column), report), body)
    _check_names(source, names, headers, seen, config)


def _report_header(sheet: Sheet, header: Header, file: FileReport) -> None:
    if sheet.name:
        file.sheets.append(sheet.name)
    add_names(file.columns, "questions", [header.names[column] for column in header.questions])
    add_names(file.columns, "answer", [header.names[header.answer]])
    add_names(file.columns, "category", [header.names[header.category]] if header.category >= 0 else [])
    add_names(file.columns, "id", [header.names[header.id]] if header.id >= 0 else [])


def _is_wanted(sheet: Sheet, source: Source, config: CatalogueConfig, report: IngestReport) -> bool:
    if config.sheets and sheet.name:
        return sheet.name in config.sheets
    if sheet.hidden:
        report.skip(source.name, "hidden sheet; name it in catalogue.sheets to read it", sheet=sheet.name)
    return not sheet.hidden


def _check_names(
    source: Source, sheets: Sequence[str], headers: Sequence[Header], seen: Sequence[str], config: CatalogueConfig
) -> None:
    """Raise UserError for names of the config that the file does not have, or if there was nothing to read."""
    missing = [name for name in config.sheets if name not in sheets]
    if missing and any(sheets):
        raise UserError(f"{source.name}: no sheet {missing[0]}; it has {', '.join(sheets)}", "correct catalogue.sheets")
    if not headers:
        raise UserError(
            f"{source.name}: no question and answer column found; headers seen: {', '.join(seen[:20]) or 'none'}",
            "set question_columns and answer_column (and header_row) in [catalogue] of faqtune.toml",
        )
    found = {normalise(name) for header in headers for name in header.names}
    for name in (*config.question_columns, config.category_column, config.id_column):
        if name and normalise(name) not in found:
            seen = [name for name in headers[0].names if name]
            raise UserError(f"{source.name}: no column {name}; headers seen: {', '.join(seen)}", "correct [catalogue]")


@dataclass(frozen=True, slots=True)
class _Table:
    """A sheet with its header found: what every row is read with."""

    source: Source
    sheet: Sheet
    header: Header
    id_is_sure: bool
    report: IngestReport

    def skip(self, why: str, row: int, detail: str = "") -> None:
        self.report.skip(self.source.name, why, detail, self.sheet.name, row)

    def note(self, why: str, row: int, detail: str = "") -> None:
        self.report.note(self.source.name, why, detail, self.sheet.name, row)


def _entries(table: _Table, body: Iterator[list[Cell]]) -> Iterator[Draft]:
    """Drafts of the rows below the header; rows that share one merged answer are one draft."""
    shared = _first_rows(table.sheet.merges or (), table.header.answer)
    current: Draft | None = None
    blank: list[int] = []
    for number, cells in enumerate(body, table.header.row + 2):
        texts = ["" if FORMULA_ERROR.fullmatch(text) else text for text in map(cell_text, cells)]
        if not any(texts) and not any(map(cell_text, cells)):
            blank.append(number)
            continue
        for row in blank:  # those after the last row are not worth a word
            table.skip("empty row", row)
        blank = []
        draft = _draft(table, number, cells, texts)
        if draft and current and number in shared and shared[number] == shared.get(current.row):
            current.questions += draft.questions
            current.trouble = current.trouble or draft.trouble
            continue
        if draft and table.sheet.merges is None and not draft.category and current:
            draft.category = current.category  # a form that does not tell what is merged: empty means "as above"
        if draft and current:
            yield current
        current = draft or current
    if current:
        yield current


def _draft(table: _Table, number: int, cells: Sequence[Cell], texts: Sequence[str]) -> Draft | None:
    """The entry of one row; None (and a remark) for repeated headers, headings and notes."""
    header = table.header
    asked = {column: texts[column] for column in header.questions if column < len(texts) and texts[column]}
    answer = _at(texts, header.answer)
    trouble = _trouble(table, number, cells, asked, answer)
    if trouble and (no_entry := _no_entry(table, number, texts, asked, trouble)):
        table.skip(no_entry, number, next(filter(None, texts), "")[:40])
        return None
    if find_header([texts], (), CatalogueConfig()):
        table.skip("header repeated", number)
        return None
    questions = [question for column in asked for question in _questions(table, number, cells[column])]
    return Draft(
        table.source.name,
        place(table.source.name, table.sheet.name, number),
        list({normalise(question): question for question in reversed(questions)}.values())[::-1],
        answer,
        _at(texts, header.category),
        _at(texts, header.id),
        table.id_is_sure,
        table.sheet.name,
        number,
        trouble or ("" if questions else "no question"),
    )


def _no_entry(table: _Table, number: int, texts: Sequence[str], asked: Mapping[int, str], trouble: str) -> str:
    """What an incomplete row is, if it was never meant as an entry; "" if something is missing in it."""
    if "formula" in trouble or _at(texts, table.header.answer):
        return ""
    if not asked:
        return "row without question and answer"
    if any(map(_NOTE.match, asked.values())):
        return "note row"
    return "heading row" if _is_heading(table.sheet.merges or (), number - 1, table.header) else ""


def _at(texts: Sequence[str], column: int) -> str:
    return texts[column] if 0 <= column < len(texts) else ""


def _questions(table: _Table, number: int, cell: Cell) -> list[str]:
    questions, kept_whole = split_questions(cell_text(cell))
    if kept_whole:
        table.note("kept as one question although it has a separator", number, questions[0][:40])
    if not isinstance(cell, str):
        table.note("a question that is a number or a date", number, questions[0])
    return questions


def _trouble(table: _Table, number: int, cells: Sequence[Cell], asked: Mapping[int, str], answer: str) -> str:
    """What keeps a row from being an entry; "" if nothing does."""
    faults = {
        column: table.sheet.faults.get((number - 1, column)) or f"a formula error ({cell_text(cells[column])})"
        for column in (*table.header.questions, table.header.answer)
        if column < len(cells) and ((number - 1, column) in table.sheet.faults or _is_error(cells[column]))
    }
    if not answer:
        return f"the answer is {faults[table.header.answer]}" if table.header.answer in faults else "no answer"
    broken = [fault for column, fault in faults.items() if column in table.header.questions]
    if not asked:
        return f"the question is {broken[0]}" if broken else "no question"
    for fault in broken:
        table.skip("one of several question cells", number, fault)
    return ""


def _is_error(cell: Cell) -> bool:
    return isinstance(cell, str) and bool(FORMULA_ERROR.fullmatch(cell.strip()))


def _is_heading(merges: Sequence[Range], row: int, header: Header) -> bool:
    """Whether a cell of this row is merged over a question column and the answer column."""
    return any(
        first <= row <= last and left <= header.answer <= right and any(left <= c <= right for c in header.questions)
        for first, left, last, right in merges
    )


def _first_rows(merges: Sequence[Range], column: int) -> dict[int, int]:
    """Rows (from 1) of the merged ranges in a column, to the first row of their range."""
    return {
        row + 1: first + 1
        for first, left, last, right in merges
        if left <= column <= right and last > first
        for row in range(first, last + 1)
    }
