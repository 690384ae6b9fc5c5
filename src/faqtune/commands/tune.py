"""`faqtune tune`: from the files to a measured model and a report; `faqtune demo`: the same on sample data."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from faqtune.commands.evaluate import Evaluated, evaluate_models
from faqtune.commands.ingest import Ingested, ingest_files
from faqtune.commands.init import init_project
from faqtune.commands.label import Labelled, label_queries
from faqtune.commands.report import write_report
from faqtune.commands.split import Splitted, make_split
from faqtune.commands.train import Trained, train_model
from faqtune.errors import UserError
from faqtune.progress import Reporter, Silent
from faqtune.workspace import Workspace

SAMPLE_FILES = ("base2.xlsx", "data.json", "modified_daily_datasets.json", "gold.jsonl")


@dataclass(frozen=True)
class Tuned:
    """Everything that a journey made."""

    ingested: Ingested
    labelled: Labelled
    splitted: Splitted
    trained: Trained
    evaluated: Evaluated
    report: Path


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
    force: bool = False,
    reporter: Reporter | None = None,
) -> Tuned:
    """init, ingest, label, split, train, evaluate and report in one go.

    What has not changed is skipped, and an interrupted training goes on. Without `files` the
    project's own `faqtune.toml` decides. Raises UserError, and Interrupted after Ctrl-C.
    """
    reporter = reporter or Silent()
    if files:
        init_project(workspace, files, noise=noise, gold=gold, gold_catalogue=gold_catalogue, model=model, keep=True)
    elif not workspace.config_path.exists():
        raise UserError("no files were given", "run `faqtune tune FAQ.xlsx LOGS… --noise CHATTER…`")
    reporter.say("1/6 reading the files")
    ingested = ingest_files(workspace, force=force, reporter=reporter)
    reporter.say(
        f"    {ingested.entries} entries with {ingested.questions} questions, {ingested.conversations} conversations, "
        f"{ingested.noise} noise sentences"
    )
    reporter.say("2/6 labelling from agents' replies")
    labelled = label_queries(workspace, force=force, reporter=reporter)
    reporter.say(
        f"    {labelled.claims} labels from {labelled.exchanges} exchanges (reply cosine ≥ "
        f"{labelled.threshold_cosine:.3f}), estimated precision {labelled.mean_confidence:.0%}"
    )
    reporter.say("3/6 splitting")
    splitted = make_split(workspace, force=force)
    reporter.say("    queries " + ", ".join(f"{part} {count}" for part, count in splitted.queries.items()))
    reporter.say("4/6 training")
    trained = train_model(workspace, recipe=recipe, overrides=overrides, force=force, reporter=reporter)
    reporter.say("5/6 measuring both models on the test part")
    evaluated = evaluate_models(workspace, models=(trained.run.base, trained.run.name), reporter=reporter)
    reporter.say("6/6 writing the report")
    report = write_report(workspace, trained.run, evaluated)
    return Tuned(ingested, labelled, splitted, trained, evaluated, report)


def tune_sample(workspace: Workspace, *, force: bool = False, reporter: Reporter | None = None) -> Tuned:
    """`tune` on the shipped (synthetic) sample project with the built-in model.

    The sample files are copied into the project first, so that a newcomer can open and change them.
    """
    folder = workspace.root / "files"
    folder.mkdir(parents=True, exist_ok=True)
    for name in SAMPLE_FILES:
        if not (folder / name).exists():
            with resources.as_file(resources.files("faqtune").joinpath("sample", name)) as source:
                shutil.copyfile(source, folder / name)
    faq, logs, chatter, gold = (folder / name for name in SAMPLE_FILES)
    return tune(
        workspace, (faq, logs), noise=(chatter,), gold=(gold,), model="builtin", recipe="quick", force=force,
        reporter=reporter,
    )  # fmt: skip
