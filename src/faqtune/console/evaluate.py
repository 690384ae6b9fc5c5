"""Output of `faqtune evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from faqtune.commands.evaluate import evaluate_models
from faqtune.commands.figures.scorecards import Evaluated
from faqtune.console.output import UNCHANGED, emit, emit_json, next_step
from faqtune.console.reporter import ConsoleReporter
from faqtune.evaluate import format_comparison, format_models, format_scorecard, plain_text
from faqtune.evaluate.wording import points_of
from faqtune.scorecard import short_names
from faqtune.workspace import Workspace

MOST_MERGES = 5
MORE = "With --details: each kind of noise by itself, and means per entry."


def run_evaluate(
    project: Path,
    models: list[str],
    part: str,
    gold: Path | None,
    gold_catalogue: Path | None,
    noise: list[str],
    mteb: str,
    resamples: int,
    *,
    details: bool,
    force: bool,
    as_json: bool,
) -> None:
    tasks = [task.strip() for task in mteb.split(",") if task.strip()]
    with ConsoleReporter() as reporter:
        result = evaluate_models(
            Workspace(project), models=tuple(models), part=part, gold=gold, gold_catalogue=gold_catalogue,
            noise=noise, mteb=tasks, resamples=resamples, force=force, reporter=reporter,
        )  # fmt: skip
    if as_json:
        emit_json(
            {
                "skipped": result.skipped,
                "scorecards": result.scorecards,
                "differences": result.comparison.differences if result.comparison else None,
                "comparisons": [
                    {"before": each.before.model, "after": each.after.model, "differences": each.differences}
                    for each in result.comparisons
                ],
                "paths": result.paths,
                "confusions": result.confusions,
                "general": result.general,
                "mteb": result.mteb,
            }
        )
    else:
        emit(*[UNCHANGED] * result.skipped)
        # Who brings noise of a kind asks about that kind.
        details = details or bool(noise)
        show_evaluated(result, details=details)
        emit(*[MORE] * (not details))
        emit("", next_step("match", project, ' "what a customer would type"'))


def show_evaluated(result: Evaluated, *, details: bool) -> None:
    """The table of one model, or of several side by side, with `details` for each kind of noise too; which entries
    might be one."""
    if len(result.comparisons) > 1:
        made = format_models(result.comparisons, details=details)
    elif result.comparison:
        made = format_comparison(result.comparison, details=details)
    else:
        made = format_scorecard(result.scorecards[0], details=details)
    emit(plain_text(made))
    pairs = [each for each in result.scorecards[-1].confusions if each.merge]
    for each in pairs[:MOST_MERGES]:
        emit(f"Perhaps one entry: “{each.question_a}” and “{each.question_b}”")
    emit(*_general_lines(result.general))
    for model, scores in zip(short_names(list(result.mteb or ())), (result.mteb or {}).values(), strict=True):
        emit(f"MTEB, {model}: " + ", ".join(f"{task} {100 * score:.1f}" for task, score in scores.items()))
    if result.confusions:
        emit(f"Entries taken for each other: {result.confusions}")


def _general_lines(kept: Mapping[str, Any] | None) -> Iterable[str]:
    """What each model makes of everyday sentences, and how it differs from the first."""
    if not kept:
        return
    changes = [None, *(each["figures"]["all"] for each in kept["differences"])]
    names = short_names([each["model"] for each in kept["models"]])
    for name, each, change in zip(names, kept["models"], changes, strict=True):
        found = each["figures"]["all"]
        line = f"Everyday sentences ({kept['pairs']} pairs, AUROC), {name}: {_percent(found)}"
        yield line if change is None else f"{line}, difference {points_of(change)}"


def _percent(found: Mapping[str, float]) -> str:
    value, low, high = (f"{100 * found[name]:.1f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
