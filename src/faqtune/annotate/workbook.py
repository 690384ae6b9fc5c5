"""Spreadsheets for people, in which no text of a customer is ever a formula or a link."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from faqtune.atomic import atomic_file
from faqtune.errors import UserError

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
MOST_CELL_CHARACTERS = 32_767
"""What a cell holds (Excel)."""
WIDTHS = {"text": 40, "reply": 40, "questions": 40, "title": 40, "examples": 60, "answer": 60, "question": 40}

Row = Sequence[str | int | float | bool]


def defused(text: str) -> str:
    """A text as a cell may hold it: what a spreadsheet would run as a formula gets an apostrophe in front, also where
    it has one already, so that `armed` gives it back as it was.

    >>> defused("=1+1"), armed(defused("=1+1")), armed(defused("'=1+1")), defused("在吗")
    ("'=1+1", '=1+1', "'=1+1", '在吗')
    """
    return f"'{text}" if text.lstrip("'").startswith(FORMULA_STARTS) else text


def armed(text: str) -> str:
    """What `defused` was given."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA_STARTS) else text


def write_workbook(path: Path, sheets: Mapping[str, tuple[Sequence[str], Iterable[Row]]]) -> int:
    """One sheet per name, with a header that stays in sight and filters. Returns the number of rows of all.

    Raises UserError if xlsxwriter is not installed.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise UserError("spreadsheets need xlsxwriter", "pip install 'faqtune[annotate]'") from None
    content, count = io.BytesIO(), 0
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(content, options) as book:
        head, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        for name, (header, rows) in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, header, head)
            number = 0
            for number, row in enumerate(rows, 1):
                for column, value in enumerate(row):
                    if isinstance(value, str):
                        sheet.write_string(number, column, _cell(value), wrapped)
                    else:
                        sheet.write(number, column, value, wrapped)
            count += number
            sheet.freeze_panes(1, 0)
            sheet.autofilter(0, 0, number, len(header) - 1)
            for column, title in enumerate(header):
                sheet.set_column(column, column, WIDTHS.get(title, 16))
    with atomic_file(path) as file:
        file.write(content.getvalue())
    return count


def _cell(text: str) -> str:
    """Half a surrogate pair as its escape: a workbook is UTF-8."""
    whole = text.encode("utf-8", "backslashreplace").decode()
    return defused(whole)[:MOST_CELL_CHARACTERS]
