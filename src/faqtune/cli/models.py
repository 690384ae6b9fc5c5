"""Commands that make a model of models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faqtune.console.options import Force, Gpus, Json, Overrides, Project, Recipe, Track


def train(
    project: Project = Path(),
    recipe: Recipe = "",
    set_: Overrides = None,
    gpus: Gpus = None,
    resume: Annotated[bool, typer.Option("--resume", help="Only go on with an interrupted training.")] = False,
    track: Track = "",
    force: Force = False,
    json: Json = False,
) -> None:
    """Fine-tune the model. An interrupted training goes on where it stopped."""
    from faqtune.console.train import run_train

    run_train(project, recipe, set_ or [], gpus, force=force, resume=resume, track=track, as_json=json)


def merge(
    models: Annotated[list[str] | None, typer.Argument(help="Two of one shape; unset: a run's base and tuned.")] = None,
    coefficient: Annotated[float | None, typer.Option(help="Share of the second model; unset: the best.")] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for the model; only with --coefficient.")] = None,
    project: Project = Path(),
    run: Annotated[str, typer.Option(help="Run to look in; unset: the newest finished one that was trained.")] = "",
    sweep: Annotated[str, typer.Option(help="Coefficients to measure, e.g. 0.5,0.75,1; unset: 0, 0.1 … 1.")] = "",
    forgetting: Annotated[float, typer.Option(help="Most AUROC to lose on everyday sentences.", min=0)] = 0.01,
    force: Force = False,
    json: Json = False,
) -> None:
    """Mix a tuned model with its base. In a project the best mixture is chosen and becomes the newest run."""
    from faqtune.console.merge import run_merge

    run_merge(project, models or [], coefficient, out, run, sweep, forgetting, force=force, as_json=json)


def compare(
    a: Annotated[str, typer.Argument(help="tuned, a run, builtin, a folder or a hub name; unset: the base of B.")] = "",
    b: Annotated[str, typer.Argument(help="The same; unset: the newest run.")] = "",
    project: Project = Path(),
    data: Annotated[
        bool, typer.Option("--data", help="Also what each layer does, on the selection part; takes long.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Turn back layers that do harm; what holds up becomes a run. Takes long.")
    ] = False,
    forgetting: Annotated[
        float, typer.Option(help="Most AUROC to lose on everyday sentences, for --apply.", min=0)
    ] = 0.01,
    out: Annotated[Path | None, typer.Option(help="Folder for compare.json and compare.svg; unset: B's run.")] = None,
    resamples: Annotated[
        int, typer.Option(help="Bootstrap resamples, for --data and --apply.", min=100, max=100_000)
    ] = 2000,
    force: Annotated[bool, typer.Option("--force", help="Search anew, for --apply.")] = False,
    json: Json = False,
) -> None:
    """Compare two models layer by layer: which weights moved, how far, and whether what was frozen stood still."""
    from faqtune.console.compare import run_compare

    run_compare(project, a, b, data, out, resamples, apply=apply, forgetting=forgetting, force=force, as_json=json)


def trim(
    model: Annotated[str, typer.Argument(help="tuned, a run, builtin, a folder or a hub name.")],
    out: Annotated[Path, typer.Option(help="New folder for the model.")],
    project: Project = Path(),
    scripts: Annotated[str, typer.Option(help="Scripts to keep, besides digits, punctuation, symbols.")] = "han,latin",
    keep_texts: Annotated[list[Path] | None, typer.Option(help="Text file to keep pieces of; repeatable.")] = None,
    json: Json = False,
) -> None:
    """Cut a model's vocabulary to what the project needs: a smaller model, the same vectors."""
    from faqtune.console.trim import run_trim

    run_trim(project, model, out, scripts, keep_texts or [], as_json=json)
