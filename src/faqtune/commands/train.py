"""`faqtune train`: a Recipe to a Run, resumed where an earlier one was interrupted."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from faqtune import __version__
from faqtune.commands.assemble import Project, evaluation_set, load_project, training_data
from faqtune.commands.models import load_model
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, calibrate, evaluate, point_figures
from faqtune.progress import Reporter, Silent
from faqtune.recipe import Recipe, Stage, load_recipe
from faqtune.records import CALIBRATION, SELECTION
from faqtune.report import loss_curve_svg
from faqtune.runs import DONE, INTERRUPTED, RUNNING, Run, all_runs, new_run
from faqtune.workspace import Workspace, digest, write_json, write_text

if TYPE_CHECKING:
    from faqtune.model import TextModel
    from faqtune.train import Outcome, StepLoss, TrainingData


@dataclass(frozen=True)
class Trained:
    """A finished training: where it lies, which step was best, and the selection figures before and after."""

    skipped: bool
    run: Run
    best_step: tuple[int, int]
    before: dict[str, float]
    after: dict[str, float]


class Interrupted(UserError):
    """A training was asked to stop and has left a checkpoint."""


def train_model(
    workspace: Workspace,
    *,
    recipe: str = "",
    overrides: tuple[str, ...] = (),
    force: bool = False,
    reporter: Reporter | None = None,
) -> Trained:
    """Fine-tune the project's base model on its training part; the result is the newest run.

    A finished run of the same inputs is left as it is; an interrupted one goes on from its last
    checkpoint. Raises Interrupted after Ctrl-C, UserError where a stage cannot learn.
    """
    reporter = reporter or Silent()
    config = workspace.config()
    plan = load_recipe(recipe or config.train.recipe, overrides)
    project = load_project(workspace)
    data = training_data(workspace, project, workspace.pairs())
    selection = evaluation_set(project, SELECTION)
    _check(plan, data, selection)
    inputs = digest(plan.model_dump_json(), config.model.model_dump_json(), data.digest(), selection.digest())
    run = next((r for r in all_runs(workspace) if r.inputs == inputs and not force), None)
    if run is not None and run.status == DONE:
        return Trained(True, run, *_result(run.facts))
    if run is None:
        run = new_run(workspace, plan.name, config.model.base, inputs)
        if force:
            _forget(run)
    _write_recipe(run, plan)
    return _train(workspace, run, plan, project, data, selection, reporter)


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
    run.facts |= {
        "faqtune": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "sentence-transformers")},
        "machine": f"{platform.machine()} {platform.system()}",
        "device": str(model.device),
        "precision": model.precision.name,
        "data": data.sizes(),
        "selection": {"queries": len(selection.positives), "noise": len(selection.negatives)},
    }
    run.save()
    outcome = train(
        model, data, plan, run.folder, lambda m: point_figures(evaluate(m, selection)), _Listener(plan, reporter)
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


def _finish(
    run: Run, plan: Recipe, model: TextModel, project: Project, outcome: Outcome, data: TrainingData
) -> None:
    """Save the model and its threshold, and say `done` last."""
    from faqtune.model import ModelCard, save

    measured = [event for event in outcome.history if event["event"] == "measured"]
    first = measured[0]["figures"]
    best = next(e["figures"] for e in reversed(measured) if e["best"])
    save(
        model,
        run.model_path,
        ModelCard(
            recipe=json.dumps(plan.model_dump(), ensure_ascii=False, indent=1),
            data=data.sizes(),
            figures=_main(best),
            figures_before=_main(first),
            measured_on="the selection part of the project (the model was chosen on it; see the run's scorecards)",
        ),
    )
    calibration = evaluation_set(project, CALIBRATION)
    if calibration.positives and calibration.negatives:
        write_json(run.thresholds_path, asdict(calibrate(evaluate(model, calibration))))
    run.facts |= {"best_step": list(outcome.best_step), "before": _main(first), "after": _main(best)}
    run.status = DONE
    run.save()


def _main(figures: dict[str, float]) -> dict[str, float]:
    return {n: round(v, 4) for n, v in figures.items() if n in ("recall@1", "recall@5", "mrr@10", "auroc", "fpr95", "oscr@5")}


def _result(facts: dict[str, Any]) -> tuple[tuple[int, int], dict[str, float], dict[str, float]]:
    stage, step = facts["best_step"]
    return (stage, step), facts["before"], facts["after"]


def _check(plan: Recipe, data: TrainingData, selection: EvaluationSet) -> None:
    """Refuse a training that cannot learn or cannot be judged. Raises UserError."""
    sizes = data.sizes()
    for number, stage in enumerate(plan.stages, start=1):
        if not any(sizes[source] for source in stage.data.shares):
            raise UserError(
                f"stage {number} ({stage.name}) has nothing to learn from: {', '.join(stage.data.shares)} are empty",
                "label more (`faqtune label`), or lower data.minimum_confidence",
            )
    if not selection.positives or not selection.negatives:
        raise UserError(
            f"the selection part has {len(selection.positives)} labelled queries and {len(selection.negatives)} "
            "noise sentences: the best model cannot be told from the others",
            "add logs or chatter, or raise split.selection in faqtune.toml",
        )


def _write_recipe(run: Run, plan: Recipe) -> None:
    write_json(run.folder / "recipe.json", plan.model_dump())


def _forget(run: Run) -> None:
    """Drop the checkpoints of an earlier training in this folder; its model stays until a new one is saved."""
    import shutil

    shutil.rmtree(run.folder / "checkpoints", ignore_errors=True)


class _Listener:
    """What the training loop tells, in the Reporter's words."""

    def __init__(self, plan: Recipe, reporter: Reporter) -> None:
        self.plan, self.reporter = plan, reporter
        self.steps = 0

    def stage_started(self, stage: Stage, number: int, steps: int, done: int) -> None:
        self.steps = steps
        of = f" of {len(self.plan.stages)}" if len(self.plan.stages) > 1 else ""
        after = f", going on after step {done}" if done else ""
        self.reporter.say(f"stage {number}{of} ({stage.name}): {steps} steps of {stage.batch_queries} queries{after}")

    def stepped(self, stage: Stage, number: int, step: int, loss: StepLoss) -> None:
        self.reporter.advance(f"training steps (loss {loss.total:.3f})", step, self.steps)

    def measured(self, number: int, step: int, figures: dict[str, float], is_best: bool) -> None:
        shown = ", ".join(f"{name} {figures[name]:.3f}" for name in ("oscr@5", "recall@1", "auroc") if name in figures)
        self.reporter.say(f"step {step}: {shown}{' (best so far)' if is_best else ''}")

    def mined(self, number: int, step: int, figures: dict[str, float]) -> None:
        self.reporter.say(
            f"step {step}: noise similarity {figures['noise_similarity']:.3f} "
            f"(nearest question {figures['noise_best_similarity']:.3f})"
        )
