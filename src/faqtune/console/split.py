"""Output of `faqtune split`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.split import Splitted, make_split
from faqtune.console.output import UNCHANGED, emit, emit_json, next_step, table
from faqtune.console.reporter import ConsoleReporter
from faqtune.workspace import Workspace

COLUMNS = ("part", "conversations", "labelled queries", "measured with an entry", "noise sentences")


def run_split(project: Path, *, force: bool, as_json: bool) -> None:
    with ConsoleReporter() as reporter:
        result = make_split(Workspace(project), force=force, reporter=reporter)
    if as_json:
        emit_json(result)
    else:
        _show(result)
        emit("", next_step("train", project))


def _show(result: Splitted) -> None:
    rows = [
        (part, count, result.queries[part], result.measured.get(part, ""), result.noise[part])
        for part, count in result.conversations.items()
    ]
    emit(*[UNCHANGED] * result.skipped)
    emit(*table(COLUMNS, rows))
    emit(f"{len(result.held_out)} entries are held out as near noise; {result.pairs} pairs")
