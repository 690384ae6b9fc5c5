"""`faqtune report`: collects what was measured of a run, and draws it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faqtune.alone import alone
from faqtune.commands.assemble import load_project, measured_queries
from faqtune.commands.run_labels import labels_of
from faqtune.commands.scorecards import read_scorecards, scorecard_paths
from faqtune.errors import UserError
from faqtune.records import TEST
from faqtune.report import EntryLabels, LabelSummary, RunFacts, RunReport, before_after_svg, report_html
from faqtune.runs import Run, find_run
from faqtune.workspace import Workspace, digest, read_json, write_text

VERSIONS = ("faqtune", "python", "torch", "transformers", "sentence-transformers")


@dataclass(frozen=True, slots=True)
class Reported:
    """The page and the picture of a run."""

    run: str
    page: Path
    picture: Path


@alone
def write_report(workspace: Workspace, *, run: str = "") -> Reported:
    """Write `report.html` and `before_after.svg` into a run (default: the newest finished one).

    Raises UserError if the run is unknown, or has not been measured against its base on the test part.
    """
    chosen = find_run(workspace, run)
    evaluated = read_scorecards(scorecard_paths(workspace, chosen, TEST, models=2))
    assert evaluated.comparison is not None
    report = RunReport(
        comparison=evaluated.comparison,
        history=_history(chosen),
        recipe=read_json(chosen.folder / "recipe.json", "faqtune train"),
        labels=_label_summary(workspace, chosen),
        run=_run_facts(workspace, chosen),
        examples=evaluated.examples,
        certificate=_certificate(chosen),
    )
    picture = chosen.folder / "before_after.svg"
    write_text(chosen.report_path, report_html(report))
    write_text(picture, before_after_svg(evaluated.comparison))
    return Reported(chosen.name, chosen.report_path, picture)


def _certificate(run: Run) -> dict[str, Any] | None:
    return read_json(run.certificate_path, "faqtune calibrate") if run.certificate_path.exists() else None


def _history(run: Run) -> list[dict[str, Any]]:
    """The events of a finished training."""
    path = run.folder / "log.jsonl"
    try:
        events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError:
        events = [None]
    if not all(isinstance(event, dict) for event in events):
        raise UserError(f"{path} is damaged", "run `faqtune train --force`")
    return events


def _label_summary(workspace: Workspace, run: Run) -> LabelSummary:
    """Who labelled what is measured, and what the run was trained on, with each entry's labels for training."""
    project = load_project(workspace)
    trained = labels_of(run, project)
    measured = Counter(
        source for query in measured_queries(project, TEST)[0] for source in project.decisions[query.id].sources
    )
    return LabelSummary(measured, trained.sources, entries=[EntryLabels(*entry) for entry in trained.entries])


def _run_facts(workspace: Workspace, run: Run) -> RunFacts:
    facts = run.facts
    stage, step = facts.get("best_step", (None, None))
    files = {
        "catalogue": workspace.catalogue_path,
        "conversations": workspace.conversations_path,
        "noise": workspace.noise_path,
        "split": workspace.split_path,
    }
    return RunFacts(
        name=run.name,
        status=run.status,
        device=", ".join(facts[name] for name in ("device", "precision", "machine") if name in facts),
        seconds=facts.get("seconds"),
        best_stage=stage,
        best_step=step,
        counts=facts.get("data", {}),
        versions={name: facts[name] for name in VERSIONS if name in facts},
        digests={name: digest(path)[:16] for name, path in files.items()} | {"training inputs": run.inputs[:16]},
    )
