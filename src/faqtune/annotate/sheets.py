"""Small tables as spreadsheets for people. What customers typed stays text: no cell is ever a formula."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

WIDTHS = (12, 60)
"""Characters of the narrowest and the widest column."""
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
LONGEST_CELL = 32_000


def sheet(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """One sheet of an .xlsx, its header frozen, numbers as numbers and everything else as harmless text."""
    import xlsxwriter

    rows = [list(row) for row in rows]
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    page = book.add_worksheet(name)
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    page.write_row(0, 0, header, bold)
    page.freeze_panes(1, 0)
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            if isinstance(value, int | float):
                page.write_number(number, column, value, wrapped)
            else:
                page.write_string(number, column, harmless_cell(str(value)), wrapped)
    for column, title in enumerate(header):
        longest = max([len(title), *(len(str(row[column])) for row in rows)])
        page.set_column(column, column, min(max(WIDTHS[0], longest * 1.4), WIDTHS[1]))
    book.close()
    return out.getvalue()


def harmless_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula, not even after it was saved as CSV.

    >>> harmless_cell("=HYPERLINK(1)"), harmless_cell("发货")
    ("'=HYPERLINK(1)", '发货')
    """
    text = text.encode("utf-8", "replace").decode()[:LONGEST_CELL]
    return f"'{text}" if text.startswith(DANGEROUS) else text
