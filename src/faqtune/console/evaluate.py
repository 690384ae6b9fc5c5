"""Output of `faqtune evaluate`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.evaluate import evaluate_models
from faqtune.commands.scorecards import Evaluated
from faqtune.console.output import UNCHANGED, emit, emit_json, next_step
from faqtune.console.reporter import ConsoleReporter
from faqtune.evaluate import format_comparison, format_scorecard, plain_text
from faqtune.workspace import Workspace


def run_evaluate(
    project: Path,
    models: list[str],
    part: str,
    gold: Path | None,
    gold_catalogue: Path | None,
    resamples: int,
    *,
    force: bool,
    as_json: bool,
) -> None:
    with ConsoleReporter() as reporter:
        result = evaluate_models(
            Workspace(project), models=tuple(models), part=part, gold=gold, gold_catalogue=gold_catalogue,
            resamples=resamples, force=force, reporter=reporter,
        )  # fmt: skip
    if as_json:
        differences = result.comparison.differences if result.comparison else None
        figures = {"scorecards": result.scorecards, "differences": differences}
        emit_json({"skipped": result.skipped, **figures, "paths": result.paths})
    else:
        emit(*[UNCHANGED] * result.skipped)
        show_evaluated(result)
        emit("", next_step("match", project, ' "what a customer would type"'))


def show_evaluated(result: Evaluated) -> None:
    """The table of one model, or of two side by side."""
    made = format_comparison(result.comparison) if result.comparison else format_scorecard(result.scorecards[0])
    emit(plain_text(made))
