"""The forms that labels of people are written in and read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from faqtune.annotate.exchange import argilla, label_studio, lines, sheet, triples
from faqtune.annotate.exchange.annotated import Annotated, Known, Unasked
from faqtune.errors import UserError
from faqtune.ingest.jsonstream import layout_of
from faqtune.ingest.kinds import SPREADSHEETS, Source, kind_of

FORMS: dict[str, ModuleType] = {
    "jsonl": lines,
    "xlsx": sheet,
    "triples": triples,
    "argilla": argilla,
    "label-studio": label_studio,
}
BY_SUFFIX = {".jsonl": "jsonl", ".xlsx": "xlsx"}
BY_NAME = {"argilla": "argilla", "label": "label-studio", "annonated_dataset": "triples"}


def form_of(path: Path, form: str = "") -> str:
    """The form to write: as given, else by the name of the file. Raises UserError if neither says."""
    name, suffix = path.stem.lower(), path.suffix.lower()
    told = next((BY_NAME[key] for key in BY_NAME if key in name), "") if suffix == ".json" else ""
    found = form or BY_SUFFIX.get(suffix) or told
    if found not in FORMS:
        raise UserError(f"{form or path.name}: no form of annotations", f"name one of {', '.join(FORMS)}")
    return found


def export(path: Path, rows: Iterable[Annotated], known: Known, form: str = "") -> int:
    """Write rows; returns how many records the file has. Raises UserError for a form that is not known."""
    written: int = FORMS[form_of(path, form)].write(path, rows, known)
    return written


def read(
    path: Path, known: Known, name: str, form: str = "", unasked: list[Unasked] | None = None
) -> tuple[list[Annotated], str]:
    """The rows of a file, all of them or a UserError, and the form it has (found out where it is not given).

    `name` is the person whom the file does not name. Rows whose text no query says are left out and added to `unasked`;
    a file of nothing else is refused.
    """
    source = Source(path, path.name)
    found = told_form(path, form)
    rows: list[Annotated] = []
    left_out: list[Unasked] = []
    read_rows: Iterator[Annotated | Unasked] = FORMS[found].read(source, known, name)
    for row in read_rows:
        if isinstance(row, Unasked):
            left_out.append(row)
        else:
            rows.append(row)
    if left_out and not rows:
        first = left_out[0]
        raise UserError(
            f"{source.name}: no query of this project says the text of any row (row {first.row}: {first.text[:40]!r})",
            "write the texts as the logs have them, or the ids of the queries in a column `query`",
        )
    if unasked is not None:
        unasked += left_out
    return rows, found


def told_form(path: Path, form: str = "") -> str:
    """The form of a file to read: as given, else by its content. Raises UserError for no form, and for no file."""
    source = Source(path, path.name)
    if not path.is_file():
        raise UserError(f"{path} is a folder" if path.is_dir() else f"there is no {path}", "give the path of a file")
    if form:
        return form_of(path, form)
    kind = kind_of(source)
    if kind in SPREADSHEETS or kind == "text":
        return "xlsx"
    layout = layout_of(source)
    first: Any = layout.first
    if first is None and layout.form == "lines":
        return "jsonl"
    if isinstance(first, list):
        return "triples"
    if isinstance(first, dict):
        for form, keys in (("jsonl", {"query", "answer"}), ("argilla", {"fields"}), ("label-studio", {"data"})):
            if keys <= first.keys():
                return form
    raise UserError(f"{source.name}: no form of annotations", f"name one of {', '.join(FORMS)}")
