"""Every command, in the order of the data's way. The modules hold signatures only; each command imports its work
when it is called."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from faqtune.cli import data, figures, labels, models, whole
from faqtune.console.surface import Surface, end_at_once, never_fail_on_characters, stop_as_by_ctrl_c
from faqtune.console.threads import wait_without_spinning
from faqtune.processes import leave

app = typer.Typer(
    name="faqtune",
    cls=Surface,
    help="From a spreadsheet of standard questions and chat logs to a fine-tuned BGE-M3, with honest figures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Help with rich takes twice as long: half of what anyone waits for without noticing.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    data.init, data.ingest, labels.label, labels.annotate, labels.write, labels.labels, labels.split, labels.decide,
    models.train, models.merge, figures.evaluate, figures.calibrate, models.compare, figures.report, figures.index,
    figures.match, models.trim, whole.tune, whole.demo, data.convert, whole.doctor,
):  # fmt: skip
    app.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        from faqtune import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options before the command; the help of the whole is the one of `app`."""


def main() -> None:
    """Entry point."""
    never_fail_on_characters()
    stop_as_by_ctrl_c()
    wait_without_spinning(os.environ)
    try:
        app()
    except SystemExit as end:
        end_at_once()
        leave(end.code)
        raise
