"""Output of `faqtune ingest`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.ingest import Ingested, ingest_files
from faqtune.console.output import UNCHANGED, emit, emit_json, next_step
from faqtune.console.reporter import ConsoleReporter
from faqtune.ingest import IngestReport
from faqtune.workspace import Workspace

SHOWN_REMARKS = 8


def run_ingest(project: Path, *, force: bool, as_json: bool) -> None:
    with ConsoleReporter() as reporter:
        result = ingest_files(Workspace(project), force=force, reporter=reporter)
    if as_json:
        emit_json(result)
    else:
        _show(result)
        emit("", next_step("label", project))


def _show(result: Ingested) -> None:
    emit(
        *[UNCHANGED] * result.skipped,
        f"catalogue      {result.entries} entries, {result.questions} standard questions",
        f"conversations  {result.conversations}, {result.turns} turns with a customer's text",
        f"noise          {result.noise} sentences",
        *[f"your own pairs {result.pairs}, to train on"] * ("pairs" in result.reports),
    )
    for kind, report in result.reports.items():
        _show_report(kind, report)


def _show_report(kind: str, report: IngestReport) -> None:
    for file in report.files.values():
        known = ", ".join(filter(None, (file.form, file.encoding)))
        read = ", ".join(f"{count} {what}" for what, count in file.counts.items())
        emit(f"  {kind}: {file.file} ({known}): {read or 'nothing'}")
        emit(*(f"    left out: {count} × {why}" for why, count in file.skipped.items()))
        emit(*(f"    noted: {count} × {why}" for why, count in file.noted.items()))
    remarks = [*report.skipped, *report.notes]
    emit(*(f"    {remark}" for remark in remarks[:SHOWN_REMARKS]))
    noted = sum(sum(file.noted.values()) for file in report.files.values())
    more = report.skipped_total + noted - SHOWN_REMARKS
    if more > 0:
        emit(f"    … and {more} more (with --json the first hundred of each file)")
