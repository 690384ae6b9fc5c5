"""Output of `faqtune split`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.split import Splitted, make_split
from faqtune.console.output import UNCHANGED, emit, emit_json, next_step, table
from faqtune.console.reporter import ConsoleReporter
from faqtune.workspace import Workspace

COLUMNS = (
    "part", "conversations", "labelled queries", "measured with an entry", "noise of files", "measured as noise",
)  # fmt: skip


def run_split(project: Path, *, force: bool, as_json: bool) -> None:
    with ConsoleReporter() as reporter:
        result = make_split(Workspace(project), force=force, reporter=reporter)
    if as_json:
        emit_json(result)
    else:
        _show(result)
        emit("", next_step("train", project))


def pairs_said(pairs: int, training: int) -> str:
    """How many there are, and how many of them train."""
    return f"{pairs} pairs, {training} of them of the training part"


def _show(result: Splitted) -> None:
    rows = [
        (
            part,
            count,
            result.queries[part],
            result.measured.get(part, ""),
            result.noise[part],
            result.measured_noise.get(part, ""),
        )
        for part, count in result.conversations.items()
    ]
    emit(*[UNCHANGED] * result.skipped)
    emit(*table(COLUMNS, rows))
    pairs = pairs_said(result.pairs, result.training_pairs)
    emit(f"{len(result.held_out)} entries are held out as near noise; {pairs}")
