"""The report of a run: collects what was measured, and draws it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from faqtune import claims as claim_store
from faqtune.commands.evaluate import Evaluated
from faqtune.label import decide
from faqtune.records import TEST, TRAIN
from faqtune.report import EntryLabels, LabelSummary, RunFacts, RunReport, before_after_svg, report_html
from faqtune.runs import Run
from faqtune.workspace import Workspace, digest, write_text


def write_report(workspace: Workspace, run: Run, evaluated: Evaluated) -> Path:
    """Write `report.html` and `before_after.svg` into the run. Returns the page's path."""
    assert evaluated.comparison is not None
    history = [json.loads(line) for line in (run.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    report = RunReport(
        comparison=evaluated.comparison,
        history=history,
        recipe=json.loads((run.folder / "recipe.json").read_text(encoding="utf-8")),
        labels=label_summary(workspace),
        run=run_facts(workspace, run),
        examples=evaluated.examples,
    )
    write_text(run.report_path, report_html(report))
    write_text(run.folder / "before_after.svg", before_after_svg(evaluated.comparison))
    return run.report_path


def label_summary(workspace: Workspace) -> LabelSummary:
    """Who labelled what, by part, and how many labels each entry has for training."""
    split, catalogue = workspace.split(), workspace.catalogue()
    decisions = decide(claim_store.read(workspace.claims_path))
    by_part: dict[str, Counter[str]] = {TRAIN: Counter(), TEST: Counter()}
    per_entry: Counter[str] = Counter()
    for query in workspace.queries():
        decision, part = decisions.get(query.id), split.conversations.get(query.conversation, "")
        if decision is None or part not in by_part:
            continue
        by_part[part].update(decision.sources)
        if part == TRAIN and decision.entry:
            per_entry[decision.entry] += 1
    entries = [EntryLabels(entry.questions[0], per_entry[entry.id]) for entry in catalogue]
    return LabelSummary(measured=by_part[TEST], training=by_part[TRAIN], entries=entries)


def run_facts(workspace: Workspace, run: Run) -> RunFacts:
    facts = run.facts
    stage, step = facts.get("best_step", (None, None))
    versions = {name: facts[name] for name in ("faqtune", "python", "torch", "transformers", "sentence-transformers")}
    return RunFacts(
        name=run.name,
        status=run.status,
        device=f"{facts['device']}, {facts['precision']}, {facts['machine']}",
        seconds=facts["seconds"],
        best_stage=stage,
        best_step=step,
        counts=facts["data"],
        versions=versions,
        digests={
            "catalogue": digest(workspace.catalogue_path)[:16],
            "conversations": digest(workspace.conversations_path)[:16],
            "noise": digest(workspace.noise_path)[:16],
            "split": digest(workspace.split_path)[:16],
            "training inputs": run.inputs[:16],
        },
    )
