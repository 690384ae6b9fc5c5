"""`faqtune tune`: from the files to a measured model and a report; `faqtune demo`: the same on sample data."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from faqtune.alone import alone
from faqtune.atomic import atomic_file
from faqtune.commands.evaluate import evaluate_models
from faqtune.commands.figures.enough import OF_THE_SPLIT, refuse_too_few
from faqtune.commands.figures.scorecards import Evaluated
from faqtune.commands.ingest import Ingested, ingest_files
from faqtune.commands.init import Initialised, init_project, taken_for
from faqtune.commands.label import Labelled, label_queries, why_no_label
from faqtune.commands.project.models import model_place
from faqtune.commands.report import write_report
from faqtune.commands.split import MORE_CONVERSATIONS, Splitted, make_split
from faqtune.commands.train import Trained, configured_recipe, train_model
from faqtune.commands.training.launch import launch_on_gpus, refuse_gpus
from faqtune.commands.training.trackers import refuse_tracker
from faqtune.commands.vectors.labels import index_may_help
from faqtune.config import ModelConfig, TrainConfig
from faqtune.errors import UserError
from faqtune.progress import Reporter, Silent
from faqtune.recipe import listed, load_recipe
from faqtune.records import TEST
from faqtune.scorecard import STRATA
from faqtune.workspace import Workspace

MOST_LINES = 30
"""On what files were taken for."""
FEW_CONVERSATIONS = 20
"""With fewer no shares of the split leave enough to measure: they are whole conversations."""
SAMPLE_FILES = ("base2.xlsx", "data.json", "modified_daily_datasets.json", "gold.jsonl")


@dataclass(frozen=True, slots=True)
class Tuned:
    """Everything that a journey made. `index_may_help`: labels are many and sure enough for `make_index`, which has
    made none yet."""

    ingested: Ingested
    labelled: Labelled
    splitted: Splitted
    trained: Trained
    evaluated: Evaluated
    report: Path
    index_may_help: bool = False


def tune(
    workspace: Workspace,
    files: tuple[Path, ...] = (),
    *,
    noise: tuple[Path, ...] = (),
    gold: tuple[Path, ...] = (),
    gold_catalogue: Path | None = None,
    model: str = "",
    recipe: str = "",
    overrides: tuple[str, ...] = (),
    gpus: int = 1,
    track: str = "",
    force: bool = False,
    reporter: Reporter | None = None,
) -> Tuned:
    """init, ingest, label, split, train, evaluate and report in one go.

    What has not changed is skipped, and an interrupted training goes on. Without `files` the
    project's own `faqtune.toml` decides. `track` is as in `train_model`; on several `gpus` training is
    a process for each. Raises UserError, and Interrupted after Ctrl-C.
    """
    reporter = reporter or Silent()
    _refuse_unavailable(gpus, track)
    _refuse_hopeless(workspace, bool(files), model, recipe, overrides)
    if files:
        made = init_project(
            workspace, files, noise=noise, gold=gold, gold_catalogue=gold_catalogue, model=model, recipe=recipe,
            keep=True,
        )  # fmt: skip
        _tell(made, reporter)
    else:
        _refuse_without_files(workspace, noise or gold or gold_catalogue or model)
    if gpus == 1:
        return _all_steps(workspace, recipe, overrides, track=track, force=force, reporter=reporter)
    # The processes that train take the project for themselves, so it is let go of in between.
    prepared = _prepared(workspace, force=force, reporter=reporter)
    reporter.say("4/6 training")
    _train_on_gpus(workspace, recipe, overrides, gpus, track=track, force=force)
    return _measured(workspace, prepared, train_model(workspace, recipe=recipe, overrides=overrides), force, reporter)


def _tell(made: Initialised, reporter: Reporter) -> None:
    """What files were taken for: who is misunderstood should see it before all is done."""
    lines = list(taken_for(made.guesses))
    for line in lines[:MOST_LINES]:
        reporter.say(line)
    if (more := len(lines) - MOST_LINES) > 0:
        reporter.say(f"    … and {more} more lines")


@alone
def _all_steps(
    workspace: Workspace, recipe: str, overrides: tuple[str, ...], *, track: str, force: bool, reporter: Reporter
) -> Tuned:
    prepared = _prepared(workspace, force=force, reporter=reporter)
    reporter.say("4/6 training")
    trained = train_model(workspace, recipe=recipe, overrides=overrides, track=track, force=force, reporter=reporter)
    return _measured(workspace, prepared, trained, force, reporter)


def _train_on_gpus(
    workspace: Workspace, recipe: str, overrides: tuple[str, ...], gpus: int, *, track: str, force: bool
) -> None:
    """Raises SystemExit if it failed or was interrupted: the processes have said all that there is to say."""
    options = [f"--project={workspace.root}", f"--recipe={recipe}", f"--track={track}", *["--force"] * force]
    if code := launch_on_gpus(gpus, [*options, *(f"--set={change}" for change in listed(overrides))], prints=False):
        raise SystemExit(code)


@alone
def _prepared(workspace: Workspace, *, force: bool, reporter: Reporter) -> tuple[Ingested, Labelled, Splitted]:
    reporter.say("1/6 reading the files")
    ingested = ingest_files(workspace, force=force, reporter=reporter)
    reporter.say(
        f"    {ingested.entries} entries with {ingested.questions} questions, {ingested.conversations} conversations, "
        f"{ingested.noise} noise sentences"
        f"{f', {ingested.pairs} pairs of your own' * bool(ingested.pairs)}{_unless_new(ingested.skipped)}"
    )
    reporter.say("2/6 labelling from agents' replies")
    labelled = label_queries(workspace, force=force, reporter=reporter)
    if not labelled.exchanges:  # logs without any would have been refused
        reporter.say(f"    no logs: {labelled.human} hand labels train and measure{_unless_new(labelled.skipped)}")
    elif not labelled.claims:
        # Beside logs hand labels only measure: without labels of the rules nothing can be trained or chosen by.
        raise UserError(*why_no_label(labelled))
    else:
        reporter.say(
            f"    {labelled.claims} labels from {labelled.exchanges} exchanges (reply cosine ≥ "
            f"{labelled.threshold_cosine:.3f}), estimated precision {labelled.mean_confidence:.0%}"
            f"{_unless_new(labelled.skipped)}"
        )
    reporter.say("3/6 splitting")
    splitted = make_split(workspace, force=force, reporter=reporter)
    shares = ", ".join(f"{part} {count}" for part, count in splitted.queries.items())
    measured = ", ".join(f"{part} {count}" for part, count in splitted.measured.items())
    found = sum(splitted.conversations.values())
    reporter.say(f"    queries: {shares}{_unless_new(splitted.skipped)}; measured with an entry: {measured}")
    few = f"; there are {found} conversations only: {MORE_CONVERSATIONS}" if found < FEW_CONVERSATIONS else ""
    refuse_too_few(splitted.measured[TEST], "the test part", few or OF_THE_SPLIT)
    return ingested, labelled, splitted


@alone
def _measured(
    workspace: Workspace,
    prepared: tuple[Ingested, Labelled, Splitted],
    trained: Trained,
    force: bool,
    reporter: Reporter,
) -> Tuned:
    reporter.say(f"    {trained.run.name}{_unless_new(trained.skipped)}")
    reporter.say("5/6 measuring both models on the test part")
    both = (trained.run.base, trained.run.name)
    evaluated = evaluate_models(workspace, models=both, force=force, reporter=reporter)
    card = evaluated.scorecards[-1]
    noise_sentences = sum(card.counts[stratum] for stratum in STRATA)
    reporter.say(
        f"    {card.part}: {card.counts['queries']} queries, {noise_sentences} noise sentences"
        f"{_unless_new(evaluated.skipped)}"
    )
    reporter.say("6/6 writing the report")
    report = write_report(workspace, run=trained.run.name)
    return Tuned(*prepared, trained, evaluated, report.page, index_may_help(workspace, trained.run.name))


def _refuse_hopeless(
    workspace: Workspace, has_files: bool, model: str, recipe: str, overrides: tuple[str, ...]
) -> None:
    """What a later step would stumble over, before anything is written: a recipe or a model that is not there."""
    is_new = not workspace.config_path.exists()
    if is_new and not has_files:
        return
    load_recipe(recipe or (TrainConfig().recipe if is_new else configured_recipe(workspace)), overrides)
    if is_new:
        from faqtune.model import resolve

        resolve(model_place(workspace, model or ModelConfig().base))


def _refuse_unavailable(gpus: int, track: str) -> None:
    """Before anything is written."""
    if track:
        refuse_tracker(track)
    if gpus > 1:
        refuse_gpus(gpus)


def _refuse_without_files(workspace: Workspace, others: object) -> None:
    if not workspace.config_path.exists():
        raise UserError(
            f"no files were given, and there is no {workspace.config_path}",
            "run `faqtune tune FAQ.xlsx LOGS… --noise CHATTER…`",
        )
    if others:
        raise UserError(
            "noise, hand labels and model can be given together with the files only",
            f"give the files too, or write them into {workspace.config_path}",
        )


def _unless_new(skipped: bool) -> str:
    return " (nothing has changed)" if skipped else ""


def tune_sample(
    workspace: Workspace, *, gpus: int = 1, track: str = "", force: bool = False, reporter: Reporter | None = None
) -> Tuned:
    """`tune` on the shipped (synthetic) sample project with the built-in model.

    The sample files are copied into the project first, so that a newcomer can open and change them.
    """
    _refuse_unavailable(gpus, track)
    is_new = not workspace.config_path.exists()
    faq, logs, chatter, gold = (_copied(workspace, name) for name in SAMPLE_FILES)
    return tune(
        workspace,
        (faq, logs),
        noise=(chatter,),
        gold=(gold,),
        model="builtin" if is_new else "",
        recipe="quick" if is_new else "",
        gpus=gpus,
        track=track,
        force=force,
        reporter=reporter,
    )


def _copied(workspace: Workspace, name: str) -> Path:
    """A sample file in the project; one that is there already is the user's own."""
    target = workspace.root / "files" / name
    if target.exists():
        return target
    content = resources.files("faqtune").joinpath("sample", name).read_bytes()
    with atomic_file(target) as file:
        file.write(content)
    return target
