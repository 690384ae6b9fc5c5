"""Commands that make labels, by rules, a language model or people, and settle them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faqtune.console.options import Force, Json, ModelName, ModelOfProject, Project


def label(
    project: Project = Path(),
    model: ModelOfProject = "",
    llm: Annotated[bool, typer.Option("--llm", help="Ask the language model of [llm] instead of the rules.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="With --llm: also what rules or people have labelled.")] = False,
    limit: Annotated[int | None, typer.Option(help="With --llm: at most so many queries more.", min=0)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --llm: the estimate and one prompt only.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --llm: agree to what it may cost.")] = False,
    after_annotation: Annotated[
        bool, typer.Option("--after-annotation", help="The rest, with the newest run's model (or --model); decide.")
    ] = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Label queries from the agents' replies, or with a language model. Estimates how right the labels are."""
    if llm and after_annotation:
        raise typer.BadParameter("--llm and --after-annotation are two steps: give them one after the other")
    if llm:
        from faqtune.console.label_llm import run_label_llm

        run_label_llm(project, model, limit, everything=all_, dry_run=dry_run, yes=yes, as_json=json)
        return
    from faqtune.console.label import run_label

    needs_llm = {"--all": all_, "--limit": limit is not None, "--dry-run": dry_run, "--yes": yes}
    needing = [name for name, given in needs_llm.items() if given]
    run_label(project, model, needing, after_annotation=after_annotation, force=force, as_json=json)


def annotate(
    project: Project = Path(),
    annotators: Annotated[str, typer.Option(help="Who annotates, e.g. 王敏,李雷; unset: you.")] = "",
    model: ModelName = "",
    terminal: Annotated[bool, typer.Option("--terminal", help="Here instead of on a page, e.g. over ssh.")] = False,
    then_train: Annotated[bool, typer.Option("--then-train", help="Tune when annotation ends.")] = False,
    only_train: Annotated[
        bool, typer.Option("--only-train", help="Only tune the current model on what was annotated.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option(help="Only write what was annotated: .jsonl, .xlsx, triples, Argilla, Label Studio.")
    ] = None,
    take_in: Annotated[Path | None, typer.Option("--import", help="Only read annotations from such a file.")] = None,
    form: Annotated[str, typer.Option(help="Form of that file; unset: by its name or content.")] = "",
    recipe: Annotated[str, typer.Option(help="How to tune; unset: annotate.recipe of faqtune.toml.")] = "",
    host: Annotated[str, typer.Option(help="Address to listen at, for others to come in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at; 0: a free one.", min=0, max=65535)] = 8765,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    json: Json = False,
) -> None:
    """Label by hand what machines are unsure of, on a local page or in the terminal. Then tune the current model."""
    from faqtune.console.annotate import run_annotate

    run_annotate(
        project, annotators, model, host, port, recipe, export, take_in, form,
        browser=browser, terminal=terminal, then_train=then_train, only_train=only_train, as_json=json,
    )  # fmt: skip


def write(
    project: Project = Path(),
    model: ModelOfProject = "",
    limit: Annotated[int | None, typer.Option(help="At most so many entries, those with fewest labels first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The estimate and one prompt only.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to what it may cost.")] = False,
    json: Json = False,
) -> None:
    """Let the language model of [llm] write texts to train on: other words for entries with few labels, near noise."""
    from faqtune.console.write import run_write

    run_write(project, model, limit, dry_run=dry_run, yes=yes, as_json=json)


def labels(
    project: Project = Path(),
    test: Annotated[bool, typer.Option("--test", help="Compare with the hand labels of the test part too.")] = False,
    learning_curve: Annotated[
        bool,
        typer.Option("--learning-curve", help="First train with 0, 1/4, 1/2 and all of the hand labels (resumable)."),
    ] = False,
    recipe: Annotated[str, typer.Option(help="With --learning-curve: how to train; default: quick.")] = "",
    json: Json = False,
) -> None:
    """Show who labelled what, how right each source is from which threshold on, and what hand labels bring."""
    from faqtune.console.labels import run_labels

    run_labels(project, recipe, test=test, learning_curve=learning_curve, as_json=json)


def split(project: Project = Path(), force: Force = False, json: Json = False) -> None:
    """Decide what is trained on and what only measures. Grouped by conversation, free of leaks."""
    from faqtune.console.split import run_split

    run_split(project, force=force, as_json=json)


def decide(project: Project = Path(), model: ModelOfProject = "", force: Force = False, json: Json = False) -> None:
    """Settle each query's label, weighing the sources. Lists doubtful labels."""
    from faqtune.console.decide import run_decide

    run_decide(project, model, force=force, as_json=json)
