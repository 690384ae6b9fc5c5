"""Output of the commands that prepare data: init, ingest, label, split, convert."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.convert import convert
from faqtune.commands.ingest import Ingested, ingest_files
from faqtune.commands.init import init_project
from faqtune.commands.label import Labelled, label_queries
from faqtune.commands.split import Splitted, make_split
from faqtune.console.output import emit, emit_json, table
from faqtune.console.reporter import ConsoleReporter
from faqtune.ingest import IngestReport
from faqtune.workspace import Workspace

SHOWN_REMARKS = 8
SHOWN_ENTRIES = 10
UNCHANGED = "Nothing has changed; use --force to do it again."


def run_init(
    project: Path,
    files: list[Path],
    noise: list[Path],
    gold: list[Path],
    gold_catalogue: Path | None,
    model: str,
    *,
    force: bool,
    as_json: bool,
) -> None:
    result = init_project(
        Workspace(project), tuple(files), noise=tuple(noise), gold=tuple(gold), gold_catalogue=gold_catalogue,
        model=model, force=force,
    )  # fmt: skip
    if as_json:
        return emit_json(result)
    for line in result.preview:
        emit(line)
    emit("", f"Wrote {result.path}. Check it, then run: faqtune tune --project {project}")


def run_ingest(project: Path, *, force: bool, as_json: bool) -> None:
    result = ingest_files(Workspace(project), force=force, reporter=ConsoleReporter())
    if as_json:
        return emit_json(result)
    show_ingested(result)
    emit("", f"Next: faqtune label --project {project}")


def show_ingested(result: Ingested) -> None:
    if result.skipped:
        emit(UNCHANGED)
    emit(
        f"catalogue      {result.entries} entries, {result.questions} standard questions",
        f"conversations  {result.conversations}, {result.turns} turns with a customer's text",
        f"noise          {result.noise} sentences",
    )
    for kind, report in result.reports.items():
        _show_report(kind, report)


def _show_report(kind: str, report: IngestReport) -> None:
    for file in report.files.values():
        read = ", ".join(f"{count} {what}" for what, count in file.counts.items())
        emit(f"  {kind}: {file.file} ({file.form}{', ' + file.encoding if file.encoding else ''}): {read}")
        for why, count in file.skipped.items():
            emit(f"    left out: {count} × {why}")
        for why, count in file.noted.items():
            emit(f"    noted: {count} × {why}")
    for remark in [*report.skipped, *report.notes][:SHOWN_REMARKS]:
        emit(f"    {remark}")
    more = report.skipped_total + len(report.notes) - SHOWN_REMARKS
    if more > 0:
        emit(f"    … and {more} more (all of them with --json)")


def run_label(project: Path, model: str, *, force: bool, as_json: bool) -> None:
    result = label_queries(Workspace(project), model=model, force=force, reporter=ConsoleReporter())
    if as_json:
        return emit_json(result)
    show_labelled(result)
    emit("", f"Next: faqtune split --project {project}")


def show_labelled(result: Labelled) -> None:
    if result.skipped:
        emit(UNCHANGED)
    emit(*table(
        ("reply cosine", "exchanges", "both sides agree", "by chance", "estimated precision"),
        [(f"{b.low:.3f} to {b.high:.3f}", b.count, b.agreeing, f"{b.decoy_rate:.0%}", f"{b.precision:.0%}") for b in result.bins],
    ))  # fmt: skip
    covered = len(result.coverage) - len(result.without)
    emit(
        "",
        f"{result.claims} labels out of {result.exchanges} exchanges, from reply cosine {result.threshold_cosine:.3f} on; "
        f"estimated precision {result.mean_confidence:.0%}",
        f"{covered} of {len(result.coverage)} entries have a label; without: {'；'.join(result.without[:SHOWN_ENTRIES]) or 'none'}"
        + (f" … and {len(result.without) - SHOWN_ENTRIES} more" if len(result.without) > SHOWN_ENTRIES else ""),
    )
    if result.human:
        compared = result.precision
        share = f", {compared.right / compared.compared:.0%}" if compared.compared else ""
        emit(
            f"{result.human} hand labels; {compared.compared} turns were labelled by both, "
            f"the rules are right on {compared.right}{share}"
        )


def run_split(project: Path, *, force: bool, as_json: bool) -> None:
    result = make_split(Workspace(project), force=force)
    if as_json:
        return emit_json(result)
    show_split(result)
    emit("", f"Next: faqtune train --project {project}")


def show_split(result: Splitted) -> None:
    if result.skipped:
        emit(UNCHANGED)
    rows = [(p, n, result.queries[p], result.noise[p]) for p, n in result.conversations.items()]
    emit(*table(("part", "conversations", "labelled queries", "noise sentences"), rows))
    emit(f"{len(result.held_out)} entries are held out as near noise; {result.pairs} pairs")


def run_convert(source: Path, target: Path, source_form: str, target_form: str, *, as_json: bool) -> None:
    result = convert(source, target, source_form, target_form)
    if as_json:
        return emit_json(result)
    emit(f"{result.records} records: {result.source} ({result.from_form}) → {result.target} ({result.to_form})")
    for what, count in result.lost.items():
        emit(f"  not carried: {what} of {count}")
