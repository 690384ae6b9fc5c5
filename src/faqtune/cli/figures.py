"""Commands that say how good a model is, and where it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faqtune.console.options import Force, GoldCatalogue, Json, ModelName, Project
from faqtune.console.surface import remember_json


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
    details: Annotated[
        bool, typer.Option("--details", help="Show the figures of each kind of noise, and means per entry, too.")
    ] = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Measure models side by side, with 95 % intervals. By default the tuned one against its base."""
    from faqtune.console.evaluate import run_evaluate

    named = [*(models or []), *(names or [])]
    run_evaluate(
        project, named, part, gold, gold_catalogue, noise or [], mteb, resamples,
        details=details, force=force, as_json=json,
    )  # fmt: skip


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
    index: Annotated[bool, typer.Option("--index", help="With the vectors that `faqtune index` has written.")] = False,
    json: Json = False,
) -> None:
    """Set the answer threshold by promises that hold for data to come, and write a certificate."""
    from faqtune.console.calibrate import run_calibrate

    kinds = {
        "noise/chatter": chatter, "noise/unsupported": unsupported, "noise/garbage": garbage,
        "noise/other_domain": other_domain, "noise": noise, "wrong": wrong, "rejected": rejected,
    }  # fmt: skip
    run_calibrate(project, run, kinds, right, margin, confidence, with_index=index, as_json=json)


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


def index(
    project: Project = Path(),
    model: ModelName = "",
    prior: Annotated[float, typer.Option(help="So many sure labels weigh as much as the question itself.")] = 10,
    confidence: Annotated[float, typer.Option(help="Labels less sure than this do not count, 0 to 1.")] = 0.9,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples.", min=100, max=100_000)] = 10_000,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a vector for each question, drawn towards what customers ask, and measure what it brings."""
    from faqtune.console.index import run_index

    run_index(project, model, prior, confidence, resamples, force=force, as_json=json)


def match(
    text: Annotated[list[str] | None, typer.Argument(help="What a customer typed; without it, lines of stdin.")] = None,
    project: Project = Path(),
    model: ModelName = "",
    top: Annotated[int, typer.Option(help="Entries to show.", min=1)] = 5,
    threshold: Annotated[float | None, typer.Option(help="Cosine to answer from; unset: the calibrated one.")] = None,
    index: Annotated[bool, typer.Option("--index", help="With the vectors that `faqtune index` has written.")] = False,
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

    run_match(project, text or [], model, top, threshold, with_index=index, as_json=json)
