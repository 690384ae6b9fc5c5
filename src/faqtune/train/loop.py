"""The training loop: stages one after the other, evaluated as they go, resumable at any instant.

Step `s` of a stage depends on the recipe, the seed, the stage, `s` and the last checkpoint only.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file, save_file

from faqtune.errors import UserError
from faqtune.model import TextModel, autocast, freeze, unfreeze
from faqtune.recipe import Losses, Recipe, Selection, Stage
from faqtune.train.batches import batch_at, steps_of
from faqtune.train.checkpoints import Progress, latest_checkpoint, save_checkpoint
from faqtune.train.data import TrainingData
from faqtune.train.engine import StepLoss, learn
from faqtune.train.log import RunLog
from faqtune.train.mining import Mined, mine

Measure = Callable[[TextModel], dict[str, float]]
"""Figures of a model on the selection part, by the names of `Scorecard.figures`."""


class Listener(Protocol):
    """Told what happens, so that the loop draws nothing itself."""

    def stage_started(self, stage: Stage, number: int, steps: int, done: int) -> None: ...
    def stepped(self, stage: Stage, number: int, step: int, loss: StepLoss) -> None: ...
    def measured(self, number: int, step: int, figures: dict[str, float], is_best: bool) -> None: ...
    def mined(self, number: int, step: int, figures: dict[str, float]) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """How a training ended. `best_step` is (stage, step); (0, 0) means that the base model stayed best."""

    status: str
    best_step: tuple[int, int]
    best_value: float
    history: list[dict[str, Any]] = field(default_factory=list)


def train(
    model: TextModel,
    data: TrainingData,
    recipe: Recipe,
    folder: Path,
    measure: Measure,
    listener: Listener,
) -> Outcome:
    """Train `model` in place and leave it with the best weights.

    `folder` is the run: checkpoints, log and best weights go there, and an earlier training of
    the same recipe in it is taken up where it stopped. Ctrl-C or SIGTERM finishes the step,
    writes a checkpoint and returns with status "interrupted".
    Raises UserError when a stage cannot learn (no data, loss not finite).
    """
    trainer = _Trainer(model, data, recipe, folder, measure, listener)
    with _stop_requests() as stop:
        return trainer.run(stop)


class _Trainer:
    """The state of one training; split into methods only to be readable."""

    def __init__(
        self, model: TextModel, data: TrainingData, recipe: Recipe, folder: Path, measure: Measure, listener: Listener
    ) -> None:
        self.model, self.data, self.recipe, self.measure, self.listener = model, data, recipe, measure, listener
        self.checkpoints = folder / "checkpoints"
        self.best_path = folder / "checkpoints" / ".best.safetensors"
        self.log = RunLog(folder / "log.jsonl")
        self.progress = Progress()
        self.changing = _names_trained(model, recipe)
        self.optimiser: torch.optim.AdamW | None = None
        self.mined: Mined | None = None

    def run(self, stop: threading.Event) -> Outcome:
        self.model.eval()  # no dropout: gradient caching and resuming are then exact
        resumed = latest_checkpoint(self.checkpoints)
        if resumed is not None:
            self.progress, self.mined = resumed.progress, resumed.mined
            self.model.load_state_dict(resumed.weights, strict=False)
            self.log.keep_until(self.progress.stage, self.progress.step)
        else:
            self.log.keep_until(0, -1)
            self._evaluate(stage=None, number=1, step=0)
        for number, stage in enumerate(self.recipe.stages, start=1):
            if number < self.progress.stage:
                continue
            state = resumed.optimiser if resumed is not None and number == self.progress.stage else None
            if state is None:
                self.progress.stage, self.progress.step, self.mined = number, 0, None
            if not self._run_stage(stage, number, state, stop):
                return self._outcome("interrupted")
        self.model.load_state_dict(load_file(self.best_path), strict=False)
        unfreeze(self.model)
        return self._outcome("done")

    def _run_stage(self, stage: Stage, number: int, state: dict[str, Any] | None, stop: threading.Event) -> bool:
        """Run the rest of a stage. Returns False if it was asked to stop."""
        freeze(self.model, embeddings=stage.freeze.embeddings, lower_layers=stage.freeze.lower_layers)
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(parameters, lr=stage.learning_rate, weight_decay=stage.weight_decay)
        if state is not None:
            self.optimiser.load_state_dict(state)
        steps = steps_of(stage, self.data)
        self.listener.stage_started(stage, number, steps, self.progress.step)
        for step in range(self.progress.step, steps):
            if self.mined is None or (stage.remine_every_steps and step % stage.remine_every_steps == 0 and step):
                self._mine(stage, number, step)
            self._step(stage, number, step, steps, parameters)
            self.progress.step = step + 1
            is_last = step + 1 == steps
            if (step + 1) % stage.evaluate_every_steps == 0 or is_last:
                self._evaluate(stage, number, step + 1)
                self._checkpoint()
            if stop.is_set() and not is_last:
                self._checkpoint()
                return False
        return True

    def _step(self, stage: Stage, number: int, step: int, steps: int, parameters: list[torch.nn.Parameter]) -> None:
        assert self.mined is not None and self.optimiser is not None
        rate = stage.learning_rate * schedule(step, steps, stage.warmup_share)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        try:
            batch = batch_at(self.data, stage, self.mined, self.recipe.seed, number, step)
        except ValueError as error:
            raise UserError(
                f"stage {number} ({stage.name}), step {step}: {error}", "raise batch_queries or add data"
            ) from None
        started = time.perf_counter()
        with autocast(self.model.device, self.model.precision):
            loss = learn(
                self.model, batch, self._losses(stage), self.recipe.micro_batch_tokens, self.recipe.graph_tokens
            )
        if not math.isfinite(loss.total):
            raise UserError(
                f"stage {number} ({stage.name}), step {step}: the loss is {loss.total}",
                "lower the learning rate; the last checkpoint is kept",
            )
        norm = torch.nn.utils.clip_grad_norm_(parameters, stage.max_gradient_norm)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.log.write(
            "step",
            stage=number,
            step=step + 1,
            loss=loss.total,
            parts=loss.parts,
            learning_rate=rate,
            gradient_norm=float(norm),
            texts=len(batch.texts),
            seconds=time.perf_counter() - started,
        )
        self.listener.stepped(stage, number, step + 1, loss)

    def _losses(self, stage: Stage) -> Losses:
        """The stage's losses with open settings filled in from what the first mining of the run saw."""
        return stage.losses.resolved(self.progress.related_at_start, self.progress.unrelated_at_start)

    def _mine(self, stage: Stage, number: int, step: int) -> None:
        self.mined = mine(self.model, self.data, stage.negatives_per_query, stage.relative_margin)
        self.progress.mined_figures = self.mined.figures
        if (number, step) == (1, 0):
            self.progress.related_at_start = self.mined.figures["related"]
            self.progress.unrelated_at_start = self.mined.figures["unrelated"]
        self.log.write("mined", stage=number, step=step + 1, figures=self.mined.figures)
        self.listener.mined(number, step, self.mined.figures)

    def _evaluate(self, stage: Stage | None, number: int, step: int) -> None:
        """Measure, and keep the weights if they are the best so far."""
        figures = self.measure(self.model)
        value, guard = _selected(figures, self.recipe.selection)
        if stage is None:
            self.progress.guard_at_start = guard
        passes = guard >= self.progress.guard_at_start - self.recipe.selection.guard_tolerance
        is_best = passes and value > self.progress.best_value
        if is_best:
            self.progress.best_value = value
            self.progress.best_step = [number if stage else 0, step]
            self._save_best()
        self.log.write("measured", stage=number, step=step, figures=figures, best=is_best)
        self.listener.measured(number, step, figures, is_best)

    def _trainable(self) -> dict[str, torch.Tensor]:
        """Weights that any of the stages may change; the others are those of the base model."""
        return {n: p.detach().cpu() for n, p in self.model.named_parameters() if n in self.changing}

    def _save_best(self) -> None:
        self.best_path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.best_path.with_suffix(".part")
        save_file({name: value.contiguous() for name, value in self._trainable().items()}, aside)
        aside.replace(self.best_path)

    def _checkpoint(self) -> None:
        assert self.optimiser is not None and self.mined is not None
        save_checkpoint(self.checkpoints, self.progress, self._trainable(), self.optimiser, self.mined)

    def _outcome(self, status: str) -> Outcome:
        best = self.progress.best_step
        return Outcome(status, (best[0], best[1]), self.progress.best_value, self.log.read())


