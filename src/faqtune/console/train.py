"""Output of `faqtune train`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.train import Trained, train_model
from faqtune.commands.training.launch import launch_on_gpus
from faqtune.console.output import UNCHANGED, emit, emit_json, next_step, plain
from faqtune.console.reporter import ConsoleReporter
from faqtune.processes import place
from faqtune.workspace import Workspace


def run_train(
    project: Path,
    recipe: str,
    overrides: list[str],
    gpus: int | None,
    *,
    force: bool,
    resume: bool,
    track: str,
    as_json: bool,
) -> None:
    if gpus is not None and gpus > 1:
        flags = [name for name, wanted in (("--force", force), ("--resume", resume), ("--json", as_json)) if wanted]
        options = [f"--project={project}", f"--recipe={recipe}", f"--track={track}", *flags]
        # The processes have said all that there is to say.
        raise SystemExit(launch_on_gpus(gpus, [*options, *(f"--set={change}" for change in overrides)]))
    with ConsoleReporter() as reporter:
        result = train_model(
            Workspace(project),
            recipe=recipe,
            overrides=tuple(overrides),
            force=force,
            resume=resume,
            track=track,
            reporter=reporter,
        )
    if not place().is_writer:
        return
    if as_json:
        emit_json({**plain(result), "model": result.run.model_path})
    else:
        _show(result)
        emit("", next_step("evaluate", project))


def _show(result: Trained) -> None:
    emit(*[UNCHANGED] * result.skipped)
    stage, step = result.best_step
    if (stage, step) == (0, 0):
        emit("No step was better than the base model on the selection part, so the model is the base model.")
        emit(result.run.name)
    else:
        emit(f"{result.run.name}: best at stage {stage}, step {step}")
    both = [(name, result.before[name], result.after[name]) for name in result.before if name in result.after]
    changes = ", ".join(f"{name} {before:.3f} → {after:.3f}" for name, before, after in both)
    # What measures a model afterwards is exact: the last digits are not those of a training in half precision.
    precision = result.run.facts.get("precision", "float32")
    how = "" if precision == "float32" else f" (in {precision}, as it was trained)"
    emit(f"  on the selection part{how}: {changes}", f"  model: {result.run.model_path}")
