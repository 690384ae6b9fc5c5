"""Writers of the files that the readers are tested on."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
import xlsxwriter

Rows = Sequence[Sequence[Any]]
Merge = tuple[int, int, int, int]
"""First row, first column, last row, last column, from 0."""


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Write a text (in any encoding) or bytes to a file of the test's folder."""

    def write(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def xlsx(tmp_path: Path) -> Callable[..., Path]:
    """Write a workbook: sheet name to rows; `merges` per sheet merge cells that hold their first value."""

    def write(
        name: str, sheets: dict[str, Rows], merges: dict[str, Sequence[Merge]] | None = None, hidden: Sequence[str] = ()
    ) -> Path:
        path = tmp_path / name
        book = xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd", "strings_to_formulas": False})
        for sheet_name, rows in sheets.items():
            sheet = book.add_worksheet(sheet_name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
            for first_row, first_column, last_row, last_column in (merges or {}).get(sheet_name, ()):
                sheet.merge_range(first_row, first_column, last_row, last_column, rows[first_row][first_column])
            if sheet_name in hidden:
                sheet.hide()
        book.close()
        return path

    return write


@pytest.fixture
def ods(tmp_path: Path) -> Callable[..., Path]:
    """Write an OpenDocument sheet. A cell is a text, or (text, attributes) such as a span."""

    def write(name: str, rows: Rows, sheet: str = "Sheet1") -> Path:
        body = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
        spaces = "".join(
            f' xmlns:{space}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
            for space in ("office", "table", "text")
        )
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr("META-INF/manifest.xml", _ODS_MANIFEST)
            archive.writestr(
                "content.xml",
                f'<?xml version="1.0" encoding="UTF-8"?><office:document-content{spaces}><office:body>'
                f'<office:spreadsheet><table:table table:name="{sheet}">{body}</table:table></office:spreadsheet>'
                "</office:body></office:document-content>",
            )
        return path

    return write


_ODS_MANIFEST = """<?xml version="1.0"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">
<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>"""


def _ods_cell(cell: str | tuple[str, str]) -> str:
    text, attributes = cell if isinstance(cell, tuple) else (cell, "")
    if not text:
        return f"<table:table-cell {attributes}/>"
    lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in text.split("\n"))
    return f'<table:table-cell office:value-type="string" {attributes}>{lines}</table:table-cell>'


@pytest.fixture
def xls(tmp_path: Path) -> Callable[..., Path]:
    """Write an Excel 97 workbook (BIFF8 in an OLE file) with one sheet of texts and numbers."""

    def write(name: str, rows: Rows, merges: Sequence[Merge] = ()) -> Path:
        path = tmp_path / name
        path.write_bytes(_ole(_biff8(rows, merges)))
        return path

    return write


def _biff8(rows: Rows, merges: Sequence[Merge]) -> bytes:
    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    def begin(kind: int) -> bytes:
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 0x07CC, 0x41, 0x06))

    sheet = begin(0x0010)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            if isinstance(cell, str) and cell:
                text = cell.encode("utf-16-le")
                sheet += record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text) // 2, 1) + text)
            elif cell != "":
                sheet += record(0x0203, struct.pack("<HHHd", row, column, 0, cell))
    ranges = b"".join(struct.pack("<HHHH", r1, r2, c1, c2) for r1, c1, r2, c2 in merges)
    sheet += record(0x00E5, struct.pack("<H", len(merges)) + ranges) + record(0x000A, b"")
    label = "Sheet1".encode("utf-16-le")
    before = len(begin(0x0005)) + 4 + 8 + len(label) + 4
    bound = record(0x0085, struct.pack("<IBBBB", before, 0, 0, 6, 1) + label)
    return begin(0x0005) + bound + record(0x000A, b"") + sheet


def _ole(stream: bytes) -> bytes:
    """A compound file with one stream, `Workbook`, of at least 4096 bytes (smaller ones lie elsewhere)."""
    end, free = 0xFFFFFFFE, 0xFFFFFFFF
    stream = stream.ljust(4096, b"\0")
    sectors = -(-len(stream) // 512)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, end, 0, end, 0)
    header += struct.pack("<109I", 0, *[free] * 108)
    chain = [0xFFFFFFFD, end, *range(3, 2 + sectors), end]
    table = struct.pack("<128I", *chain, *[free] * (128 - len(chain)))

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        label = (name + "\0").encode("utf-16-le")
        links = struct.pack("<HBBIII", len(label), kind, 1, free, free, child)
        return label.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", start, size)

    directory = entry("Root Entry", 5, 1, end, 0) + entry("Workbook", 2, free, 2, len(stream))
    return header + table + directory.ljust(512, b"\0") + stream.ljust(sectors * 512, b"\0")
