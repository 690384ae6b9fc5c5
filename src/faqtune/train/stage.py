"""One stage of a training: mine, step, measure, save; again and again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial

import numpy as np
import torch

from faqtune.encoder import Encoder, KeepingEncoder
from faqtune.errors import UserError
from faqtune.model import layers_above
from faqtune.recipe import Mining, Stage
from faqtune.train.batches import Batch, batch_at
from faqtune.train.budget import spare_scarce_memory
from faqtune.train.checkpoints import Checkpoint, Progress
from faqtune.train.data import TrainingData
from faqtune.train.draws import (
    evaluate_every,
    examples_drawn,
    first_look,
    labels_drawn,
    queries_per_step,
    steps_of,
    usable,
    with_its_batches,
)
from faqtune.train.findings import findings
from faqtune.train.memory import budget_of, learn_within_memory, update_within_memory
from faqtune.train.mined import Mined
from faqtune.train.mining import mine
from faqtune.train.optimiser import make_optimiser, restore_optimiser, schedule
from faqtune.train.remarks import NOTHING_FOUND, remark_on_silence, remarks
from faqtune.train.scale import halve_scale, refuse_not_finite
from faqtune.train.settings import settings_in_use
from faqtune.train.shares import encoder_of
from faqtune.train.standstill import refuse_standstill, sampled_weights
from faqtune.train.state import Training
from faqtune.train.teaching import can_learn, has_own_question, idle_losses
from faqtune.train.trainable import prepare

PROBED_STEPS = 20
"""If none of its first so many batches can learn, a stage is refused."""
IDLE_STEPS = 50
"""After so many steps in a row without a loss or a gradient, a stage ends."""


def run_stage(training: Training, given: Stage, resumed: Checkpoint | None) -> bool:
    """Run what is left of the stage that `training.progress` stands in. Returns False if it was asked to stop.

    Raises UserError where the stage cannot learn, its loss is not finite or memory is too small.
    """
    progress = training.progress
    data = usable(given, training.data, training.recipe.seed)
    stage = with_its_batches(given, data)
    steps, measure_every = steps_of(stage, data), evaluate_every(stage, data)
    prepare(training.model, stage, training.recipe.seed)
    spare_scarce_memory(training.model, stage)
    budget_of(training)  # before the optimiser's averages are there
    optimiser = make_optimiser(training.model, stage, layers_above(training.model))
    queries = queries_per_step(stage, data)
    training.listener.stage_started(stage, progress.stage, steps, progress.step, progress.steps_before, queries)
    if resumed is None:
        progress.sampled_at_start = sampled_weights(training.model)
        _remark(training, given, data)
    else:
        restore_optimiser(optimiser, resumed.optimiser)
    mined = resumed.mined if resumed is not None else None
    batch_of: Callable[[int], Batch] | None = None
    # Cut off behind its last checkpoint, a stage that ended early must not go on.
    ended = _had_ended(stage, progress) if resumed is not None else ""
    while progress.step < steps and not ended:
        if training.is_to_stop():
            if mined is not None:
                training.save(optimiser, mined)
            return False
        if mined is None:
            asked = max(_next_round(stage.mining, 0, measure_every, steps), min(PROBED_STEPS, steps))
            mined = _mine(training, stage, data, range(asked), None, encoder_of(training.model))
            training.settle(settings_in_use(training, stage, data, steps, measure_every))
        if batch_of is None:
            until = _next_round(stage.mining, progress.step, measure_every, steps)
            # The last two are remembered, since the next one is made ahead.
            batch_of = lru_cache(maxsize=2)(partial(batch_at, data, stage, mined, training.recipe.seed, progress.stage))
        _step(training, stage, batch_of, until, optimiser, steps)
        refuse_standstill(training.model, stage, progress, steps)
        remark_on_silence(training, stage, min(PROBED_STEPS, steps))
        ended = _why_it_ends(training, stage, steps)
        is_last = progress.step == steps or bool(ended)
        measures = is_last or _is_due(progress.step, measure_every)
        mines = not is_last and _mining_is_due(stage.mining, progress.step, measure_every)
        encoder = encoder_of(training.model)
        if measures and mines and stage.mining.at_evaluations:  # both have one encoding of the catalogue then
            encoder = KeepingEncoder(encoder, data.catalogue.questions)
        if measures:
            training.measure_now(encoder)
            ended = ended or _no_longer_better(stage, progress)
        if ended:
            training.note(f"stage {progress.stage} ({stage.name}) ends after step {progress.step}: {ended}")
        elif mines:
            # Before the checkpoint: a resumed training must not mine with vectors from other batches of texts.
            until = _next_round(stage.mining, progress.step, measure_every, steps)
            mined, batch_of = _mine(training, stage, data, range(progress.step, until), mined, encoder), None
        if is_last or ended or training.save_is_due():
            training.save(optimiser, mined)
    return True


def _remark(training: Training, stage: Stage, data: TrainingData) -> None:
    for text in remarks(stage, training.progress.stage, data, training.data, training.model.dimension):
        training.note(text)


def _had_ended(stage: Stage, progress: Progress) -> str:
    """Why the stage had ended early at the checkpoint that `progress` was read from; "" if it had not."""
    return _no_longer_better(stage, progress) or _idle(progress)


def _is_due(step: int, every_steps: int) -> bool:
    return every_steps > 0 and step > 0 and step % every_steps == 0


def _mining_is_due(mining: Mining, step: int, measure_every: int) -> bool:
    return _is_due(step, mining.every_steps) or (mining.at_evaluations and _is_due(step, measure_every))


def _next_round(mining: Mining, step: int, measure_every: int, steps: int) -> int:
    """The step after which mining is due next; the last one if it is not due any more."""
    return next((later for later in range(step + 1, steps) if _mining_is_due(mining, later, measure_every)), steps)


def _why_it_ends(training: Training, stage: Stage, steps: int) -> str:
    """Why a stage that had nothing to learn for many steps ends; "" if it had. Raises UserError if it never had."""
    progress = training.progress
    if progress.idle_steps < IDLE_STEPS:
        return "the loss was 0, or had no gradient, in all of its steps" if progress.idle_steps == steps else ""
    if progress.idle_steps == progress.step:
        raise UserError(
            f"stage {progress.stage} ({stage.name}): the loss was 0, or had no gradient, in all of its first "
            f"{progress.step} steps, so the weights do not change",
            "give its losses another margin, ceiling or floor, or add a ranking loss",
        )
    return _idle(progress)


def _idle(progress: Progress) -> str:
    if progress.idle_steps < IDLE_STEPS:
        return ""
    return f"nothing was left to learn in {progress.idle_steps} steps in a row"


def _no_longer_better(stage: Stage, progress: Progress) -> str:
    if not 0 < stage.patience <= progress.without_better:
        return ""
    return f"no better model in {progress.without_better} measurements in a row"


def _mine(
    training: Training, stage: Stage, data: TrainingData, steps: range, last: Mined | None, encoder: Encoder
) -> Mined:
    """Mine with the model as it is, for what the `steps` until the next round draw; the first round of a stage for
    all else as well, or much of it, to tell what its queries find. The first of a training says how the base model's
    cosines lie."""
    progress, seed = training.progress, training.recipe.seed
    started = time.perf_counter()
    drawn = examples_drawn(stage, data, seed, progress.stage, steps)
    if last is None:
        drawn = np.union1d(drawn, first_look(len(data.examples), (seed, progress.stage)))
    draw = (seed, progress.stage, progress.step)
    mined, figures = mine(encoder, data, stage.mining, draw, labels_drawn(stage, data), drawn)
    seconds = time.perf_counter() - started
    if last is not None and len(drawn) < len(data.examples):
        # Means of other examples are no course.
        del figures["related"], figures["unrelated"]
    figures |= findings(mined, last, stage, data, drawn)
    if progress.step == 0:
        if progress.stage == 1:
            progress.related_at_start, progress.unrelated_at_start = figures["related"], figures["unrelated"]
        _refuse_hopeless(training, stage, data, mined, len(steps))
    training.log.write("mined", stage=progress.stage, step=progress.step, figures=figures, seconds=seconds)
    training.listener.mined(progress.stage, progress.step, figures)
    return mined


def _refuse_hopeless(training: Training, stage: Stage, data: TrainingData, mined: Mined, steps: int) -> None:
    seed, number = training.recipe.seed, training.progress.stage
    probed = min(steps, PROBED_STEPS)

    def first() -> Iterator[Batch]:
        """Made as they are looked at: nearly always one tells."""
        return (batch_at(data, stage, mined, seed, number, step) for step in range(probed))

    if not any(can_learn(batch, stage.losses) for batch in first()):
        raise UserError(
            f"stage {number} ({stage.name}): no batch has anything to compare for {', '.join(stage.losses.active)}",
            "raise batch_queries or mining.relative_margin, or add entries, labels or noise",
        )
    if idle := idle_losses(first(), stage.losses):
        alone = " (no query asks a standard question in other words: add labels, or second questions to entries)"
        training.note(
            f"stage {number} ({stage.name}): {' and '.join(idle)} {NOTHING_FOUND} in the first {probed} "
            f"batches and may take no part{alone * (not any(has_own_question(batch) for batch in first()))}"
        )


def _step(
    training: Training,
    stage: Stage,
    batch_of: Callable[[int], Batch],
    until: int,
    optimiser: torch.optim.Optimizer,
    steps: int,
) -> None:
    """Learn from one batch, log it and count it. `until`: the step from which on batches are of another mining."""
    progress = training.progress
    place = f"stage {progress.stage} ({stage.name}), step {progress.step + 1}"
    started = time.perf_counter()
    batch = batch_of(progress.step)
    rate = stage.learning_rate * schedule(progress.step, steps, stage.warmup_share)

    def make_the_next() -> None:
        if progress.step + 1 < until:
            training.model.tokenise(batch_of(progress.step + 1).texts)  # which the model remembers

    while True:
        # A GPU would wait for its next batch if it were made later.
        loss = learn_within_memory(training, stage, batch, place, make_the_next)
        refuse_not_finite("loss", loss.total, training, place)
        norm = update_within_memory(training, stage, optimiser, rate, place)
        # Where it is not finite the weights are as they were.
        if math.isfinite(norm) or not halve_scale(training, place):
            break
    refuse_not_finite("gradient's norm", norm, training, place)
    progress.step += 1
    progress.idle_steps = 0 if loss.total != 0 and norm > 0 else progress.idle_steps + 1
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
