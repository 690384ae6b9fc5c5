"""Commands that read what there is: the files of a shop, and other forms of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faqtune.console.options import BaseModel, Force, GoldCatalogue, GoldFiles, Json, NoiseFiles, Project


def init(
    files: Annotated[list[Path] | None, typer.Argument(help="Spreadsheet, logs, chatter; files or folders.")] = None,
    project: Project = Path(),
    noise: NoiseFiles = None,
    gold: GoldFiles = None,
    gold_catalogue: GoldCatalogue = None,
    model: BaseModel = "",
    force: Annotated[bool, typer.Option("--force", help="Write faqtune.toml anew if there is one.")] = False,
    json: Json = False,
) -> None:
    """Look at your files and write a commented faqtune.toml. Shows what was understood."""
    from faqtune.console.init import run_init

    run_init(project, files or [], noise or [], gold or [], gold_catalogue, model, force=force, as_json=json)


def ingest(project: Project = Path(), force: Force = False, json: Json = False) -> None:
    """Read catalogue, conversations and chatter from every form. Says what was left out and why."""
    from faqtune.console.ingest import run_ingest

    run_ingest(project, force=force, as_json=json)


def convert(
    source: Annotated[Path, typer.Argument(help="File to read, or a folder of files of one form.")],
    target: Annotated[Path, typer.Argument(help="File to write.")],
    source_form: Annotated[str, typer.Option("--from", help="Form of the source; unset: found out.")] = "",
    target_form: Annotated[str, typer.Option("--to", help="Form of the target; unset: by its name.")] = "",
    project: Annotated[
        Path, typer.Option("--project", "-p", help="Folder that relative file names start from.", file_okay=False)
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace the target if it is there.")] = False,
    json: Json = False,
) -> None:
    """Convert between the legacy forms, FlagEmbedding JSONL and hand labels. Says what the target cannot carry."""
    from faqtune.console.convert import run_convert

    run_convert(project, source, target, source_form, target_form, force=force, as_json=json)
