"""One stage of a training: mine, step, measure, save; again and again."""

from __future__ import annotations

import math
import time

import torch

from faqtune.errors import UserError
from faqtune.model import TextModel, freeze
from faqtune.recipe import Stage
from faqtune.train.batches import Batch, batch_at, can_learn
from faqtune.train.checkpoints import Checkpoint
from faqtune.train.data import TrainingData
from faqtune.train.draws import steps_of
from faqtune.train.engine import StepLoss, learn
from faqtune.train.heads import learn_with_heads
from faqtune.train.mining import Mined, mine
from faqtune.train.optimiser import make_optimiser, restore_optimiser, schedule, update
from faqtune.train.state import Training

PROBED_STEPS = 20
"""If none of its first so many batches can learn, a stage is refused."""


def run_stage(training: Training, stage: Stage, resumed: Checkpoint | None) -> bool:
    """Run what is left of the stage that `training.progress` stands in. Returns False if it was asked to stop.

    Raises UserError where the stage cannot learn, its loss is not finite or memory is too small.
    """
    progress = training.progress
    data = training.data.confident(stage.data.minimum_confidence)
    steps = steps_of(stage, data)
    freeze_for(training.model, stage)
    optimiser = make_optimiser(training.model, stage)
    mined: Mined | None = None
    if resumed is not None:
        restore_optimiser(optimiser, resumed.optimiser)
        mined = resumed.mined
    training.listener.stage_started(stage, progress.stage, steps, progress.step)
    while progress.step < steps:
        if training.stop.is_set():
            if mined is not None:
                training.save(optimiser, mined)
            return False
        if mined is None or _is_due(progress.step, stage.remine_every_steps):
            mined = _mine(training, stage, data, steps)
        _step(training, stage, data, mined, optimiser, steps)
        if progress.step == steps or _is_due(progress.step, stage.evaluate_every_steps):
            training.measure_now()
            training.save(optimiser, mined)
    return True


def freeze_for(model: TextModel, stage: Stage) -> None:
    """Leave free what a stage trains."""
    held = stage.freeze
    freeze(model, embeddings=held.embeddings, lower_layers=held.lower_layers, heads=stage.heads.trained)


def _is_due(step: int, every_steps: int) -> bool:
    return every_steps > 0 and step > 0 and step % every_steps == 0


def _mine(training: Training, stage: Stage, data: TrainingData, steps: int) -> Mined:
    """Mine with the model as it is. The first mining of a training says how the base model's cosines lie."""
    progress = training.progress
    mined, figures = mine(training.model, data, stage.negatives_per_query, stage.relative_margin)
    if progress.step == 0:
        if progress.stage == 1:
            progress.related_at_start, progress.unrelated_at_start = figures["related"], figures["unrelated"]
        _refuse_hopeless(training, stage, data, mined, steps)
    training.log.write("mined", stage=progress.stage, step=progress.step, figures=figures)
    training.listener.mined(progress.stage, progress.step, figures)
    return mined


def _refuse_hopeless(training: Training, stage: Stage, data: TrainingData, mined: Mined, steps: int) -> None:
    seed, number = training.recipe.seed, training.progress.stage
    first = (batch_at(data, stage, mined, seed, number, step) for step in range(min(steps, PROBED_STEPS)))
    if not any(can_learn(batch, stage.losses) for batch in first):
        raise UserError(
            f"stage {number} ({stage.name}): no batch has anything to compare for {', '.join(stage.losses.active)}",
            "raise batch_queries or relative_margin, or add entries, labels or noise",
        )


def _step(
    training: Training, stage: Stage, data: TrainingData, mined: Mined, optimiser: torch.optim.Optimizer, steps: int
) -> None:
    """Learn from one batch, log it and count it."""
    progress, recipe = training.progress, training.recipe
    place = f"stage {progress.stage} ({stage.name}), step {progress.step + 1}"
    started = time.perf_counter()
    batch = batch_at(data, stage, mined, recipe.seed, progress.stage, progress.step)
    loss = _learn(training, stage, batch, place)
    _refuse_not_finite("loss", loss.total, place)
    rate = stage.learning_rate * schedule(progress.step, steps, stage.warmup_share)
    norm = update(optimiser, rate, stage.max_gradient_norm)
    _refuse_not_finite("gradient's norm", norm, place)
    progress.step += 1
    training.log.write(
        "step",
        stage=progress.stage,
        step=progress.step,
        loss=loss.total,
        parts=loss.parts,
        learning_rate=rate,
        gradient_norm=norm,
        texts=len(batch.texts),
        seconds=time.perf_counter() - started,
    )
    training.listener.stepped(stage, progress.stage, progress.step, loss)


def _learn(training: Training, stage: Stage, batch: Batch, place: str) -> StepLoss:
    model, recipe, progress = training.model, training.recipe, training.progress
    losses = stage.losses.resolved(progress.related_at_start, progress.unrelated_at_start)
    try:
        if stage.heads.trained:
            return learn_with_heads(model, batch, losses, stage.heads, recipe.micro_batch_tokens, recipe.graph_tokens)
        return learn(model, batch, losses, recipe.micro_batch_tokens, recipe.graph_tokens)
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"{place}: the memory of {model.device} is too small",
            f"lower graph_tokens ({recipe.graph_tokens}) first, then micro_batch_tokens ({recipe.micro_batch_tokens})",
        ) from error


def _refuse_not_finite(what: str, value: float, place: str) -> None:
    if not math.isfinite(value):
        raise UserError(f"{place}: the {what} is {value}", "lower the learning rate; the last checkpoint is kept")
