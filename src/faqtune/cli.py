"""Every command, in the order of the data's way: signatures only; each imports its work when it is called."""

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
    ModelName,
    ModelOfProject,
    NoiseFiles,
    Overrides,
    Project,
    Recipe,
    Track,
)
from faqtune.console.surface import Surface, never_fail_on_characters, remember_json, stop_as_by_ctrl_c

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


@app.command()
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


@app.command()
def ingest(project: Project = Path(), force: Force = False, json: Json = False) -> None:
    """Read catalogue, conversations and chatter from every form. Says what was left out and why."""
    from faqtune.console.ingest import run_ingest

    run_ingest(project, force=force, as_json=json)


@app.command()
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


@app.command()
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
    """Label by hand what teaches most, on a local page or in the terminal. Then tune the current model on it."""
    from faqtune.console.annotate import run_annotate

    run_annotate(
        project, annotators, model, host, port, recipe, export, take_in, form,
        browser=browser, terminal=terminal, then_train=then_train, only_train=only_train, as_json=json,
    )  # fmt: skip


@app.command()
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


@app.command()
def labels(
    project: Project = Path(),
    test: Annotated[bool, typer.Option("--test", help="Compare with the hand labels of the test part too.")] = False,
    json: Json = False,
) -> None:
    """Show who labelled what, where sources agree, and how right each is from which threshold on."""
    from faqtune.console.labels import run_labels

    run_labels(project, test=test, as_json=json)


@app.command()
def split(project: Project = Path(), force: Force = False, json: Json = False) -> None:
    """Decide what is trained on and what only measures. Grouped by conversation, free of leaks."""
    from faqtune.console.split import run_split

    run_split(project, force=force, as_json=json)


@app.command()
def decide(project: Project = Path(), model: ModelOfProject = "", force: Force = False, json: Json = False) -> None:
    """Settle each query's label, weighing the sources. Lists doubtful labels."""
    from faqtune.console.decide import run_decide

    run_decide(project, model, force=force, as_json=json)


@app.command()
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


@app.command()
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


@app.command()
def evaluate(
    project: Project = Path(),
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[MODELS]...", help="tuned, a run, builtin, a folder, a hub name.")
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option("--model", "--models", help="The same as an option; may be given several times.")
    ] = None,
    part: Annotated[str, typer.Option(help="Part of the split: test, calibration, selection or train.")] = "test",
    gold: Annotated[Path | None, typer.Option(help="Measure on this file of hand labels instead.")] = None,
    gold_catalogue: GoldCatalogue = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(help="Measure on this noise instead: FILE, or other_domain=FILE (unsupported, garbage)."),
    ] = None,
    mteb: Annotated[str, typer.Option(help="Also these tasks of MTEB, e.g. STSB,AFQMC, where it is installed.")] = "",
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples.", min=100, max=100_000)] = 10_000,
    force: Force = False,
    json: Json = False,
) -> None:
    """Measure models side by side, with 95 % intervals. By default the tuned one against its base."""
    from faqtune.console.evaluate import run_evaluate

    named = [*(models or []), *(names or [])]
    run_evaluate(project, named, part, gold, gold_catalogue, noise or [], mteb, resamples, force=force, as_json=json)


@app.command()
def calibrate(
    project: Project = Path(),
    run: Annotated[str, typer.Option(help="Run whose threshold is set; unset: the newest finished one.")] = "",
    chatter: Annotated[float | None, typer.Option(help="Most % of chatter answered; 5 if nothing is asked.")] = None,
    unsupported: Annotated[float | None, typer.Option(help="Most % of unsupported questions answered.")] = None,
    noise: Annotated[float | None, typer.Option(help="Most % of all noise answered.")] = None,
    wrong: Annotated[float | None, typer.Option(help="Most % of answers that are wrong.")] = None,
    rejected: Annotated[float | None, typer.Option(help="Most % of questions with an entry not answered.")] = None,
    right: Annotated[float | None, typer.Option(help="Least % of answers that are right: 95 is --wrong 5.")] = None,
    garbage: Annotated[float | None, typer.Option(help="Most % of garbage and very short texts answered.")] = None,
    other_domain: Annotated[float | None, typer.Option(help="Most % of another domain's questions answered.")] = None,
    margin: Annotated[
        str, typer.Option(help="What the best entry must lead the second by, a cosine; auto: the best of five.")
    ] = "0",
    confidence: Annotated[float, typer.Option(help="That all promises hold, in %.")] = 95,
    json: Json = False,
) -> None:
    """Set the answer threshold by promises that hold for data to come, and write a certificate."""
    from faqtune.console.calibrate import run_calibrate

    kinds = {
        "noise/chatter": chatter, "noise/unsupported": unsupported, "noise/garbage": garbage,
        "noise/other_domain": other_domain, "noise": noise, "wrong": wrong, "rejected": rejected,
    }  # fmt: skip
    run_calibrate(project, run, kinds, right, margin, confidence, as_json=json)


@app.command()
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


@app.command()
def report(
    project: Project = Path(),
    run: Annotated[str, typer.Option(help="Name of a run; unset: the newest finished one.")] = "",
    form: Annotated[
        str, typer.Option("--format", help="html; md: tables for a pull request; json: all data with its sources.")
    ] = "html",
    language: Annotated[str, typer.Option(help="zh or en, of --format md; the page has both.")] = "zh",
    json: Json = False,
) -> None:
    """Draw the report of a run: one HTML page and a picture. The run must have been evaluated."""
    from faqtune.console.report import run_report

    run_report(project, run, form, language, as_json=json)


@app.command()
def match(
    text: Annotated[list[str] | None, typer.Argument(help="What a customer typed; without it, lines of stdin.")] = None,
    project: Project = Path(),
    model: ModelName = "",
    top: Annotated[int, typer.Option(help="Entries to show.", min=1)] = 5,
    threshold: Annotated[float | None, typer.Option(help="Cosine to answer from; unset: the calibrated one.")] = None,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="One JSON object per text on stdout, of a blank line and an error (error, next) too.",
            callback=remember_json,
        ),
    ] = False,
) -> None:
    """Find the entries nearest to a text. Says whether it would be answered."""
    from faqtune.console.match import run_match

    run_match(project, text or [], model, top, threshold, as_json=json)


@app.command()
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


@app.command()
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


@app.command()
def demo(
    project: Project = Path("demo"), gpus: Gpus = None, track: Track = "", force: Force = False, json: Json = False
) -> None:
    """Tune the built-in model on the shipped sample shop. The shop is synthetic; it takes minutes on a laptop."""
    from faqtune.console.tune import run_demo

    run_demo(project, gpus, track=track, force=force, as_json=json)


@app.command()
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
    """Convert between the legacy forms and FlagEmbedding JSONL. Says what the target cannot carry."""
    from faqtune.console.convert import run_convert

    run_convert(project, source, target, source_form, target_form, force=force, as_json=json)


@app.command()
def doctor(project: Project = Path(), model: ModelOfProject = "", json: Json = False) -> None:
    """Check versions, device, memory, disk and model. Says what to do about each."""
    from faqtune.console.doctor import run_doctor

    run_doctor(project, model, as_json=json)


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
    app()


if __name__ == "__main__":
    main()
