"""Mixtures of a run's base with its tuned model: what a sweep between the two found, and the run that is made of the
best one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from faqtune import __version__
from faqtune.commands.training.run_files import RECIPE_AS_RUN
from faqtune.commands.training.run_labels import LABELS_NAME
from faqtune.runs import DONE, Run, all_runs, find_run, finished_runs, new_run, refuse_without_model
from faqtune.stored import read_json, write_json, write_text
from faqtune.workspace import Workspace

FORGETTING_BUDGET = 0.01
"""Of AUROC on everyday sentences: what a mixture may lose, by default."""

FORGOTTEN_ON = "the everyday sentence pairs that come with faqtune"


@dataclass(frozen=True, slots=True)
class Place:
    """One model on the way from base (`coefficient` 0) to tuned (1).

    `figures` of the selection part; `general` is the AUROC on everyday sentences, `forgetting` what
    the base has more of it, with its 95 % interval.
    """

    coefficient: float
    figures: dict[str, float]
    general: float
    general_by_language: dict[str, float]
    forgetting: float
    forgetting_low: float
    forgetting_high: float


@dataclass(frozen=True, slots=True)
class Swept:
    """Every coefficient with its figures, and the one that was chosen.

    `source` is the run that was swept, `run` the new one; "" where an end of the line won and no
    run was made. `metric` was chosen by, `guard` decided ties.
    """

    source: str
    base: str
    chosen: float
    run: str
    metric: str
    guard: str
    forgetting_budget: float
    curve: list[Place]
    model: Path | None = None
    skipped: bool = False

    @property
    def best(self) -> Place:
        return next(place for place in self.curve if place.coefficient == self.chosen)


def swept_facts(swept: Swept) -> dict[str, Any]:
    """What `run.json` says of a mixture that a sweep has chosen."""
    return {
        "of": swept.source,
        "coefficient": swept.chosen,
        "metric": swept.metric,
        "guard": swept.guard,
        "forgetting_budget": swept.forgetting_budget,
        "curve": [asdict(place) for place in swept.curve],
    }


def source_run(workspace: Workspace, name: str, warn: Callable[[str], None]) -> Run:
    """The run to mix with its base: the named one, else the newest finished one that is no mixture itself, with a
    warning of those that cannot be read.

    Raises UserError if the named run has not finished, or if there is none.
    """
    if name:
        run = find_run(workspace, name)
        refuse_without_model(run)
        return run
    trained = [run for run in finished_runs(workspace, warn) if "merged" not in run.facts]
    return trained[-1] if trained else find_run(workspace)


def made_before(workspace: Workspace, name: str) -> Run | None:
    """A mixture that was made of the same before and is still there; it becomes the newest run again."""
    made = next((run for run in all_runs(workspace) if run.name == name and run.status == DONE), None)
    if made is None or not made.has_model:
        return None
    # Looked for by its time, the run that was asked for last is the newest.
    made.save()
    return made


@contextmanager
def mixed_run(workspace: Workspace, source: Run, kind: str, facts: dict[str, Any], inputs: str) -> Iterator[Run]:
    """A new run to be finished, of a `kind` (merge, layers) and with the `facts` of its mixture.

    A folder that was not there before goes again if that fails.
    """
    known = {path.name for path in workspace.runs_path.iterdir()}
    run = new_run(workspace, kind, source.base, inputs)
    try:
        _carry_along(source, kind, facts, run)
        yield run
    except BaseException:
        if run.name not in known:
            shutil.rmtree(run.folder, ignore_errors=True)
        raise


def _carry_along(source: Run, kind: str, facts: dict[str, Any], run: Run) -> None:
    """The training of the source, so that a report shows where the model came from, and what was found."""
    run.facts = source.facts | {"faqtune": __version__, "precision": "float32", "merged": facts}
    run.save()
    recipe = read_json(source.folder / "recipe.json", "faqtune train")
    outline = {key: value for key, value in facts.items() if key != "curve"}
    write_json(run.folder / "recipe.json", recipe | {kind: outline})
    for name in ("log.jsonl", "loss_curve.svg", RECIPE_AS_RUN, LABELS_NAME):
        if (source.folder / name).is_file():
            write_text(run.folder / name, (source.folder / name).read_text(encoding="utf-8", errors="replace"))


def forgotten_words(general: float, forgetting: float, low: float, high: float) -> str:
    """For the model card: its AUROC on everyday sentences, and what its base has more, with the interval."""
    return (
        f"\n\nOn {FORGOTTEN_ON} it has an AUROC of {general:.3f}, its base {general + forgetting:.3f}: "
        f"it has forgotten {forgetting:+.3f} (95 % interval {low:+.3f} to {high:+.3f})."
    )
