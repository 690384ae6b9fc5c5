"""`faqtune train`: a Recipe to a Run, resumed where an earlier one was interrupted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from faqtune.alone import alone
from faqtune.commands.project.assemble import Project, load_project, selection_set, without_hand_labels
from faqtune.commands.project.models import load_model, model_digest, resolved_name
from faqtune.commands.project.seen import remember_split
from faqtune.commands.project.synthetic import to_train_on
from faqtune.commands.project.training_set import training_data
from faqtune.commands.split import say_if_out_of_date
from faqtune.commands.training.finish import drop_checkpoints, finish_training, training_facts
from faqtune.commands.training.learning import has_point, keep_point
from faqtune.commands.training.listener import TrainingListener
from faqtune.commands.training.on_its_way import Interrupted, on_its_way, refuse_nothing_to_resume, unfinished_like
from faqtune.commands.training.run_files import RunFiles
from faqtune.commands.training.run_labels import keep_labels
from faqtune.commands.training.together import Told, tell, together, told
from faqtune.commands.training.trackers import Tracked, refuse_tracker
from faqtune.digests import digest
from faqtune.evaluate import EvaluationSet, evaluate, indifferent, point_figures
from faqtune.label import pairs_of
from faqtune.progress import Reporter, Silent
from faqtune.recipe import Recipe, load_recipe
from faqtune.runs import DONE, FINISHED, INTERRUPTED, ON_PURPOSE, Run, all_runs, find_run, new_run, passed_over
from faqtune.steps import KEPT, of_another_version
from faqtune.stored import write_json
from faqtune.train.empty import refuse_empty_stages
from faqtune.train.selection import refuse_without_figure
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.model import TextModel
    from faqtune.train import Measure, TrainingData


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


def follow(
    workspace: Workspace,
    *,
    recipe: str = "",
    overrides: tuple[str, ...] = (),
    without: frozenset[str] | None = None,
    **_: object,
) -> None:
    """Help another process, which has locked the project, with its `train_model`, and write nothing."""
    plan, _project, data, selection = _read(workspace, recipe, overrides, without)
    found = told(digest(plan.model_dump_json(), data.digest(), selection.digest()))
    if found.is_done:
        return
    from faqtune.train import train

    model = load_model(workspace, found.base, Silent())
    listener = TrainingListener(plan, Silent())
    outcome = train(model, data, plan, workspace.runs_path / found.run, _measured_on(selection), listener)
    if outcome.status == INTERRUPTED:
        # As a success: a launcher would otherwise kill the first process, which has still something to say.
        raise SystemExit(0)


@together(follow)
@alone
def train_model(
    workspace: Workspace,
    *,
    recipe: str = "",
    overrides: tuple[str, ...] = (),
    force: bool = False,
    resume: bool = False,
    track: str = "",
    base: str = "",
    without: frozenset[str] | None = None,
    reporter: Reporter | None = None,
) -> Trained:
    """Fine-tune a model, `base` (default: the project's), on the training part; the result is the newest run.

    A finished run of the same inputs is left as it is, unless `force`; an unfinished one goes on from
    its last checkpoint, even then. `resume`: do nothing else than go on with it. `track`: follow it in
    one of `faqtune.commands.training.trackers.TRACKERS`. Where the recipe mixes the result with the base model,
    the best mixture is the newest run. `without`: as if people had not labelled these queries, to see what
    their labels bring; such a run is set aside, not mixed, and never the newest. Raises Interrupted after
    Ctrl-C, UserError where a stage cannot learn, or there is nothing to resume. In several processes, which a
    launcher has started, each calls it with the same arguments.
    """
    reporter = reporter or Silent()
    if track:
        refuse_tracker(track)
    config = workspace.config()
    plan, project, data, selection = _read(workspace, recipe, overrides, without, reporter)
    say_if_out_of_date(workspace, reporter)
    refuse_empty_stages(plan, data)
    read = digest(plan.model_dump_json(), data.digest(), selection.digest())
    base = resolved_name(workspace, base or config.model.base)
    inputs = digest(
        plan.model_dump_json(), config.model.model_dump_json(), model_digest(workspace, base), data.digest(),
        selection.digest(),
    )  # fmt: skip
    runs = list(all_runs(workspace, lambda error: reporter.say(passed_over(error))))
    run = next((run for run in reversed(runs) if run.inputs == inputs), None)
    if resume:
        refuse_nothing_to_resume(run, plan, runs)
    if run is not None and run.status in FINISHED and run.has_model and not force:
        # Looked for by its time, the run that was asked for last is the newest.
        if without is None:
            run.facts.pop(ON_PURPOSE, None)
            run.status = DONE
            run.save()
        if other := of_another_version(run.facts.get("faqtune")):
            reporter.say(f"{run.name}: {other}: {KEPT}")
        drop_checkpoints(run, keep=config.train.keep_checkpoints)
        tell(read, Told(run.name, base, is_done=True))
        return _concluded(workspace, plan, _trained(True, run), reporter, is_users=without is None)
    # Seconds of importing, which only a training is worth: whoever mistyped a setting has been told by now.
    from faqtune.train import refuse_untrainable

    refuse_without_figure(point_figures(indifferent(selection)), plan.selection)
    model = load_model(workspace, base, reporter)
    refuse_untrainable(model, plan)
    if run is None or run.status in FINISHED:
        if without is None and (left := unfinished_like(runs, plan.name, base)):
            reporter.say(left)
        run = new_run(workspace, plan.name, base, inputs)
        shutil.rmtree(run.checkpoints_path, ignore_errors=True)
        if without is not None:
            run.facts[ON_PURPOSE] = True
    if without is None:
        run.facts.pop(ON_PURPOSE, None)
    write_json(run.folder / "recipe.json", plan.model_dump())
    keep_labels(run, project)
    remember_split(run, project.split)
    tell(read, Told(run.name, base, is_done=False))
    trained = _train(workspace, run, model, plan, project, data, selection, track, reporter)
    return _concluded(workspace, plan, trained, reporter, is_users=without is None)


def _concluded(workspace: Workspace, plan: Recipe, trained: Trained, reporter: Reporter, *, is_users: bool) -> Trained:
    """What follows a training, and what of it is missing after one that was finished before: the mixture, if it is
    the user's, and the point of the learning curve."""
    if is_users:
        trained = _mixed(workspace, plan, trained, reporter)
    if not (trained.skipped and has_point(trained.run)):
        keep_point(workspace, trained.run, reporter)
    return trained


def _read(
    workspace: Workspace,
    recipe: str,
    overrides: tuple[str, ...],
    without: frozenset[str] | None,
    reporter: Reporter | None = None,
) -> tuple[Recipe, Project, TrainingData, EvaluationSet]:
    plan = load_recipe(recipe or configured_recipe(workspace), overrides)
    project, pairs = load_project(workspace), workspace.pairs()
    selection = selection_set(project)
    if without:
        project = without_hand_labels(workspace, project, without)
        pairs, _ = pairs_of(project.decisions, project.queries, project.catalogue)
    data = training_data(workspace, project, pairs, to_train_on(workspace), workspace.own_pairs(), reporter)
    return plan, project, data, selection


def _measured_on(selection: EvaluationSet) -> Measure:
    return lambda encoder: point_figures(evaluate(encoder, selection))


def _mixed(workspace: Workspace, plan: Recipe, trained: Trained, reporter: Reporter) -> Trained:
    """The best mixture of the tuned model with its base, if the recipe asks for one and it is better than both."""
    if not plan.merge.coefficients or trained.best_step == (0, 0):
        return trained
    from faqtune.commands.sweep import merge_run

    swept = merge_run(
        workspace,
        run=trained.run.name,
        coefficients=tuple(plan.merge.coefficients),
        forgetting_budget=plan.merge.forgetting_budget,
        reporter=reporter,
    )
    reporter.say(
        f"of {len(swept.curve)} mixtures with the base model {swept.chosen:g} of the tuned one is best on the "
        "selection part"
    )
    if not swept.run:
        return trained
    run = find_run(workspace, swept.run)
    return replace(trained, run=run, after=run.facts["after"])


def configured_recipe(workspace: Workspace) -> str:
    """A preset's name, or a path from the project."""
    name = workspace.config().train.recipe
    path = workspace.resolve(name)
    return str(path) if path.is_file() else name


def _train(
    workspace: Workspace,
    run: Run,
    model: TextModel,
    plan: Recipe,
    project: Project,
    data: TrainingData,
    selection: EvaluationSet,
    track: str,
    reporter: Reporter,
) -> Trained:
    from faqtune.train import train

    with on_its_way(run):
        run.facts |= training_facts(model, data, selection)
        run.save()
        files = RunFiles(run, plan)
        listener = Tracked(plan, reporter, files, track) if track else TrainingListener(plan, reporter, files)
        try:
            outcome = train(model, data, plan, run.folder, _measured_on(selection), listener)
        finally:
            listener.finish()
            files.count_time()
        if outcome.status == INTERRUPTED:
            raise Interrupted(
                f"training was interrupted; {run.checkpoints_path} holds all that was done",
                "run the same command again to go on from there",
            )
        finish_training(workspace, run, plan, model, project, outcome, data, aside=not run.is_users)
    drop_checkpoints(run, keep=workspace.config().train.keep_checkpoints)
    reporter.say(f"model saved to {run.model_path}")
    return _trained(False, run)


def _trained(skipped: bool, run: Run) -> Trained:
    stage, step = run.facts["best_step"]
    return Trained(skipped, run, (stage, step), run.facts["before"], run.facts["after"])
