"""Output of the commands that need a model: train, evaluate, match, tune, demo, doctor."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from faqtune.commands.doctor import diagnose_machine
from faqtune.commands.evaluate import Evaluated, evaluate_models
from faqtune.commands.match import Match, match_texts
from faqtune.commands.train import Trained, train_model
from faqtune.commands.tune import Tuned, tune, tune_sample
from faqtune.console.output import emit, emit_json
from faqtune.console.reporter import ConsoleReporter
from faqtune.evaluate import format_comparison, format_scorecard, plain_text
from faqtune.workspace import Workspace

MOST_CHARACTERS = 60


def run_train(project: Path, recipe: str, overrides: list[str], *, force: bool, as_json: bool) -> None:
    result = train_model(
        Workspace(project), recipe=recipe, overrides=tuple(overrides), force=force, reporter=ConsoleReporter()
    )
    if as_json:
        return emit_json(result)
    show_trained(result)
    emit("", f"Next: faqtune evaluate --project {project}")


def show_trained(result: Trained) -> None:
    if result.skipped:
        emit("This training is done already; use --force to do it again.")
    if result.best_step == (0, 0):
        emit("No step was better than the base model on the selection part, so the model is the base model.")
    changes = [f"{n} {result.before[n]:.3f} → {result.after[n]:.3f}" for n in result.before if n in result.after]
    emit(f"{result.run.name}: best at stage {result.best_step[0]}, step {result.best_step[1]}")
    emit(f"  on the selection part: {', '.join(changes)}", f"  model: {result.run.model_path}")


def run_evaluate(
    project: Path,
    models: list[str],
    part: str,
    gold: Path | None,
    gold_catalogue: Path | None,
    resamples: int,
    *,
    as_json: bool,
) -> None:
    result = evaluate_models(
        Workspace(project), models=tuple(models), part=part, gold=gold, gold_catalogue=gold_catalogue,
        resamples=resamples, reporter=ConsoleReporter(),
    )  # fmt: skip
    if as_json:
        return emit_json({"scorecards": result.scorecards, "comparison": result.comparison, "paths": result.paths})
    show_evaluated(result)


def show_evaluated(result: Evaluated) -> None:
    made = format_comparison(result.comparison) if result.comparison else format_scorecard(result.scorecards[0])
    emit(plain_text(made))


def run_match(project: Path, texts: list[str], model: str, top: int, threshold: float | None, *, as_json: bool) -> None:
    lines: Iterable[str] = texts or _stdin_lines()
    for found in match_texts(
        Workspace(project), lines, model=model, threshold_cosine=threshold, top=top, reporter=ConsoleReporter()
    ):
        if as_json:
            emit_json(found)
        else:
            _show_match(found)
        sys.stdout.flush()


def _stdin_lines() -> Iterator[str]:
    if sys.stdin.isatty():
        sys.stderr.write("Type what a customer would; an empty input (Ctrl-D) ends.\n")
    for raw in sys.stdin.buffer:
        yield raw.decode("utf-8", errors="replace").rstrip("\r\n")


def _show_match(found: Match) -> None:
    if found.answered is None:
        verdict = "no threshold has been set for this model"
    else:
        verdict = f"{'answered' if found.answered else 'rejected'} at threshold {found.threshold_cosine:.4f}"
    emit(f"{_short(found.text)}  [{verdict}]")
    for place, hit in enumerate(found.hits, start=1):
        emit(f"  {place}. {hit.score:.4f}  {_short(hit.question)}  →  {_short(hit.answer)}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def run_tune(
    project: Path,
    files: list[Path],
    noise: list[Path],
    gold: list[Path],
    gold_catalogue: Path | None,
    model: str,
    recipe: str,
    overrides: list[str],
    *,
    force: bool,
    as_json: bool,
) -> None:
    result = tune(
        Workspace(project), tuple(files), noise=tuple(noise), gold=tuple(gold), gold_catalogue=gold_catalogue,
        model=model, recipe=recipe, overrides=tuple(overrides), force=force, reporter=ConsoleReporter(),
    )  # fmt: skip
    _show_tuned(project, result, as_json)


def run_demo(project: Path, *, force: bool, as_json: bool) -> None:
    _show_tuned(project, tune_sample(Workspace(project), force=force, reporter=ConsoleReporter()), as_json)


def _show_tuned(project: Path, result: Tuned, as_json: bool) -> None:
    if as_json:
        return emit_json(result)
    emit("")
    show_evaluated(result.evaluated)
    emit(
        "",
        f"model   {result.trained.run.model_path}",
        f"report  {result.report}",
        "",
        f'Next: faqtune match --project {project} "what a customer would type"',
    )


def run_doctor(project: Path, model: str, *, as_json: bool) -> None:
    result = diagnose_machine(Workspace(project), model)
    if as_json:
        return emit_json(result)
    marks = {"ok": "✓", "warn": "!", "fail": "✗"}
    for check in result.checks:
        emit(f"{marks[check.status]} {check.name}: {check.finding}")
        if check.advice:
            emit(f"    → {check.advice}")
    if not result.healthy:
        raise SystemExit(1)
