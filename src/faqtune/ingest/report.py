"""What was read, and what was left out and why, file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

KEPT_PER_FILE = 100
"""Places kept per file for skipped items, and as many for notes; all of them are counted."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One place in the input and what happened there.

    `row` counts from 1 as the user's program shows it: spreadsheet row, line, or item of a
    JSON list; 0 where there is no row. `why` is one of few wordings, `detail` the particulars.
    """

    file: str
    why: str
    detail: str = ""
    sheet: str = ""
    row: int = 0

    def __str__(self) -> str:
        return f"{place(self.file, self.sheet, self.row)}: {self.why}{f' ({self.detail})' if self.detail else ''}"


@dataclass(slots=True)
class FileReport:
    """One file: what it was taken for, what was read (`counts`), and what was not (`skipped`, by reason).

    `columns`: meaning (questions, answer, session, …) to the names in the file; `roles`:
    customer, agent, system, unknown to the first values seen.
    """

    file: str
    form: str = ""
    encoding: str = ""
    sheets: list[str] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    noted: dict[str, int] = field(default_factory=dict)
    is_cut: bool = False
    """Whether there is more than was looked at; never of a file that is read for good."""

    def first(self, items: Iterable[T], most: int | None) -> Iterator[T]:
        """So many of the items of the file at most."""
        for number, item in enumerate(items):
            if number == most:
                self.is_cut = True
                return
            yield item


@dataclass(slots=True)
class IngestReport:
    """Filled while reading; complete once everything has been read.

    >>> report = IngestReport()
    >>> report.count("a.csv", "entries", 2)
    >>> report.skip("a.csv", "note row", row=7)
    >>> report.totals(), report.skipped_total, str(report.skipped[0])
    ({'entries': 2}, 1, 'a.csv, row 7: note row')
    """

    files: dict[str, FileReport] = field(default_factory=dict)
    skipped: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)

    def file(self, name: str) -> FileReport:
        """The report of one file, begun if there is none yet."""
        return self.files.setdefault(name, FileReport(name))

    def count(self, file: str, what: str, number: int = 1) -> None:
        counts = self.file(file).counts
        counts[what] = counts.get(what, 0) + number

    def skip(self, file: str, why: str, detail: str = "", sheet: str = "", row: int = 0) -> None:
        """Something was left out."""
        _remember(self.skipped, self.file(file).skipped, Remark(file, why, detail, sheet, row))

    def note(self, file: str, why: str, detail: str = "", sheet: str = "", row: int = 0) -> None:
        """Something was read, but the user should know."""
        _remember(self.notes, self.file(file).noted, Remark(file, why, detail, sheet, row))

    def totals(self) -> dict[str, int]:
        """What was read, over all files."""
        sums: dict[str, int] = {}
        for file in self.files.values():
            for what, number in file.counts.items():
                sums[what] = sums.get(what, 0) + number
        return sums

    def skipped_by_reason(self) -> Counter[str]:
        """Why, and how often, something was left out of any file."""
        return sum((Counter(file.skipped) for file in self.files.values()), Counter())

    @property
    def skipped_total(self) -> int:
        """How many items were left out; `skipped` names the first of them per file."""
        return self.skipped_by_reason().total()

    def as_dict(self) -> dict[str, Any]:
        """The whole report as plain data for `--json`."""
        return {**asdict(self), "totals": self.totals(), "skipped_total": self.skipped_total}


def add_names(known: dict[str, list[str]], meaning: str, names: Iterable[str]) -> None:
    """Remember names for a meaning, each once; nothing for empty names."""
    found = [name for name in names if name]
    if found:
        known[meaning] = list(dict.fromkeys([*known.get(meaning, ()), *found]))


def _remember(kept: list[Remark], counts: dict[str, int], remark: Remark) -> None:
    if sum(counts.values()) < KEPT_PER_FILE:
        kept.append(remark)
    counts[remark.why] = counts.get(remark.why, 0) + 1


def place(file: str, sheet: str = "", row: int = 0) -> str:
    """How a place is named everywhere.

    >>> place("base2.xlsx", "常见问题", 14)
    'base2.xlsx, sheet 常见问题, row 14'
    """
    return ", ".join([file, *([f"sheet {sheet}"] if sheet else []), *([f"row {row}"] if row else [])])
