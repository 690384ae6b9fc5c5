"""Tables of the report as plain data: every figure in them says where it stands in the report's data.

The page draws them, `--format md` writes them, and a test follows every source back to its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from faqtune.evaluate.wording import points
from faqtune.report.charts import Chart
from faqtune.report.limits import MOST_ROWS, clipped


@dataclass(frozen=True, slots=True)
class Cell:
    """`source`: JSON pointer into the data of `--format json`, "" for words; `mark`: better, worse ... or ""."""

    text: str
    interval: str = ""
    source: str = ""
    mark: str = ""

    @property
    def whole(self) -> str:
        return f"{self.text} {self.interval}".rstrip()


Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table; the first cell of a row names it. `total` rows are in the data, `rows` are shown. `wordy` tables
    hold texts in most columns."""

    caption: str
    header: tuple[str, ...]
    rows: Sequence[Row]
    total: int
    wordy: bool = False


@dataclass(frozen=True, slots=True)
class FigureRow:
    """`cells` are three figures, the last of them about a difference; `mark` and `verdict` judge that."""

    name: str
    cells: tuple[Cell, ...]
    mark: str
    verdict: str


@dataclass(frozen=True, slots=True)
class FigureTable:
    """Figures of models: `header` of name, three figures and verdict; `groups` of rows with their name, or "".

    A phone sets each row in two lines, so that it needs no scrolling sideways. `total`
    rows are in the data; 0: all of them are shown.
    """

    caption: str
    header: tuple[str, ...]
    groups: Sequence[tuple[str, Sequence[FigureRow]]]
    total: int = 0

    @property
    def rows(self) -> list[FigureRow]:
        return [row for _, group in self.groups for row in group]


Facts = Sequence[tuple[str, Cell]]
"""Names and values, of which each says where it stands."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with its name in links: charts first, then tables (those of `folded` closed at first), then
    `facts` by caption."""

    id: str
    title: str
    reading: str = ""
    charts: Sequence[Chart] = field(default_factory=tuple)
    wide: Sequence[Chart] = field(default_factory=tuple)
    sheets: Sequence[Sheet | FigureTable] = field(default_factory=tuple)
    folded: Sequence[Sheet | FigureTable] = field(default_factory=tuple)
    facts: Sequence[tuple[str, Facts]] = field(default_factory=tuple)


def sheet(caption: str, header: Sequence[str], rows: Iterable[Row], *, wordy: bool = False) -> Sheet:
    """A table of the first `MOST_ROWS` rows."""
    found = list(rows)
    return Sheet(caption, tuple(header), found[:MOST_ROWS], len(found), wordy)


def pointer(*keys: str | int) -> str:
    """RFC 6901.

    >>> pointer("comparison", "after", "figures", "oscr@5/chatter")
    '/comparison/after/figures/oscr@5~1chatter'
    """
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)


def words(text: str) -> Cell:
    return Cell(clipped(text))


def percent(share: float | None, source: str) -> Cell:
    """A share in percent with one decimal; nothing where it is not defined."""
    return Cell("" if share is None else f"{100 * share:.1f}", "", source)


def figure(found: Mapping[str, Any] | None, source: str) -> Cell:
    """A share with its interval, from a record with `value`, `low` and `high`."""
    if not found or found.get("value") is None:
        return Cell("")
    low, high = found.get("low"), found.get("high")
    interval = "" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]"
    return Cell(f"{100 * found['value']:.1f}", interval, source)


def change(found: Mapping[str, Any] | None, source: str) -> Cell:
    """A difference in percentage points with its sign and interval."""
    if not found:
        return Cell("")
    value, low, high = (points(found[name]) for name in ("value", "low", "high"))
    return Cell(value, f"[{low}, {high}]", source)


def p_value(found: float | None, source: str) -> Cell:
    """A p with three decimals, and never 0: resampling knows none that is."""
    if found is None:
        return Cell("")
    return Cell("< 0.001" if found < 0.0005 else f"{found:.3f}", "", source)


def sentences(language: str, *said: str) -> str:
    """Sentences after one another; in Chinese nothing stands between them."""
    return ("" if language == "zh" else " ").join(sentence for sentence in said if sentence)


def count(found: float, source: str) -> Cell:
    return Cell(f"{found:.0f}", "", source)


def number(found: float | None, source: str, digits: int = 3) -> Cell:
    return Cell("" if found is None else f"{found:.{digits}f}", "", source)