def _names_trained(model: TextModel, recipe: Recipe) -> set[str]:
    """Names of the parameters that at least one stage trains."""
    names: set[str] = set()
    for stage in recipe.stages:
        freeze(model, embeddings=stage.freeze.embeddings, lower_layers=stage.freeze.lower_layers)
        names |= {name for name, p in model.named_parameters() if p.requires_grad}
    return names


def schedule(step: int, steps: int, warmup_share: float) -> float:
    """Factor of the learning rate: up in a straight line, then down to zero in a straight line.

    >>> [round(schedule(s, 10, 0.2), 2) for s in (0, 1, 2, 9)]
    [0.5, 1.0, 1.0, 0.12]
    """
    warmup = round(steps * warmup_share)
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / max(1, steps - warmup)


def _selected(figures: dict[str, float], selection: Selection) -> tuple[float, float]:
    """Value of the selection metric and of the guard. Raises UserError if the selection part cannot give them."""
    missing = [name for name in (selection.metric, selection.guard) if name not in figures]
    if missing:
        raise UserError(
            f"the selection part is too small for {missing[0]} (it gives {', '.join(sorted(figures)) or 'nothing'})",
            "add labels or noise, raise split.selection in faqtune.toml, or choose another selection.metric",
        )
    return figures[selection.metric], figures[selection.guard]


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """An event set by the first Ctrl-C or SIGTERM; a second Ctrl-C acts at once, as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
