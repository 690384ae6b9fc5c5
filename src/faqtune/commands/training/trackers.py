"""`--track NAME`: a training followed in TensorBoard, MLflow, Weights & Biases, trackio or SwanLab."""

from __future__ import annotations

import math
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from faqtune.commands.training.listener import TrainingListener
from faqtune.commands.training.run_files import RunFiles
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
TOLD_AGAIN = ("tensorboard", "wandb", "swanlab")
"""They write late, so that a kill costs them more than the training, and show a value that is told twice once."""
TRACKED = "tracked"
"""The fact of a run that says by which name or number each tracker knows it."""


def refuse_tracker(name: str) -> None:
    """Raises UserError if there is no such tracker, or what it needs is not installed."""
    if name not in TRACKERS:
        raise UserError(f"there is no tracker {name}", f"use one of {', '.join(TRACKERS)}")
    if find_spec("accelerate") is None:
        raise UserError("--track needs accelerate", 'run `pip install "faqtune[track]"`')
    if not any(find_spec(package) for package in TRACKERS[name]):
        raise UserError(f"{name} is not installed", f"run `pip install {TRACKERS[name][0]}`, or leave --track out")


class Tracked(TrainingListener):
    """Tells a tracker, too: losses stage by stage, since they are different sums, figures over the whole training.

    Steps count from the start of the training, since Weights & Biases drops what comes with a lower step than it had
    before. A training that is taken up goes on in the tracker's run of it. A tracker that fails is left alone: it
    must not cost a training.
    """

    def __init__(self, plan: Recipe, reporter: Reporter, files: RunFiles, name: str) -> None:
        super().__init__(plan, reporter, files)
        self.name, self._before, self._is_new, self._events = name, 0, True, files.events
        self._tracker = _made(name, files.run, plan)

    def stage_started(
        self, stage: Stage, number: int, steps: int, done: int, before: int, queries: Mapping[str, int]
    ) -> None:
        super().stage_started(stage, number, steps, done, before, queries)
        if self._is_new and before + done:
            self._tell_again(self._events())
        self._before, self._is_new = before, False

    def stepped(self, stage: Stage, number: int, step: int, loss: StepLoss) -> None:
        super().stepped(stage, number, step, loss)
        self._send(f"stage {number} loss", {"total": loss.total, **loss.parts}, self._before + step)

    def measured(self, number: int, step: int, figures: dict[str, float], is_best: bool) -> None:
        super().measured(number, step, figures, is_best)
        self._send("selection", figures, self._before + step)

    def mined(self, number: int, step: int, figures: dict[str, float]) -> None:
        super().mined(number, step, figures)
        self._send("mining", figures, self._before + step)

    def finish(self) -> None:
        """Close the tracker."""
        super().finish()
        self._quietly(lambda tracker: tracker.finish())

    def _tell_again(self, events: Sequence[Mapping[str, Any]]) -> None:
        """What the log holds of a training that is taken up, to those that may have lost it in a kill."""
        if self.name not in TOLD_AGAIN or self._tracker is None:
            return
        # Connected to its server, Weights & Biases knows what it has, and warns of each value that it drops.
        first = getattr(self._tracker.tracker, "step", 0) if self.name == "wandb" else 0
        lengths = Counter(event["stage"] for event in events if event["event"] == "step")
        for event in events:
            if event["event"] not in ("step", "measured", "mined"):
                continue
            number = event["stage"]
            at = sum(lengths[earlier] for earlier in range(1, number)) + event["step"]
            if at < first:
                continue
            if event["event"] == "step":
                self._send(f"stage {number} loss", {"total": event["loss"], **event["parts"]}, at)
            else:
                self._send("selection" if event["event"] == "measured" else "mining", event["figures"], at)

    def _send(self, group: str, values: Mapping[str, float], at: int) -> None:
        """`at`: steps since the start of the training."""
        named = {f"{group}/{_sayable(name)}": value for name, value in values.items() if math.isfinite(value)}
        self._quietly(lambda tracker: tracker.log(named, step=at))

    def _quietly(self, told: Any) -> None:
        if self._tracker is None:
            return
        try:
            with redirect_stdout(sys.stderr):
                told(self._tracker)
        except Exception as error:
            self._tracker = None
            self.reporter.say(f"{self.name} failed and is told no more; the training goes on: {error}")


def _sayable(name: str) -> str:
    """A figure by a name that every tracker takes: MLflow refuses @, and on a disk it has `recall/macro` for a file in
    a folder `recall`, which is a file already.

    >>> _sayable("recall@1/macro")
    'recall at 1 macro'
    """
    return name.replace("@", " at ").replace("/", " ")


def _made(name: str, run: Run, plan: Recipe) -> Any:
    """The tracker of accelerate, told the recipe; in the run that it has of an earlier part of the same training.

    Raises UserError where it cannot be started.
    """
    from accelerate import PartialState
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    PartialState()  # without it most of them refuse to say that they have started
    known = run.facts.get(TRACKED, {}).get(name, "")
    # Its number is ours to choose, but for MLflow's. One that trains anew under the same name gets another.
    identity = known or uuid.uuid4().hex[:16]
    try:
        with redirect_stdout(sys.stderr):  # what they say must not come between our figures
            tracker = LOGGER_TYPE_TO_CLASS[name](**_arguments(name, run, identity, is_new=not known))
            tracker.start()
            _tell_recipe(name, tracker, run, plan)
    except Exception as error:
        raise UserError(f"{name} cannot be started: {error}", "set it up, or leave --track out") from error
    if name == "mlflow":
        identity = tracker.tracker.info.run_id
    run.facts[TRACKED] = run.facts.get(TRACKED, {}) | {name: identity}
    run.save()
    return tracker


def _arguments(name: str, run: Run, identity: str, *, is_new: bool) -> dict[str, Any]:
    """What a tracker of accelerate is made with."""
    if name == "tensorboard":
        # What its files had before is void: it is told again.
        return {"run_name": run.name, "logging_dir": run.folder / "tracking", "purge_step": 0}
    if name == "mlflow":
        return {"experiment_name": PROJECT, "run_name": run.name, "run_id": None if is_new else identity}
    if name == "trackio":  # it knows its runs by their name
        return {"run_name": PROJECT, "name": run.name, "resume": "never" if is_new else "allow"}
    title = "experiment_name" if name == "swanlab" else "name"
    return {"run_name": PROJECT, title: run.name, "id": identity, "resume": "allow"}


def _tell_recipe(name: str, tracker: Any, run: Run, plan: Recipe) -> None:
    settings = dict(_flat("", plan.model_dump()))
    if name == "tensorboard":
        # What it has for settings would be another run beside the curves, and one more after each interruption.
        lines = [f"| {key} | {value} |" for key, value in settings.items()]
        tracker.log({"recipe": "\n".join(["| setting | value |", "|---|---|", *lines])}, step=0)
    else:
        tracker.store_init_configuration({"run": run.name, **settings})


def _flat(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Settings by their names, as `--set` has them: `stage.1.mining.every_steps`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{place}.{name}" if place else name, inner)
    elif place == "stages":
        for number, stage in enumerate(value, start=1):
            yield from _flat(f"stage.{number}", stage)
    else:
        yield place, str(value) if isinstance(value, list) else value
