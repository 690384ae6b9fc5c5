"""How every run ends, however its model was made: model, threshold, facts, and `done` last."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from faqtune import __version__
from faqtune.atomic import sync_folder
from faqtune.commands.project.assemble import Project, evaluation_set
from faqtune.commands.project.seen import without_seen
from faqtune.digests import digest
from faqtune.evaluate import EvaluationSet, calibrate, evaluate
from faqtune.processes import place
from faqtune.recipe import Recipe
from faqtune.records import CALIBRATION
from faqtune.runs import DONE, FINISHED, SET_ASIDE, Run
from faqtune.stored import write_json
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.model import ModelCard, TextModel
    from faqtune.train import Outcome, TrainingData

SHOWN_FIGURES = ("recall@1", "recall@5", "mrr@10", "auroc", "fpr95", "oscr@5")
MEASURED_ON = "the selection part of the project (the model was chosen on it; see the run's scorecards)"


def training_facts(model: TextModel, data: TrainingData, selection: EvaluationSet) -> dict[str, Any]:
    """What a run says of how and on what it was trained."""
    return {
        "faqtune": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "sentence-transformers")},
        "machine": f"{platform.machine()} {platform.system()}",
        "device": str(model.device),
        "precision": model.precision.name,
        "processes": place().count,
        "data": data.sizes(),
        "selection": {"queries": len(selection.positives), "noise": len(selection.negatives)},
    }


def digests_of_files(workspace: Workspace) -> dict[str, str]:
    """Of what a project was made of, by name, for those that are there."""
    files = {
        "catalogue": workspace.catalogue_path,
        "conversations": workspace.conversations_path,
        "noise": workspace.noise_path,
        "split": workspace.split_path,
    }
    return {name: digest(path) for name, path in files.items() if path.exists()}


def finish_run(
    workspace: Workspace,
    run: Run,
    model: TextModel,
    project: Project,
    card: ModelCard,
    facts: dict[str, Any],
    *,
    aside: bool = False,
) -> None:
    """Save the model and, in float32, its threshold, set without what it was trained on; add `facts` and say `done`
    last, or that it is set `aside`. `model` stays in float32."""
    from faqtune.model import EXACT, save

    save(model, run.model_path, card)
    unseen, _, _ = without_seen(workspace, project, [run.name])
    calibration = evaluation_set(unseen, CALIBRATION)
    model.precision = EXACT
    run.thresholds_path.unlink(missing_ok=True)
    for path in (run.certificate_path, run.refused_certificate_path):
        path.unlink(missing_ok=True)  # it was another model's
    if calibration.positives and calibration.negatives:
        # The model goes by its base's name until it is loaded anew.
        set_on = replace(calibrate(evaluate(model, calibration)), model=run.name)
        write_json(run.thresholds_path, asdict(set_on))
    run.facts |= facts | {"files": digests_of_files(workspace)}
    run.status = SET_ASIDE if aside else DONE
    run.save()


def finish_training(
    workspace: Workspace,
    run: Run,
    plan: Recipe,
    model: TextModel,
    project: Project,
    outcome: Outcome,
    data: TrainingData,
    *,
    aside: bool,
) -> None:
    """The same of a run that was trained, whose best step is one of `outcome`."""
    from faqtune.model import ModelCard

    chosen_by = plan.selection.metric, plan.selection.guard
    before, after = shown(outcome.before, *chosen_by), shown(outcome.after, *chosen_by)
    card = ModelCard(
        recipe=json.dumps(plan.model_dump(), ensure_ascii=False, indent=1),
        data=trained_sizes(plan, data.sizes()),
        figures=after,
        figures_before=before,
        measured_on=MEASURED_ON,
    )
    facts = {"best_step": list(outcome.best_step), "before": before, "after": after}
    finish_run(workspace, run, model, project, card, facts, aside=aside)


def trained_sizes(plan: Recipe, sizes: Mapping[str, int]) -> dict[str, int]:
    """Of the data that there is, what some stage of the recipe trains on."""
    drawn = {source for stage in plan.stages for source in stage.data.shares}
    used = {"labels" if source.endswith("labels") else source for source in drawn}
    if any(stage.batch_noise for stage in plan.stages):
        used.add("noise")
    return {source: count for source, count in sizes.items() if source in used}


def drop_checkpoints(run: Run, *, keep: bool) -> None:
    """Remove what only an unfinished training needs, gigabytes with a large model; what cannot be removed stays.

    Only of a run that is done, once its model and `run.json` have reached the disk: a power cut then leaves these, and
    before that the checkpoints.
    """
    if keep or run.status not in FINISHED or not run.has_model:
        return
    sync_folder(run.folder)
    shutil.rmtree(run.checkpoints_path, ignore_errors=True)


def shown(figures: Mapping[str, float], *chosen_by: str) -> dict[str, float]:
    """The figures that are shown of a run's selection part, rounded: the usual ones, and those that it was
    `chosen_by`."""
    return {name: round(figures[name], 6) for name in dict.fromkeys((*SHOWN_FIGURES, *chosen_by)) if name in figures}
