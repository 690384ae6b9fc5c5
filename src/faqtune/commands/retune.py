"""What follows annotation: the current model tuned on the new labels, measured, and taken over if it is no worse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from faqtune.commands.evaluate import evaluate_models
from faqtune.commands.figures.oscr_of import oscr_of
from faqtune.commands.figures.scorecards import Evaluated
from faqtune.commands.project.assemble import load_project
from faqtune.commands.project.models import resolved_name
from faqtune.commands.project.seen import SPLIT_NAME, remember_split
from faqtune.commands.split import make_split
from faqtune.commands.train import Trained, train_model
from faqtune.commands.training.learning import refresh_points
from faqtune.errors import UserError
from faqtune.evaluate import sampled_difference
from faqtune.progress import Reporter, Silent
from faqtune.records import CALIBRATION, TEST, TRAIN
from faqtune.runs import DONE, FINISHED, Run, all_runs, find_run, finished_runs
from faqtune.scorecard import Difference
from faqtune.workspace import Workspace

HEADLINE, FACT = "oscr@5", "retuned"


@dataclass(frozen=True, slots=True)
class Retuned:
    """A tuning after annotation. `base` is what it began from, `hand_labels` counts them by part of the split.

    `evaluated`: both models on the test part, to be shown and never to choose by; None where it has too few labels,
    which `not_measured` then says. `checked`: OSCR@5% of the tuned model minus the other's on the calibration part;
    None where that cannot be measured (`not_checked` says why). `why`: "" if the model was taken over, else
    "selection" (no step was better on the selection part) or "calibration" (clearly worse on the calibration part).
    """

    run: str
    base: str
    recipe: str
    hand_labels: dict[str, int]
    trained: Trained
    evaluated: Evaluated | None
    not_measured: str
    checked: Difference | None
    not_checked: str
    taken_over: bool
    why: str


def retune(workspace: Workspace, *, recipe: str = "", reporter: Reporter | None = None) -> Retuned:
    """Tune the newest run's model, or the base model before there is one, on all labels as they are now.

    The same call goes on with a training that was interrupted. Raises UserError where no hand label trains,
    Interrupted after Ctrl-C.
    """
    reporter = reporter or Silent()
    config = workspace.config()
    done = finished_runs(workspace, reporter.say)
    current = done[-1] if done else None
    base = current.name if current else resolved_name(workspace, config.model.base)
    if current is not None and not (current.folder / SPLIT_NAME).exists() and workspace.split_path.exists():
        # A run of an earlier version: the split that lies there now is the one it was trained with.
        remember_split(current, workspace.split())
    reporter.say("splitting")
    make_split(workspace)
    hand_labels = _hand_labels(workspace)
    if not hand_labels[TRAIN]:
        raise UserError(
            f"none of the {sum(hand_labels.values())} hand labels trains",
            "set human_labels_for_training under [split] in faqtune.toml, e.g. 0.7, or label more",
        )
    reporter.say(f"{hand_labels[TRAIN]} hand labels train, {hand_labels[TEST]} measure; tuning {base}")
    trained = train_model(workspace, recipe=recipe or config.annotate.recipe, base=base, reporter=reporter)
    reporter.say("comparing both models on the calibration part")
    checked, not_checked = _checked(workspace, base, trained.run.name, reporter)
    if why := _why_not(trained, checked):
        _set_aside(workspace, trained, current)
    reporter.say("measuring both models on the test part")
    evaluated, not_measured = _measured(workspace, base, trained, reporter)
    _remember(trained.run, hand_labels, evaluated)
    refresh_points(workspace, reporter)
    return Retuned(
        trained.run.name, base, trained.run.recipe, hand_labels, trained, evaluated, not_measured, checked,
        not_checked, not why, why,
    )  # fmt: skip


def _remember(run: Run, hand_labels: dict[str, int], evaluated: Evaluated | None) -> None:
    """A point of the learning curve, kept with the run."""
    figures = [card.figures[HEADLINE].model_dump() if HEADLINE in card.figures else None for card in
               (evaluated.scorecards if evaluated else ())]  # fmt: skip
    run.facts[FACT] = {"hand_labels": hand_labels[TRAIN], HEADLINE: figures[-1] if figures else None}
    run.save()


def tunings(workspace: Workspace) -> list[dict[str, Any]]:
    """The tunings after annotation, by labels: run, hand labels that trained, OSCR@5% on the test part as it was
    then (None where it was not measured), and whether the model was taken over."""
    return [
        {"run": run.name, "labels": kept["hand_labels"], "oscr": kept[HEADLINE], "taken_over": run.status == DONE}
        for run in sorted(all_runs(workspace), key=lambda run: run.facts.get(FACT, {}).get("hand_labels", 0))
        if (kept := run.facts.get(FACT)) and run.status in FINISHED
    ]


def _hand_labels(workspace: Workspace) -> dict[str, int]:
    project = load_project(workspace)
    found = {TRAIN: 0, TEST: 0}
    for query in project.queries:
        decision = project.decisions.get(query.id)
        part = project.split.conversations.get(query.conversation, "")
        if decision is not None and decision.is_human and part in found:
            found[part] += 1
    return found


def _measured(workspace: Workspace, base: str, trained: Trained, reporter: Reporter) -> tuple[Evaluated | None, str]:
    try:
        return evaluate_models(workspace, models=(base, trained.run.name), reporter=reporter), ""
    except UserError as error:
        reporter.say(f"note: {error}")
        return None, error.problem


def _checked(workspace: Workspace, base: str, tuned: str, reporter: Reporter) -> tuple[Difference | None, str]:
    """OSCR@5% on the calibration part, tuned minus base, paired; or why it cannot be measured."""
    try:
        before, after = oscr_of(workspace, (base, tuned), CALIBRATION, reporter)
    except UserError as error:
        reporter.say(f"note: nothing can veto the tuned model: {error}")
        return None, error.problem
    return sampled_difference(before, after), ""


def _why_not(trained: Trained, checked: Difference | None) -> str:
    """Why the model is not taken over. Choosing is done on the selection part; the calibration part has a veto. The
    test part has neither: figures of what was chosen by them, time and again, would be too good."""
    if trained.best_step == (0, 0):
        return "selection"
    return "calibration" if checked is not None and checked.high < 0 else ""


def _set_aside(workspace: Workspace, trained: Trained, current: Run | None) -> None:
    """Keep the run, and go on with the model from before: the run that was saved last is the current one."""
    trained.run.set_aside()
    if current is not None:
        find_run(workspace, current.name).save()
