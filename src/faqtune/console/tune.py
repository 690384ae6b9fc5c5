"""Output of `faqtune tune` and `faqtune demo`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.tune import Tuned, tune, tune_sample
from faqtune.console.evaluate import show_evaluated
from faqtune.console.output import emit, emit_json, next_step, plain
from faqtune.console.reporter import ConsoleReporter
from faqtune.workspace import Workspace


def run_tune(
    project: Path,
    files: list[Path],
    noise: list[Path],
    gold: list[Path],
    gold_catalogue: Path | None,
    model: str,
    recipe: str,
    overrides: list[str],
    gpus: int | None,
    *,
    track: str,
    force: bool,
    as_json: bool,
) -> None:
    with ConsoleReporter() as reporter:
        result = tune(
            Workspace(project), tuple(files), noise=tuple(noise), gold=tuple(gold), gold_catalogue=gold_catalogue,
            model=model, recipe=recipe, overrides=tuple(overrides), gpus=gpus or 1, track=track,
            force=force, reporter=reporter,
        )  # fmt: skip
    _show(project, result, as_json)


def run_demo(project: Path, gpus: int | None, *, track: str, force: bool, as_json: bool) -> None:
    with ConsoleReporter() as reporter:
        result = tune_sample(Workspace(project), gpus=gpus or 1, track=track, force=force, reporter=reporter)
    _show(project, result, as_json)


def _show(project: Path, result: Tuned, as_json: bool) -> None:
    if as_json:
        emit_json({**plain(result), "model": result.trained.run.model_path})
    else:
        emit("")
        show_evaluated(result.evaluated, details=False)
        emit("", "For each kind of noise: the report, or `faqtune evaluate --details`.")
        emit("", f"model   {result.trained.run.model_path}", f"report  {result.report}", "")
        if result.index_may_help:
            command = next_step("index", project).removeprefix("Next: ")
            emit(f"Most entries have several sure labels: `{command}` may find more with them and measures it.", "")
        emit(next_step("match", project, ' "what a customer would type"'))
