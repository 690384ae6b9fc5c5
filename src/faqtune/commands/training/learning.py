"""Points of the learning curve: what a training reached on the selection part, and with how many hand labels.

Each lies with its run (`learning.json`). The selection part changes as labels come (what people label leaves it), so
points are comparable only on one state of it: `refresh_points` measures the earlier runs again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from faqtune.annotate.tuned import Tuned
from faqtune.commands.figures.oscr_of import choosing_set, measured_oscr
from faqtune.commands.project.assemble import BY_PEOPLE
from faqtune.commands.project.models import model_digest
from faqtune.commands.training.run_labels import LABELS_NAME
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet
from faqtune.progress import Reporter
from faqtune.records import HUMAN, SELECTION
from faqtune.runs import FINISHED, Run, all_runs
from faqtune.stored import read_json, write_json
from faqtune.workspace import Workspace

LEARNING_NAME = "learning.json"
KEPT_RESAMPLES = 500
DIGITS = 5
MOST_RUNS = 12
"""So many of the newest runs are measured again; encoding takes its time with large models."""


def keep_point(workspace: Workspace, run: Run, reporter: Reporter) -> bool:
    """Measure a run that has just been trained; False where the selection part is too small for it, which is said if
    hand labels trained."""
    labels = _hand_labels(run)
    try:
        data = choosing_set(workspace, [run.name], SELECTION)
        _measure(workspace, run, labels, data, reporter)
    except UserError as error:
        if labels:
            reporter.say(f"note: no point of the learning curve: {error.problem}")
        return False
    return True


def has_point(run: Run) -> bool:
    """Whether a run was ever measured for the curve."""
    return (run.folder / LEARNING_NAME).exists()


def refresh_points(workspace: Workspace, reporter: Reporter) -> None:
    """Bring the points of all runs to today's selection part; a run that cannot be measured any more has none."""
    runs = _measured(workspace)
    if not runs:
        return
    try:
        data = choosing_set(workspace, [run.name for run in runs], SELECTION)
    except UserError as error:
        reporter.say(f"note: the learning curve is not measured anew: {error.problem}")
        return
    for run in runs:
        kept = _read(run)
        if kept is not None and (kept["selection"], kept["model"]) == (
            data.digest(),
            model_digest(workspace, run.name),
        ):
            continue
        reporter.say(f"measuring {run.name} on today's selection part, for the learning curve")
        _measure(workspace, run, _hand_labels(run), data, reporter)


def are_of_today(workspace: Workspace) -> bool:
    """Whether the kept points are of the selection part as it is now, which labels and settings change; also where
    there are none, or it is too small to measure them anew. What a run has seen is left out of it."""
    if not (latest := _latest(workspace)):
        return True
    newest, kept = latest[0]
    together, alone = [run.name for run in _measured(workspace)], [newest.name]
    try:
        return kept["selection"] in {choosing_set(workspace, names, SELECTION).digest() for names in (together, alone)}
    except UserError:
        return True


def _measured(workspace: Workspace) -> list[Run]:
    """The runs whose points are kept up to date."""
    runs = [run for run in all_runs(workspace) if run.status in FINISHED and run.has_model and has_point(run)]
    return runs[-MOST_RUNS:]


def kept_points(workspace: Workspace) -> list[Tuned]:
    """The points that were measured on the same state of the selection part as the latest one."""
    runs = {run.name: run for run in all_runs(workspace)}
    return [_point(runs, run, kept) for run, kept in _latest(workspace)]


def _latest(workspace: Workspace) -> list[tuple[Run, dict[str, Any]]]:
    """The runs measured on the same state of the selection part as the latest one, with what was kept; that first."""
    finished = [run for run in all_runs(workspace) if run.status in FINISHED]
    found = [(run, kept) for run in finished if (kept := _read(run)) is not None]
    found.sort(key=lambda of: str(of[1]["when"]), reverse=True)
    return [(run, kept) for run, kept in found if kept["selection"] == found[0][1]["selection"]]


def _measure(workspace: Workspace, run: Run, labels: int, data: EvaluationSet, reporter: Reporter) -> None:
    found = measured_oscr(workspace, run.name, data, reporter)
    low, high = found.interval
    write_json(
        run.folder / LEARNING_NAME,
        {
            "when": datetime.now(UTC).isoformat(), "selection": data.digest(), "queries": len(data.positives),
            "by_people": data.part.endswith(BY_PEOPLE),
            "model": model_digest(workspace, run.name), "labels": labels,
            "value": found.value, "low": low, "high": high,
            "resampled": [round(float(value), DIGITS) for value in found.resampled[:KEPT_RESAMPLES]],
        },
    )  # fmt: skip


def _hand_labels(run: Run) -> int:
    """How many queries of the training part had a label by people."""
    sources = read_json(run.folder / LABELS_NAME, "faqtune train")["sources"]
    return sum(int(count) for source, count in sources.items() if source.startswith(HUMAN))


def _read(run: Run) -> dict[str, Any] | None:
    return read_json(run.folder / LEARNING_NAME, "faqtune labels --learning-curve") if has_point(run) else None


def _point(runs: Mapping[str, Run], run: Run, kept: dict[str, Any]) -> Tuned:
    recipe = read_json(run.folder / "recipe.json", "faqtune train")
    for other in ("seed", "merge", "layers"):
        recipe.pop(other, None)
    kind = digest(repr(recipe), _bottom(runs, run))
    return Tuned(
        run.name, kept["labels"], kept["value"], kept["low"], kept["high"], run.recipe,
        not run.is_users, kind,
        kept["queries"], kept["by_people"], tuple(kept["resampled"]),
    )  # fmt: skip


def _bottom(runs: Mapping[str, Run], run: Run) -> str:
    """The model that a run, and those that it began from, began from."""
    while run.base in runs and runs[run.base] is not run:
        run = runs[run.base]
    return run.base
