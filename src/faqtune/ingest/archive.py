"""Look into a spreadsheet's zip before anything unpacks it, and find what the reader does not tell.

The reader (calamine) lays every sheet out as one dense block: a workbook of 5 KB with a value in
the last possible cell asks for 400 GB, and the process dies. Sizes are therefore checked first.
The reader also shows formula errors as empty, and knows no merged cells of .ods files.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from xml.etree import ElementTree

from faqtune.errors import UserError
from faqtune.ingest.kinds import Source
from faqtune.ingest.report import place

MAX_UNPACKED_BYTES = 1 << 30
MAX_RATIO = 250
"""Spreadsheets pack 5 to 30 times; more than this is suspicious beyond `SMALL_BYTES`."""
SMALL_BYTES = 64 << 20
MAX_CELLS = 20_000_000

Range = tuple[int, int, int, int]
"""A merged range: first row, first column, last row, last column; from 0, both ends included."""

_CHUNK_BYTES = 1 << 20
_OVERLAP_BYTES = 1 << 14
"""A cell longer than this (a formula of 16 KB) may be missed when a chunk ends in it."""

_CELL = re.compile(rb"""\br=["']([A-Z]{1,3})(\d{1,9})["']""")
_ERROR = re.compile(
    rb"""<(?:\w+:)?c\b(?=[^>]*?\br=["']([A-Z]{1,3})(\d{1,9})["'])[^>]*?\bt=["']e["'][^>]*>.{0,8192}?<(?:\w+:)?v>([^<]{1,40})<""",
    re.DOTALL,
)
_NO_VALUE = re.compile(
    rb"""<(?:\w+:)?c\b(?=[^>]*?\br=["']([A-Z]{1,3})(\d{1,9})["'])[^>]*>\s*<(?:\w+:)?f\b"""
    rb"""(?:[^>]*/>|[^<]{0,8192}</(?:\w+:)?f>)\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"""
)
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass(slots=True)
class Extras:
    """What the reader does not tell about a sheet: what stands in unreadable cells (row and column from 0), merges."""

    faults: dict[tuple[int, int], str] = field(default_factory=dict)
    merges: list[Range] | None = None


def inspect_xlsx(source: Source) -> dict[str, Extras]:
    """Check a workbook's sizes; the cells of each sheet (by name) that show an error or hold no value.

    Raises UserError for a zip bomb, a password, a damaged zip, or a sheet stretched too far.
    """
    with _checked(source) as archive:
        return {name: Extras(_scan_sheet(archive, part, source, name)) for name, part in _sheet_parts(archive)}


def inspect_ods(source: Source) -> dict[str, Extras]:
    """Check the sizes of an OpenDocument sheet; its merged ranges. Raises UserError as `inspect_xlsx`."""
    found: dict[str, Extras] = {}
    name, row, merges = "", 0, list[Range]()
    with _checked(source) as archive, archive.open("content.xml") as content:
        for event, element in ElementTree.iterparse(content, ("start", "end")):
            if event == "start" and element.tag == _TABLE + "table":
                name, row, merges = element.get(_TABLE + "name", ""), 0, []
            elif event == "end" and element.tag == _TABLE + "table-row":
                repeated = int(element.get(_TABLE + "number-rows-repeated", 1))
                width = _ods_row(element, row, merges)
                if width:
                    _check_area(source, name, row + repeated, width)
                row += repeated
                element.clear()
            elif event == "end" and element.tag == _TABLE + "table":
                found[name] = Extras(merges=merges)
                element.clear()
    return found


def _ods_row(row: ElementTree.Element, number: int, merges: list[Range]) -> int:
    """Columns in use in one row; its merged ranges are added to `merges`."""
    column = used = 0
    for cell in row:
        if cell.tag not in (_TABLE + "table-cell", _TABLE + "covered-table-cell"):
            continue
        rows, columns = (int(cell.get(f"{_TABLE}number-{what}-spanned", 1)) for what in ("rows", "columns"))
        if rows > 1 or columns > 1:
            merges.append((number, column, number + rows - 1, column + columns - 1))
        column += int(cell.get(_TABLE + "number-columns-repeated", 1))
        if len(cell) or cell.get(_OFFICE + "value-type"):
            used = column
    return used


@contextmanager
def _checked(source: Source) -> Iterator[zipfile.ZipFile]:
    """The zip of a spreadsheet, refused if it is a bomb or encrypted; damage found inside is a UserError too."""
    try:
        with zipfile.ZipFile(source.path) as archive:
            _check_sizes(source, archive.infolist())
            yield archive
    except (zipfile.BadZipFile, zlib.error, ElementTree.ParseError, EOFError, KeyError, ValueError, OSError) as error:
        raise UserError(f"{source.name} is cut off or damaged ({error})", "copy or export the file again") from None
    except (NotImplementedError, RuntimeError) as error:
        raise UserError(f"{source.name}: {error}", "save it again in Excel or WPS") from None


def _check_sizes(source: Source, parts: list[zipfile.ZipInfo]) -> None:
    if any(part.flag_bits & 1 for part in parts):
        raise UserError(f"{source.name} is protected by a password", "save a copy without password and give that")
    unpacked = sum(part.file_size for part in parts)
    packed = max(1, sum(part.compress_size for part in parts))
    if unpacked > MAX_UNPACKED_BYTES or (unpacked > SMALL_BYTES and unpacked > MAX_RATIO * packed):
        raise UserError(
            f"{source.name} would unpack from {packed >> 10:,} KB to {unpacked >> 20:,} MB: more than a spreadsheet "
            "holds; it may be a zip bomb",
            "check where the file comes from; give a very large log as CSV or JSONL",
        )


def _sheet_parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Name of each sheet and the part of the zip that it is in."""
    names = set(archive.namelist())
    relations = {
        relation.get("Id"): relation.get("Target", "")
        for relation in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    }
    for element in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():
        if element.tag.endswith("}sheet"):
            target = relations.get(element.get(_RELATION), "").removeprefix("/")
            part = target if target.startswith("xl/") else f"xl/{target}"
            if part in names:
                yield element.get("name", ""), part


def _scan_sheet(archive: zipfile.ZipFile, part: str, source: Source, name: str) -> dict[tuple[int, int], str]:
    """Cells with an error or without a value; refuses a sheet whose last cell is too far out."""
    faults: dict[tuple[int, int], str] = {}
    last_row, columns = 0, set[bytes]()
    with archive.open(part) as sheet:
        window = b""
        while chunk := sheet.read(_CHUNK_BYTES):
            window = window[-_OVERLAP_BYTES:] + chunk
            cells = _CELL.findall(window)
            last_row = max([last_row, *(int(digits) for _, digits in cells)])
            columns.update(letters for letters, _ in cells)
            for letters, digits, shown in _ERROR.findall(window):
                faults[int(digits) - 1, _column(letters)] = f"a formula error ({shown.decode('utf-8', 'replace')})"
            for letters, digits in _NO_VALUE.findall(window):
                faults[int(digits) - 1, _column(letters)] = "a formula without a stored value"
    _check_area(source, name, last_row, max(map(_column, columns), default=0) + 1)
    return faults


def _check_area(source: Source, sheet: str, rows: int, columns: int) -> None:
    if rows * columns > MAX_CELLS:
        raise UserError(
            f"{place(source.name, sheet)}: something stands as far out as row {rows:,}, column {columns:,}",
            "delete the rows and columns beyond the data and save the file again",
        )


def _column(letters: bytes) -> int:
    """Column number from 0 of A, B, … Z, AA, …"""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number - 1
