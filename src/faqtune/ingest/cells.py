"""Values of cells as text, as the user sees them in the spreadsheet."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

Cell = str | float | int | bool | Decimal | dt.date | dt.time | dt.datetime | dt.timedelta

FORMULA_ERROR = re.compile(r"#(REF!|N/A|NAME\?|VALUE!|DIV/0!|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA)")

_INVISIBLE = re.compile("[\0\u200b-\u200f\u202a-\u202e\u2060\ufeff]|_x000[dD]_")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNTIDY = re.compile(f"{_INVISIBLE.pattern}|{_SURROGATE.pattern}|\r")


def cell_text(value: Cell | None) -> str:
    """A cell as text: numbers without a false `.0`, dates in ISO form, white space around it gone.

    >>> cell_text(13800138000.0), cell_text(1.5), cell_text(dt.datetime(2024, 5, 1)), cell_text(True)
    ('13800138000', '1.5', '2024-05-01', 'TRUE')
    """
    if isinstance(value, str):
        return tidy(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}".removesuffix(".0") if abs(value) < 1e21 else repr(value)
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return str(value)


def tidy(text: str) -> str:
    """A text without what nobody typed: invisible characters, halves of surrogate pairs, outer white space.

    >>> tidy(" 包邮吗\\u200b\\r\\n在吗 ")
    '包邮吗\\n在吗'
    """
    if not _UNTIDY.search(text):
        return text.strip()
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _INVISIBLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n").strip()
