"""What a sweep between a run's base and its tuned model found, and the run that is made of the best mixture."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from faqtune import __version__
from faqtune.runs import Run, new_run
from faqtune.workspace import Workspace, read_json, write_json, write_text

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


@contextmanager
def mixed_run(workspace: Workspace, source: Run, swept: Swept, inputs: str) -> Iterator[Run]:
    """A new run to be finished; a folder that was not there before goes again if that fails."""
    known = {path.name for path in workspace.runs_path.iterdir()}
    run = new_run(workspace, "merge", source.base, inputs)
    try:
        _carry_along(source, swept, run)
        yield run
    except BaseException:
        if run.name not in known:
            shutil.rmtree(run.folder, ignore_errors=True)
        raise


def _carry_along(source: Run, swept: Swept, run: Run) -> None:
    """The training of the source, so that a report shows where the model came from, and what was found."""
    facts = {
        "of": source.name,
        "coefficient": swept.chosen,
        "metric": swept.metric,
        "guard": swept.guard,
        "forgetting_budget": swept.forgetting_budget,
        "curve": [asdict(place) for place in swept.curve],
    }
    run.facts = source.facts | {"faqtune": __version__, "precision": "float32", "merged": facts}
    run.save()
    recipe = read_json(source.folder / "recipe.json", "faqtune train")
    outline = {key: value for key, value in facts.items() if key != "curve"}
    write_json(run.folder / "recipe.json", recipe | {"merge": outline})
    for name in ("log.jsonl", "loss_curve.svg"):
        if (source.folder / name).is_file():
            write_text(run.folder / name, (source.folder / name).read_text(encoding="utf-8"))


def forgotten_words(best: Place) -> str:
    """For the model card."""
    interval = f"{best.forgetting_low:+.3f} to {best.forgetting_high:+.3f}"
    return (
        f"\n\nOn {FORGOTTEN_ON} it has an AUROC of {best.general:.3f}, its base {best.general + best.forgetting:.3f}: "
        f"it has forgotten {best.forgetting:+.3f} (95 % interval {interval})."
    )
