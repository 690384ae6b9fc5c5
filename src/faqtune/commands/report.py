"""`faqtune report`: collects what was measured of a run, and draws it."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faqtune.alone import alone
from faqtune.commands.figures.certificate import answers_from, certified_answering
from faqtune.commands.figures.details import details_path, read_details
from faqtune.commands.figures.general import general_path, mteb_path, read_about
from faqtune.commands.figures.scorecards import read_scorecards, scorecard_paths
from faqtune.commands.figures.side_by_side import side_by_side
from faqtune.commands.project.assemble import Project, evaluation_set, load_project, measured_queries
from faqtune.commands.project.seen import without_seen
from faqtune.commands.training.finish import digests_of_files
from faqtune.commands.training.run_labels import labels_of
from faqtune.commands.vectors.files import INDEX_NAME, index_folder
from faqtune.commands.vectors.kept import vectors_of
from faqtune.errors import UserError
from faqtune.evaluate.wording import Language
from faqtune.label import BY as BY_RULES
from faqtune.progress import Reporter, Silent
from faqtune.records import CALIBRATION, TEST
from faqtune.report import (
    Checked,
    EntryLabels,
    LabelSummary,
    RunFacts,
    RunReport,
    before_after_svg,
    report_html,
    report_json,
    report_markdown,
)
from faqtune.runs import Run, find_run
from faqtune.scorecard import Comparison
from faqtune.stored import read_json, write_text
from faqtune.workspace import Workspace

HTML, MARKDOWN, JSON = FORMS = ("html", "md", "json")
COMPARED, LABELLED = "compare.json", "labels.json"
VERSIONS = ("faqtune", "python", "torch", "transformers", "sentence-transformers")


@dataclass(frozen=True, slots=True)
class Reported:
    """What was written into a run: the page with its picture, or the same in another form."""

    run: str
    page: Path
    picture: Path | None


@alone
def write_report(
    workspace: Workspace,
    *,
    run: str = "",
    form: str = HTML,
    language: Language = "zh",
    reporter: Reporter | None = None,
) -> Reported:
    """Write `report.html` and `before_after.svg` into a run (default: the newest finished one).

    `form`: `md` for tables in `language`, `json` for all data with the files that it is from. Raises UserError
    if the run or the form is unknown, or the run has not been measured against its base on the test part.
    """
    if form not in FORMS:
        raise UserError(f"there is no form `{form}` of a report", f"choose one of {', '.join(FORMS)}")
    if language not in ("zh", "en"):
        raise UserError(f"there is no report in `{language}`", "choose zh or en")
    chosen = find_run(workspace, run, (reporter or Silent()).say)
    report = _gathered(workspace, chosen)
    if form != HTML:
        page = chosen.report_path.with_suffix(f".{form}")
        write_text(page, report_markdown(report, language) if form == MARKDOWN else report_json(report))
        return Reported(chosen.name, page, None)
    picture = chosen.folder / "before_after.svg"
    write_text(chosen.report_path, report_html(report))
    write_text(picture, before_after_svg(report.comparison))
    return Reported(chosen.name, chosen.report_path, picture)


def _gathered(workspace: Workspace, run: Run) -> RunReport:
    """Everything that was written about a run; what was not made is left out."""
    paths = scorecard_paths(workspace, run, TEST, models=2)
    evaluated = read_scorecards(paths)
    comparison = evaluated.comparison
    assert comparison is not None
    project = load_project(workspace)
    _refuse_another_threshold(workspace, project, run, comparison)
    names = comparison.before.model, comparison.after.model
    digests = comparison.before.model_digest, comparison.after.model_digest
    details, general, mteb = details_path(paths[2]), general_path(paths), mteb_path(paths)
    several = side_by_side(workspace, comparison)
    vectors = vectors_of(workspace, run.name, comparison.after.model_digest)
    files = {
        "comparison": paths[2],
        **({"models": several.path} if several else {}),
        **({"vectors": index_folder(workspace, run.name) / INDEX_NAME} if vectors else {}),
        "general": general,
        "mteb": mteb,
        "details": details,
        "examples": paths[3],
        "history": run.folder / "log.jsonl",
        "recipe": run.folder / "recipe.json",
        "run": run.folder / "run.json",
        "certificate": run.certificate_path,
        "compare": run.folder / COMPARED,
        "labels": workspace.claims_path,
    }
    return RunReport(
        comparison=comparison,
        history=_history(run),
        recipe=read_json(run.folder / "recipe.json", "faqtune train"),
        labels=_label_summary(workspace, project, run),
        run=_run_facts(workspace, run),
        examples=evaluated.examples,
        certificate=_optional(run.certificate_path, "faqtune calibrate"),
        details=read_details(details, comparison.after.digest, names),
        general=read_about(general, names, digests),
        mteb=read_about(mteb, names, digests),
        models=several.models if several else None,
        vectors=vectors,
        compared=_optional(run.folder / COMPARED, "faqtune compare"),
        sources={name: path.relative_to(workspace.root).as_posix() for name, path in files.items() if path.exists()},
    )


def _refuse_another_threshold(workspace: Workspace, project: Project, run: Run, comparison: Comparison) -> None:
    """The page would say what becomes of customers at a threshold at which nobody answers any more."""
    names = comparison.before.model, comparison.after.model
    calibration = evaluation_set(without_seen(workspace, project, names)[0], CALIBRATION)
    promised, measured = certified_answering(run, calibration.digest()), comparison.after
    if promised is None:
        return
    if (promised.threshold_cosine, promised.margin_cosine) != (measured.threshold_cosine, measured.margin_cosine):
        raise UserError(
            f"{run.name} answers from a cosine of {promised.threshold_cosine:.4f} on since it was calibrated; it was "
            "measured before",
            f"run `faqtune evaluate --models {' '.join(map(shlex.quote, names))}`, then `faqtune report`",
        )


def _optional(path: Path, made_by: str) -> dict[str, Any] | None:
    return read_json(path, made_by) if path.exists() else None


def _history(run: Run) -> list[dict[str, Any]]:
    """The events of a finished training."""
    from faqtune.train.log import RunLog

    return RunLog(run.folder / "log.jsonl").read()


def _label_summary(workspace: Workspace, project: Project, run: Run) -> LabelSummary:
    """Who labelled what is measured, and what the run was trained on, with each entry's labels for training."""
    trained = labels_of(run, project)
    # By all who agree on a label: counted at each of them, it would be several.
    measured = Counter(" + ".join(project.decisions[query.id].sources) for query in measured_queries(project, TEST)[0])
    entries = [EntryLabels(*entry) for entry in trained.entries]
    return LabelSummary(measured, trained.sources, _checked(workspace), entries)


def _checked(workspace: Workspace) -> dict[str, Checked]:
    """How many labels of the reply rules people looked at and found right, as `faqtune label` counted them."""
    path = workspace.root / LABELLED
    precision = read_json(path, "faqtune label").get("precision") if path.exists() else None
    if not precision or not precision["compared"]:
        return {}
    return {BY_RULES: Checked(precision["compared"], precision["right"])}


def _run_facts(workspace: Workspace, run: Run) -> RunFacts:
    facts = run.facts
    stage, step = facts.get("best_step", (None, None))
    trained_on, now = facts.get("files", {}), digests_of_files(workspace)
    return RunFacts(
        name=run.name,
        status=run.status,
        device=", ".join(facts[name] for name in ("device", "precision", "machine") if name in facts),
        seconds=facts.get("seconds"),
        best_stage=stage,
        best_step=step,
        counts=facts.get("data", {}),
        versions={name: facts[name] for name in VERSIONS if name in facts},
        digests={name: value[:16] for name, value in trained_on.items()} | {"training inputs": run.inputs[:16]},
        changed=[name for name, value in trained_on.items() if now.get(name) != value],
        answers_from=answering.threshold_cosine if (answering := answers_from(run)) is not None else None,
    )
