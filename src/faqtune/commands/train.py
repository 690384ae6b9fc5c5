"""`faqtune train`: a Recipe to a Run, resumed where an earlier one was interrupted."""

from __future__ import annotations

import json
import platform
import shutil
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from faqtune import __version__
from faqtune.commands.assemble import Project, evaluation_set, load_project, training_data
from faqtune.commands.listener import TrainingListener
from faqtune.commands.models import load_model, model_digest, resolved_name
from faqtune.commands.writing import writes_project
from faqtune.config import Config
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, calibrate, evaluate, point_figures
from faqtune.progress import Reporter, Silent
from faqtune.recipe import Recipe, load_recipe
from faqtune.records import CALIBRATION, SELECTION
from faqtune.report import loss_curve_svg
from faqtune.runs import DONE, INTERRUPTED, RUNNING, Run, all_runs, new_run
from faqtune.workspace import Workspace, digest, write_json, write_text

if TYPE_CHECKING:
    from faqtune.model import TextModel
    from faqtune.train import Outcome, TrainingData

SHOWN_FIGURES = ("recall@1", "recall@5", "mrr@10", "auroc", "fpr95", "oscr@5")


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training: where it lies, which step was best, and the selection figures before and after.

    `best_step` is (stage, step); (0, 0) means that the base model stayed best. `skipped`: it had been done before.
    """

    skipped: bool
    run: Run
    best_step: tuple[int, int]
    before: dict[str, float]
    after: dict[str, float]


class Interrupted(UserError):  # noqa: N818 - that someone stopped it is no error
    """A training was asked to stop and has left a checkpoint."""

    exit_code = 130


@writes_project
def train_model(
    workspace: Workspace,
    *,
    recipe: str = "",
    overrides: tuple[str, ...] = (),
    force: bool = False,
    reporter: Reporter | None = None,
) -> Trained:
    """Fine-tune the project's base model on its training part; the result is the newest run.

    A finished run of the same inputs is left as it is, unless `force`; an unfinished one goes on from
    its last checkpoint, even then. Raises Interrupted after Ctrl-C, UserError where a stage cannot learn.
    """
    reporter = reporter or Silent()
    config = workspace.config()
    plan = planned(workspace, recipe, overrides)
    project = load_project(workspace)
    data = training_data(workspace, project, workspace.pairs())
    selection = evaluation_set(project, SELECTION)
    _refuse_no_choice(selection)
    base = resolved_name(workspace, config.model.base)
    inputs = digest(
        plan.model_dump_json(), config.model.model_dump_json(), model_digest(workspace, base), data.digest(),
        selection.digest(),
    )  # fmt: skip
    run = next((run for run in reversed(list(all_runs(workspace))) if run.inputs == inputs), None)
    if run is not None and run.status == DONE and run.model_path.is_dir() and not force:
        # Looked for by its time, the run that was asked for last is the newest.
        run.save()
        return Trained(True, run, *_result(run.facts))
    if run is None or run.status == DONE:
        run = new_run(workspace, plan.name, base, inputs)
        shutil.rmtree(run.folder / "checkpoints", ignore_errors=True)
    write_json(run.folder / "recipe.json", plan.model_dump())
    return _train(workspace, run, plan, project, data, selection, reporter)


def planned(workspace: Workspace, recipe: str = "", overrides: tuple[str, ...] = ()) -> Recipe:
    """What would be trained. Raises UserError for a recipe or an override that is wrong."""
    return load_recipe(recipe or _configured_recipe(workspace), overrides)


def _configured_recipe(workspace: Workspace) -> str:
    """A preset's name, or a path from the project; the default where there is no project yet."""
    name = (workspace.config() if workspace.config_path.exists() else Config()).train.recipe
    path = workspace.resolve(name)
    return str(path) if path.is_file() else name


def _refuse_no_choice(selection: EvaluationSet) -> None:
    if not selection.positives or not selection.negatives:
        raise UserError(
            f"the selection part has {len(selection.positives)} labelled queries and {len(selection.negatives)} "
            "noise sentences: the best model cannot be told from the others",
            "add logs or chatter, or raise split.selection in faqtune.toml",
        )


def _train(
    workspace: Workspace,
    run: Run,
    plan: Recipe,
    project: Project,
    data: TrainingData,
    selection: EvaluationSet,
    reporter: Reporter,
) -> Trained:
    from faqtune.train import train

    model = load_model(workspace, run.base, reporter)
    started = time.monotonic()
    run.status = RUNNING
    run.facts |= _facts(model, data, selection)
    run.save()
    outcome = train(
        model, data, plan, run.folder, lambda m: point_figures(evaluate(m, selection)), TrainingListener(plan, reporter)
    )
    run.facts["seconds"] = round(run.facts.get("seconds", 0.0) + time.monotonic() - started, 1)
    write_text(run.folder / "loss_curve.svg", loss_curve_svg(outcome.history))
    if outcome.status == INTERRUPTED:
        run.status = INTERRUPTED
        run.save()
        raise Interrupted(
            f"training was interrupted; {run.folder / 'checkpoints'} holds all that was done",
            "run the same command again to go on from there",
        )
    _finish(run, plan, model, project, outcome, data)
    reporter.say(f"model saved to {run.model_path}")
    return Trained(False, run, *_result(run.facts))


def _facts(model: TextModel, data: TrainingData, selection: EvaluationSet) -> dict[str, Any]:
    return {
        "faqtune": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "sentence-transformers")},
        "machine": f"{platform.machine()} {platform.system()}",
        "device": str(model.device),
        "precision": model.precision.name,
        "data": data.sizes(),
        "selection": {"queries": len(selection.positives), "noise": len(selection.negatives)},
    }


def _finish(run: Run, plan: Recipe, model: TextModel, project: Project, outcome: Outcome, data: TrainingData) -> None:
    """Save the model and its threshold, and say `done` last."""
    from faqtune.model import EXACT, ModelCard, save

    measured = [event for event in outcome.history if event["event"] == "measured"]
    before = _shown(measured[0]["figures"])
    after = _shown(next(event["figures"] for event in reversed(measured) if event["best"]))
    save(
        model,
        run.model_path,
        ModelCard(
            recipe=json.dumps(plan.model_dump(), ensure_ascii=False, indent=1),
            data=data.sizes(),
            figures=after,
            figures_before=before,
            measured_on="the selection part of the project (the model was chosen on it; see the run's scorecards)",
        ),
    )
    calibration = evaluation_set(project, CALIBRATION)
    model.precision = EXACT
    run.thresholds_path.unlink(missing_ok=True)
    if calibration.positives and calibration.negatives:
        write_json(run.thresholds_path, asdict(calibrate(evaluate(model, calibration))))
    run.facts |= {"best_step": list(outcome.best_step), "before": before, "after": after}
    run.status = DONE
    run.save()


def _shown(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(figures[name], 4) for name in SHOWN_FIGURES if name in figures}


def _result(facts: dict[str, Any]) -> tuple[tuple[int, int], dict[str, float], dict[str, float]]:
    stage, step = facts["best_step"]
    return (stage, step), facts["before"], facts["after"]
