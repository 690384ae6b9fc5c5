"""Output of `faqtune label`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from faqtune.commands.after_annotation import label_the_rest
from faqtune.commands.label import Labelled, label_queries, why_no_label
from faqtune.console.decide import show_decided
from faqtune.console.output import UNCHANGED, emit, emit_json, next_step, table
from faqtune.console.reporter import ConsoleReporter
from faqtune.errors import UserError
from faqtune.workspace import Workspace

SHOWN_ENTRIES = 10
BINS = ("reply cosine", "exchanges", "both sides agree", "by chance", "estimated precision")


def run_label(
    project: Path, model: str, needs_llm: Sequence[str], *, after_annotation: bool, force: bool, as_json: bool
) -> None:
    """`needs_llm` are the options given that only --llm has a use for. Raises UserError if there are any."""
    if needs_llm:
        raise UserError(f"{', '.join(needs_llm)} is for labelling with a language model", "give --llm as well")
    if after_annotation:
        _run_after_annotation(project, model, force=force, as_json=as_json)
        return
    with ConsoleReporter() as reporter:
        result = label_queries(Workspace(project), model=model, force=force, reporter=reporter)
    if as_json:
        emit_json(result)
    else:
        _show(result)
        emit("", next_step("split", project))


def _run_after_annotation(project: Path, model: str, *, force: bool, as_json: bool) -> None:
    workspace = Workspace(project)
    with ConsoleReporter() as reporter:
        result = label_the_rest(workspace, model=model, force=force, reporter=reporter)
    if as_json:
        emit_json(result)
        return
    _show(result.labelled)
    emit("")
    show_decided(result.decided, workspace.catalogue())
    emit("", next_step("train", project))


def _show(result: Labelled) -> None:
    emit(*[UNCHANGED] * result.skipped)
    if result.bins:
        rows = [
            (f"{b.low:.3f} to {b.high:.3f}", b.count, b.agreeing, f"{b.decoy_rate:.0%}", f"{b.precision:.0%}")
            for b in result.bins
        ]
        emit(*table(BINS, rows), "")
    if result.claims:
        emit(
            f"{result.claims} labels out of {result.exchanges} exchanges, from reply cosine "
            f"{result.threshold_cosine:.3f} on; estimated precision {result.mean_confidence:.0%}"
        )
        _show_coverage(result)
    elif result.exchanges:
        emit(*(f"{text[0].upper()}{text[1:]}." for text in why_no_label(result)))
    else:
        emit(f"No logs: {result.human} hand labels are all there is; they train and measure.")
    if result.human and result.exchanges:
        compared = result.precision
        share = f", {compared.right / compared.compared:.0%}" if compared.compared else ""
        several = f"; {compared.several} more ask for several entries" if compared.several else ""
        emit(
            f"{result.human} hand labels in files; {compared.compared} turns were labelled by both, "
            f"the rules are right on {compared.right}{share}{several}"
        )


def _show_coverage(result: Labelled) -> None:
    covered = len(result.coverage) - len(result.without)
    named = "；".join(result.without[:SHOWN_ENTRIES]) or "none"
    more = len(result.without) - SHOWN_ENTRIES
    emit(
        f"{covered} of {len(result.coverage)} entries have a label; without: {named}"
        + (f" … and {more} more" if more > 0 else "")
    )
