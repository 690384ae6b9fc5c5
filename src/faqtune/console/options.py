"""Options that several commands have, each under the same name and with the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faqtune.console.surface import remember_json, remember_project

Project = Annotated[
    Path,
    typer.Option("--project", "-p", help="The project folder.", file_okay=False, callback=remember_project),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="One JSON object on stdout, of an error too (error, next); everything else goes to stderr.",
        callback=remember_json,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Do it again even if nothing has changed.")]
NoiseFiles = Annotated[list[Path] | None, typer.Option("--noise", help="Everyday chatter; may be given several times.")]
GoldFiles = Annotated[
    list[Path] | None,
    typer.Option("--gold", help="Hand labels (JSONL) to test by; the split may train on some, and does without logs."),
]
GoldCatalogue = Annotated[
    Path | None, typer.Option(help="Catalogue file that the hand labels' entry ids come from, if it is another one.")
]
Recipe = Annotated[str, typer.Option("--recipe", help="Name of a preset or path of a TOML file.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="E.g. stage.1.learning_rate=1e-5; repeatable.")]
Gpus = Annotated[
    int | None, typer.Option("--gpus", help="Train on so many GPUs of this machine; unset: on one, or the CPU.", min=1)
]
Track = Annotated[
    str, typer.Option("--track", help="Follow the training in tensorboard, mlflow, wandb, trackio or swanlab.")
]
BaseModel = Annotated[str, typer.Option("--model", help="builtin, a folder or a hub name; unset: BAAI/bge-m3.")]
ModelName = Annotated[
    str,
    typer.Option(
        "--model", help="tuned, a run, builtin, a folder or a hub name; unset: the newest run, else the project's base."
    ),
]
ModelOfProject = Annotated[
    str, typer.Option("--model", help="tuned, a run, builtin, a folder or a hub name; unset: the project's base.")
]
