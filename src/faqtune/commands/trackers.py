"""`--track NAME`: a training followed in TensorBoard, MLflow, Weights & Biases, trackio or SwanLab."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from faqtune.commands.listener import TrainingListener
from faqtune.errors import UserError
from faqtune.progress import Reporter
from faqtune.recipe import Recipe, Stage
from faqtune.runs import Run

if TYPE_CHECKING:
    from faqtune.train import StepLoss

TRACKERS = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "mlflow": ("mlflow",),
    "wandb": ("wandb",),
    "trackio": ("trackio",),
    "swanlab": ("swanlab",),
}
"""Names, and the packages of which one must be installed."""

PROJECT = "faqtune"


def refuse_tracker(name: str) -> None:
    """Raises UserError if there is no such tracker, or what it needs is not installed."""
    if name not in TRACKERS:
        raise UserError(f"there is no tracker {name}", f"use one of {', '.join(TRACKERS)}")
    if find_spec("accelerate") is None:
        raise UserError("--track needs accelerate", 'run `pip install "faqtune[track]"`')
    if not any(find_spec(package) for package in TRACKERS[name]):
        raise UserError(f"{name} is not installed", f"run `pip install {TRACKERS[name][0]}`, or leave --track out")


class Tracked(TrainingListener):
    """Tells a tracker, too. Values are named after their stage and count its steps, so that a resumed training
    goes on in the same curves. A tracker that fails is left alone: it must not cost a training."""

    def __init__(self, plan: Recipe, reporter: Reporter, name: str, run: Run) -> None:
        super().__init__(plan, reporter)
        self.name, self._tracker = name, _made(name, run, plan)

    def stepped(self, stage: Stage, number: int, step: int, loss: StepLoss) -> None:
        super().stepped(stage, number, step, loss)
        self._send(number, "loss", {"total": loss.total, **loss.parts}, step)

    def measured(self, number: int, step: int, figures: dict[str, float], is_best: bool) -> None:
        super().measured(number, step, figures, is_best)
        self._send(number, "selection", figures, step)

    def mined(self, number: int, step: int, figures: dict[str, float]) -> None:
        super().mined(number, step, figures)
        self._send(number, "mining", figures, step)

    def finish(self) -> None:
        """Close the tracker."""
        self._quietly(lambda tracker: tracker.finish())

    def _send(self, stage: int, group: str, values: Mapping[str, float], step: int) -> None:
        # MLflow refuses @ in names.
        named = {
            f"stage {stage} {group}/{name.replace('@', ' at ')}": value
            for name, value in values.items()
            if math.isfinite(value)
        }
        self._quietly(lambda tracker: tracker.log(named, step=step))

    def _quietly(self, told: Any) -> None:
        if self._tracker is None:
            return
        try:
            told(self._tracker)
        except Exception as error:
            self._tracker = None
            self.reporter.say(f"{self.name} failed and is told no more; the training goes on: {error}")


def _made(name: str, run: Run, plan: Recipe) -> Any:
    """The tracker of accelerate, told the recipe. Raises UserError where it cannot be started."""
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    folder = run.folder / "tracking"
    try:
        maker = LOGGER_TYPE_TO_CLASS[name]
        if name == "tensorboard":
            tracker = maker(run.name, logging_dir=folder)
        elif name == "mlflow":
            tracker = maker(experiment_name=PROJECT, run_name=run.name)
        else:
            tracker = maker(PROJECT, **{"experiment_name" if name == "swanlab" else "name": run.name})
        tracker.start()
        tracker.store_init_configuration({"run": run.name, "recipe": plan.model_dump_json()})
    except Exception as error:
        raise UserError(f"{name} cannot be started: {error}", "set it up, or leave --track out") from error
    return tracker
