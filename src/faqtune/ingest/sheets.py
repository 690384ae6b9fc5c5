"""Sheets of rows from every kind of table: xlsx, xls, ods, csv, tsv, and text that is called .xls.

Rows are streamed. Merged cells are filled downwards (not sideways: a heading merged over a whole
row must not look like a question with an answer).
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TextIO

import python_calamine

from faqtune.errors import UserError
from faqtune.ingest.archive import Extras, Range, inspect_ods, inspect_xlsx
from faqtune.ingest.cells import Cell
from faqtune.ingest.encodings import open_text
from faqtune.ingest.kinds import SPREADSHEETS, Kind, Source
from faqtune.ingest.report import place

MAX_FILE_BYTES = 512 << 20
MAX_CELL_CHARS = 32_767
"""What Excel itself allows; a longer cell is an unclosed quote or a pasted file."""

_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE_CHARS = 1 << 16


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table. `rows` can be read once; row 1 of the user is the first.

    `merges` is None where the form does not tell (CSV); `faults` says what stands in cells that
    came out empty (row and column from 0).
    """

    name: str
    rows: Iterator[list[Cell]]
    merges: Sequence[Range] | None = None
    faults: dict[tuple[int, int], str] = field(default_factory=dict)
    hidden: bool = False


def open_sheets(source: Source, kind: Kind) -> Iterator[tuple[Sheet, str]]:
    """Each sheet of a table file, with the encoding ("" for a workbook). Raises UserError for damage.

    A sheet's rows must be read before the next sheet is asked for.
    """
    if kind in SPREADSHEETS:
        for sheet in _workbook(source, kind):
            yield sheet, ""
    else:
        file, encoding = open_text(source.path)
        with file:
            yield Sheet("", _delimited(source, file)), encoding


def _workbook(source: Source, kind: Kind) -> Iterator[Sheet]:
    size = source.path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise UserError(f"{source.name} has {size >> 20:,} MB", "save a log of this size as CSV or JSONL")
    extras = inspect_xlsx(source) if kind == "xlsx" else inspect_ods(source) if kind == "ods" else {}
    with _damage_named(source), source.path.open("rb") as file, python_calamine.load_workbook(file) as workbook:
        for meta in workbook.sheets_metadata:
            if meta.typ != python_calamine.SheetTypeEnum.WorkSheet:
                continue
            block = workbook.get_sheet_by_name(meta.name)
            more = extras.get(meta.name, Extras())
            merges = more.merges
            if block.merged_cell_ranges is not None:
                merges = [(*first, *last) for first, last in block.merged_cell_ranges]
            rows = _short_cells(source, meta.name, _filled(_rows(block), merges or []))
            hidden = meta.visible != python_calamine.SheetVisibleEnum.Visible
            yield Sheet(meta.name, rows, merges, more.faults, hidden)


@contextmanager
def _damage_named(source: Source) -> Iterator[None]:
    """What the reader raises on damaged workbooks, a Rust panic included, as a UserError."""
    try:
        yield
    except python_calamine.PasswordError:
        raise UserError(f"{source.name} is protected by a password", "save a copy without it and give that") from None
    except (python_calamine.CalamineError, OSError, OverflowError, UnicodeError) as error:
        raise UserError(f"{source.name} is damaged, or no spreadsheet ({error})", "save it again as .xlsx") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise UserError(f"{source.name} is damaged", "save it again as .xlsx in Excel or WPS") from None


def _rows(block: python_calamine.CalamineSheet) -> Iterator[list[Cell]]:
    """Rows from row 1 and column A on; the reader leaves out the empty columns before the data."""
    before: list[Cell] = [""] * (block.start[1] if block.start else 0)
    for row in block.iter_rows():
        yield [*before, *row]


def _filled(rows: Iterator[list[Cell]], merges: Sequence[Range]) -> Iterator[list[Cell]]:
    """Rows with the value of each merged range copied down its first column."""
    starts: dict[int, list[Range]] = {}
    for merge in merges:
        if merge[2] > merge[0]:
            starts.setdefault(merge[0], []).append(merge)
    active: list[tuple[int, int, Cell]] = []
    for number, row in enumerate(rows):
        active = [(last, column, value) for last, column, value in active if last >= number]
        for _, column, value in active:
            if column < len(row):
                row[column] = value
        active += [(last, left, row[left]) for _, left, last, _ in starts.get(number, ()) if left < len(row)]
        yield row


def _short_cells(source: Source, sheet: str, rows: Iterator[list[Cell]]) -> Iterator[list[Cell]]:
    for number, row in enumerate(rows, 1):
        longest = max((len(cell) for cell in row if isinstance(cell, str)), default=0)
        if longest > MAX_CELL_CHARS:
            raise UserError(
                f"{place(source.name, sheet, number)}: a cell of {longest:,} characters (at most {MAX_CELL_CHARS:,})",
                "look for a quote that is never closed or a file pasted into the cell",
            )
        yield row


def _delimited(source: Source, file: TextIO) -> Iterator[list[Cell]]:
    """Rows of a CSV or TSV file; `row` counts records as a spreadsheet does, a quoted cell may hold line breaks."""
    return _short_cells(source, "", _records(source, file, _delimiter(source)))


def _records(source: Source, file: TextIO, delimiter: str) -> Iterator[list[Cell]]:
    reader = csv.reader(file, delimiter=delimiter)
    line = 1
    try:
        for record in reader:
            yield list[Cell](record)
            line = reader.line_num + 1
    except csv.Error as error:
        too_long = f"a cell of more than {csv.field_size_limit():,} characters"
        raise UserError(
            f"{source.name}, line {line}: {too_long if 'field limit' in str(error) else error}",
            'look for a quote (") in that line that is never closed',
        ) from None


def _delimiter(source: Source) -> str:
    """The separator that cuts the first rows into the same number of columns most often."""
    if source.path.suffix.lower() == ".tsv":
        return "\t"
    file, _ = open_text(source.path)
    with file:
        lines = file.read(_SAMPLE_CHARS).splitlines(keepends=True)
    return max(_DELIMITERS, key=lambda delimiter: _regularity(lines, delimiter))


def _regularity(lines: list[str], delimiter: str) -> float:
    """Share of rows that have the most frequent number of columns; 0 if that is one column."""
    widths: list[int] = []
    with suppress(csv.Error):  # an over-long cell ends the sample; reading names it
        widths.extend(len(row) for row in islice(csv.reader(lines, delimiter=delimiter), 100) if row)
    if not widths:
        return 0.0
    width, times = Counter(widths).most_common(1)[0]
    return times / len(widths) if width > 1 else 0.0
