"""Every command, in the order of the data's way: signatures only; each imports its work when it is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from faqtune.errors import UserError

app = typer.Typer(
    name="faqtune",
    help="From a spreadsheet of standard questions and chat logs to a fine-tuned BGE-M3, with honest figures.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Project = Annotated[Path, typer.Option("--project", "-p", help="The project folder.", file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; everything else goes to stderr.")]
Force = Annotated[bool, typer.Option("--force", help="Do it again even if nothing has changed.")]
NoiseFiles = Annotated[list[Path] | None, typer.Option("--noise", help="Everyday chatter; may be given several times.")]
GoldFiles = Annotated[list[Path] | None, typer.Option("--gold", help="Hand labels (JSONL), used for testing only.")]
GoldCatalogue = Annotated[
    Path | None, typer.Option(help="Catalogue file that the hand labels' entry ids come from, if it is another one.")
]
Recipe = Annotated[str, typer.Option("--recipe", help="Name of a preset or path of a TOML file.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="E.g. stage.1.learning_rate=1e-5; repeatable.")]
ModelName = Annotated[str, typer.Option("--model", help="builtin, a folder or a hub name; unset: the project's own.")]


@app.command()
def init(
    files: Annotated[list[Path] | None, typer.Argument(help="Spreadsheet, logs, chatter; files or folders.")] = None,
    project: Project = Path(),
    noise: NoiseFiles = None,
    gold: GoldFiles = None,
    gold_catalogue: GoldCatalogue = None,
    model: ModelName = "",
    force: Force = False,
    json: Json = False,
) -> None:
    """Look at the files, show what was understood, and write a commented faqtune.toml."""
    from faqtune.console.preparation import run_init

    run_init(project, files or [], noise or [], gold or [], gold_catalogue, model, force=force, as_json=json)


@app.command()
def ingest(project: Project = Path(), force: Force = False, json: Json = False) -> None:
    """Read catalogue, conversations and chatter from every form; say what was skipped and why."""
    from faqtune.console.preparation import run_ingest

    run_ingest(project, force=force, as_json=json)


@app.command()
def label(project: Project = Path(), model: ModelName = "", force: Force = False, json: Json = False) -> None:
    """Label queries from the agents' replies, with an estimate of how right the labels are."""
    from faqtune.console.preparation import run_label

    run_label(project, model, force=force, as_json=json)


@app.command()
def split(project: Project = Path(), force: Force = False, json: Json = False) -> None:
    """Decide what is trained on and what only measures: grouped by conversation, free of leaks."""
    from faqtune.console.preparation import run_split

    run_split(project, force=force, as_json=json)


@app.command()
def train(
    project: Project = Path(),
    recipe: Recipe = "",
    set_: Overrides = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Fine-tune the model; an interrupted training goes on where it stopped."""
    from faqtune.console.journey import run_train

    run_train(project, recipe, set_ or [], force=force, as_json=json)


@app.command()
def evaluate(
    project: Project = Path(),
    models: Annotated[
        list[str] | None, typer.Option("--model", help="One or two: tuned, a run, builtin, a folder, a hub name.")
    ] = None,
    part: Annotated[str, typer.Option(help="Part of the split to measure on.")] = "test",
    gold: Annotated[Path | None, typer.Option(help="Measure on this file of hand labels instead.")] = None,
    gold_catalogue: GoldCatalogue = None,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples.", min=100)] = 2000,
    json: Json = False,
) -> None:
    """Measure one or two models, side by side, with 95 % intervals; by default the tuned one against its base."""
    from faqtune.console.journey import run_evaluate

    run_evaluate(project, models or [], part, gold, gold_catalogue, resamples, as_json=json)


@app.command()
def match(
    text: Annotated[list[str] | None, typer.Argument(help="What a customer typed; without it, lines of stdin.")] = None,
    project: Project = Path(),
    model: ModelName = "",
    top: Annotated[int, typer.Option(help="Entries to show.", min=1)] = 5,
    threshold: Annotated[float | None, typer.Option(help="Cosine to answer from; unset: the calibrated one.")] = None,
    json: Json = False,
) -> None:
    """Find the entries nearest to a text, and say whether it would be answered."""
    from faqtune.console.journey import run_match

    run_match(project, text or [], model, top, threshold, as_json=json)


@app.command()
def tune(
    files: Annotated[list[Path] | None, typer.Argument(help="Spreadsheet and logs; files or folders.")] = None,
    project: Project = Path(),
    noise: NoiseFiles = None,
    gold: GoldFiles = None,
    gold_catalogue: GoldCatalogue = None,
    model: ModelName = "",
    recipe: Recipe = "",
    set_: Overrides = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """All of it in one go: init, ingest, label, split, train, evaluate, report. Skips what has not changed."""
    from faqtune.console.journey import run_tune

    run_tune(
        project, files or [], noise or [], gold or [], gold_catalogue, model, recipe, set_ or [],
        force=force, as_json=json,
    )  # fmt: skip


@app.command()
def demo(project: Project = Path("demo"), force: Force = False, json: Json = False) -> None:
    """Tune the built-in model on the shipped (synthetic) sample shop; minutes on a laptop."""
    from faqtune.console.journey import run_demo

    run_demo(project, force=force, as_json=json)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="File to read.")],
    target: Annotated[Path, typer.Argument(help="File to write.")],
    source_form: Annotated[str, typer.Option("--from", help="Form of the source; unset: found out.")] = "",
    target_form: Annotated[str, typer.Option("--to", help="Form of the target; unset: by its name.")] = "",
    json: Json = False,
) -> None:
    """Convert between the legacy forms and FlagEmbedding JSONL, and say what the target cannot carry."""
    from faqtune.console.preparation import run_convert

    run_convert(source, target, source_form, target_form, as_json=json)


@app.command()
def doctor(project: Project = Path(), model: ModelName = "", json: Json = False) -> None:
    """Check versions, device, memory, disk and model, and say what to do about each."""
    from faqtune.console.journey import run_doctor

    run_doctor(project, model, as_json=json)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """See `faqtune demo` for a first look."""
    if show:
        from faqtune import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: bad input gives one message and exit code 2, an interruption 130; never a traceback."""
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"faqtune: {error}\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        sys.stderr.write("\nfaqtune: interrupted. Next: run the same command again; what was done is kept.\n")
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(0) from None


if __name__ == "__main__":
    main()
