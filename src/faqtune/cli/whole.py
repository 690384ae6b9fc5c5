"""Commands for all of it in one go, and for what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faqtune.console.options import (
    BaseModel,
    Force,
    GoldCatalogue,
    GoldFiles,
    Gpus,
    Json,
    ModelOfProject,
    NoiseFiles,
    Overrides,
    Project,
    Recipe,
    Track,
)


def tune(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Spreadsheet and logs; unset: those that faqtune.toml names.")
    ] = None,
    project: Project = Path(),
    noise: NoiseFiles = None,
    gold: GoldFiles = None,
    gold_catalogue: GoldCatalogue = None,
    model: BaseModel = "",
    recipe: Recipe = "",
    set_: Overrides = None,
    gpus: Gpus = None,
    track: Track = "",
    force: Force = False,
    json: Json = False,
) -> None:
    """All of it in one go, from init to report. Skips what has not changed."""
    from faqtune.console.tune import run_tune

    run_tune(
        project, files or [], noise or [], gold or [], gold_catalogue, model, recipe, set_ or [], gpus,
        track=track, force=force, as_json=json,
    )  # fmt: skip


def demo(
    project: Project = Path("demo"), gpus: Gpus = None, track: Track = "", force: Force = False, json: Json = False
) -> None:
    """Tune the built-in model on the shipped sample shop. The shop is synthetic; it takes minutes on a laptop."""
    from faqtune.console.tune import run_demo

    run_demo(project, gpus, track=track, force=force, as_json=json)


def doctor(project: Project = Path(), model: ModelOfProject = "", json: Json = False) -> None:
    """Check versions, device, memory, disk and model. Says what to do about each."""
    from faqtune.console.doctor import run_doctor

    run_doctor(project, model, as_json=json)
