"""The state of one training, and how it is measured, saved and taken up again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from faqtune.encoder import Encoder
from faqtune.model import TextModel, effective_weights, put_weights, stored_weights
from faqtune.processes import is_orphan
from faqtune.recipe import Recipe, Stage
from faqtune.train import ranks
from faqtune.train.budget import TokenBudget
from faqtune.train.checkpoints import (
    Checkpoint,
    Progress,
    has_best,
    latest_checkpoint,
    save_best,
    save_checkpoint,
)
from faqtune.train.data import TrainingData
from faqtune.train.engine import StepLoss
from faqtune.train.handover import checkpoint_of_writer
from faqtune.train.log import RunLog
from faqtune.train.mined import Mined
from faqtune.train.optimiser import optimiser_tensors
from faqtune.train.selection import note_if_best
from faqtune.train.shares import encoder_of
from faqtune.train.trainable import Trained, prepare

Measure = Callable[[Encoder], dict[str, float]]
"""Figures of a model on the selection part, by the names of `Scorecard.figures`."""


class Listener(Protocol):
    """Told what happens, so that the training draws nothing itself. Stages count from 1; `step` are the steps done
    in the stage, `before` those of all stages before it, `queries` how many a step takes from each source. `settled`
    tells the settings that a stage is run with, as `settings_in_use` has them, once it has mined for the first time."""

    def stage_started(
        self, stage: Stage, number: int, steps: int, done: int, before: int, queries: Mapping[str, int]
    ) -> None: ...
    def settled(self, number: int, settings: dict[str, Any]) -> None: ...
    def stepped(self, stage: Stage, number: int, step: int, loss: StepLoss) -> None: ...
    def measured(self, number: int, step: int, figures: dict[str, float], is_best: bool) -> None: ...
    def mined(self, number: int, step: int, figures: dict[str, float]) -> None: ...
    def noted(self, text: str) -> None: ...


@dataclass(slots=True)
class Training:
    """One training on its way. `trained`: what its stages change; `before`: the base model's
    unit vectors of `data.noise`, if a stage wants them; `budget`: tokens at once, found before the first step;
    `saved_at`: stage and step of the last checkpoint."""

    model: TextModel
    data: TrainingData
    recipe: Recipe
    checkpoints: Path
    log: RunLog
    measure: Measure
    listener: Listener
    stop: threading.Event
    trained: Trained
    progress: Progress
    before: Tensor | None = None
    budget: TokenBudget | None = None
    saved_at: tuple[int, int] | None = None
    saved_seconds: float = field(default_factory=time.monotonic)

    def begin(self) -> Checkpoint | None:
        """Go back to the newest checkpoint; without one measure the base model, the first that is best."""
        found = self._newest_checkpoint()
        self.model.scale_halvings = 0 if found is None else found.progress.scale_halvings
        if found is None:
            self.log.rewind(0)
            self.measure_now(at_start=True)
            return None
        self.progress = found.progress
        # In other batches vectors would have other last digits.
        self.model.room.most_tokens = found.progress.encode_tokens or None
        self.saved_at = (found.progress.stage, found.progress.step)
        if ranks.is_writer() and not has_best(self.checkpoints, self.progress):
            # Of the base model alone can a checkpoint do without: it is here, as it was.
            save_best(self.checkpoints, 0, 0, effective_weights(self.model, self.trained.names))
        prepare(self.model, self.recipe.stages[self.progress.stage - 1], self.recipe.seed)
        put_weights(self.model, found.weights)
        found.weights.clear()  # as much memory as the model takes
        known = found.progress.events
        if lost := self.log.rewind(known, self.saved_at):
            self.note(f"{self.log.path} has lost {lost} of its {known} lines: curves will lack them, the model nothing")
        if not self.progress.figures_at_start:
            self._take_figures_of_log()
        return found

    def _take_figures_of_log(self) -> None:
        """Of a checkpoint from before they were kept in it."""
        for event in self.log.read():
            if event["event"] == "measured":
                self.progress.figures_at_start = self.progress.figures_at_start or event["figures"]
                self.progress.figures_at_best = event["figures"] if event["best"] else self.progress.figures_at_best

    def _newest_checkpoint(self) -> Checkpoint | None:
        """The one that rank 0 chooses, and tidies up after, on all ranks."""
        found = latest_checkpoint(self.checkpoints, self.progress.training) if ranks.is_writer() else None
        return checkpoint_of_writer(found)

    def is_to_stop(self) -> bool:
        """Whether this process, or another that trains with it, was asked to stop."""
        return any(ranks.agreed(self.stop.is_set() or is_orphan()))

    def measure_now(self, encoder: Encoder | None = None, *, at_start: bool = False) -> None:
        """Measure the model, as `encoder` where one is given, and keep its weights if they are the best so far."""
        progress = self.progress
        started = time.perf_counter()
        figures = ranks.same(self.measure(encoder or encoder_of(self.model)))
        seconds = time.perf_counter() - started
        is_best = note_if_best(figures, self.recipe.selection, progress, at_start=at_start)
        if is_best and ranks.is_writer():
            found = effective_weights(self.model, self.trained.names)
            save_best(self.checkpoints, progress.best_stage, progress.best_step, found)
        self.log.write(
            "measured", stage=progress.stage, step=progress.step, figures=figures, best=is_best, seconds=seconds
        )
        self.listener.measured(progress.stage, progress.step, figures, is_best)

    def settle(self, settings: dict[str, Any]) -> None:
        """Keep in the log, and tell, what the stage is run with."""
        self.log.write("started", stage=self.progress.stage, step=self.progress.step, **settings)
        self.listener.settled(self.progress.stage, settings)

    def note(self, text: str) -> None:
        """Keep in the log, and tell, what happened besides steps and measurements."""
        self.log.write("noted", stage=self.progress.stage, step=self.progress.step, text=text)
        self.listener.noted(text)

    def save_is_due(self) -> bool:
        """Whether so many steps, or minutes, have passed since the last checkpoint.

        When one is written changes nothing in what is trained.
        """
        steps, minutes = self.recipe.checkpoint_every_steps, self.recipe.checkpoint_every_minutes
        is_time = minutes > 0 and time.monotonic() - self.saved_seconds >= 60 * minutes
        return ranks.same(is_time) or (steps > 0 and self.progress.step % steps == 0)

    def save(self, optimiser: torch.optim.Optimizer, mined: Mined) -> None:
        """Write a checkpoint, unless there is one of this step."""
        progress = self.progress
        if self.saved_at == (progress.stage, progress.step):
            return
        progress.events = self.log.length
        progress.encode_tokens = self.model.room.most_tokens or 0
        found = stored_weights(self.model, self.trained.names)
        checkpoint = Checkpoint(progress, found, optimiser_tensors(optimiser), mined)
        if ranks.is_writer():
            save_checkpoint(self.checkpoints, checkpoint)
        self.saved_at = (progress.stage, progress.step)
        self.saved_seconds = time.monotonic()
