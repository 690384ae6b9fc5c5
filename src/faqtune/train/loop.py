"""The training loop: stages one after the other, measured as they go, resumable at any instant.

Step `s` of a stage depends on the data, the recipe, the stage, `s` and the last checkpoint only.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from faqtune.alone import alone_in
from faqtune.model import TextModel, attach_heads, drop_lora, effective_weights, merge_lora, put_weights, unfreeze
from faqtune.recipe import Recipe
from faqtune.train import ranks
from faqtune.train.checkpoints import Progress, digest_of_training, load_best
from faqtune.train.data import TrainingData
from faqtune.train.empty import refuse_empty_stages
from faqtune.train.handover import tensors_of_writer
from faqtune.train.interrupt import stop_requests
from faqtune.train.log import RunLog
from faqtune.train.shares import encoder_of
from faqtune.train.stage import run_stage
from faqtune.train.state import Listener, Measure, Training
from faqtune.train.trainable import what_is_trained


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended: `status` is "done" or "interrupted"; `before` and `after` are the figures of the base model
    and of the best step; `history` are the events of `log.jsonl`.

    `best_step` is (stage, step); (0, 0) means that the base model stayed best.
    """

    status: str
    best_step: tuple[int, int]
    best_value: float
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


def train(
    model: TextModel,
    data: TrainingData,
    recipe: Recipe,
    folder: Path,
    measure: Measure,
    listener: Listener,
) -> Outcome:
    """Train `model`, the base model, in place and leave it with the best weights, everything unfrozen.

    `folder` is the run: checkpoints and log go there, and an earlier training of the same data,
    recipe and base model is taken up where it stopped. Ctrl-C or SIGTERM finishes the step,
    writes a checkpoint and returns with status "interrupted"; the model is then as it was at that step.
    Raises UserError when a stage cannot learn (no data, loss not finite, too little memory), when the disk
    is full, when the folder holds another training, and when another process trains in it. Inside
    `ranks.joined` every rank calls it with the same arguments and gets the same weights; rank 0 writes.
    """
    refuse_empty_stages(recipe, data)
    told_before = model.room.say
    model.eval()  # no dropout: gradient caching and resuming are then exact
    try:
        if any(stage.heads.trained for stage in recipe.stages):
            attach_heads(model, recipe.seed)
        trained = what_is_trained(model, recipe)
        settings = f"{recipe.model_dump_json()} {model.max_length_tokens} {model.pooling} {model.prompt}"
        progress = Progress(digest_of_training(settings, data.digest(), effective_weights(model, trained.names)))
        ranks.refuse_different(progress.training)
        log = RunLog(folder / "log.jsonl", writes=ranks.is_writer())
        before = _noise_before(model, data, recipe)
        with alone_in(folder) if ranks.is_writer() else nullcontext(), stop_requests() as stop:
            training = Training(
                model, data, recipe, folder / "checkpoints", log, measure, listener, stop, trained, progress, before
            )
            model.room.say = training.note
            return _run(training)
    finally:
        model.room.say = told_before
        merge_lora(model)  # of a training that was stopped
        unfreeze(model)


def _run(training: Training) -> Outcome:
    """Every stage that is left, then the best weights."""
    resumed = training.begin()
    for number, stage in enumerate(training.recipe.stages, start=1):
        if number < training.progress.stage:
            continue
        if number > training.progress.stage:
            training.progress.start_stage(number)
            resumed = None
        if not run_stage(training, stage, resumed):
            ranks.barrier()  # nobody leaves while rank 0 writes
            return _outcome(training, "interrupted")
    ranks.barrier()
    drop_lora(training.model)
    best = load_best(training.checkpoints, training.progress) if ranks.is_writer() else {}
    put_weights(training.model, tensors_of_writer(best))
    return _outcome(training, "done")


def _noise_before(model: TextModel, data: TrainingData, recipe: Recipe) -> Tensor | None:
    """The base model's vectors of all noise, (n, d), in main memory, if a stage is to stay near them."""
    if not any(stage.losses.stay_near.weight for stage in recipe.stages):
        return None
    return torch.from_numpy(encoder_of(model).encode(data.noise))


def _outcome(training: Training, status: str) -> Outcome:
    progress = training.progress
    return Outcome(
        status,
        (progress.best_stage, progress.best_step),
        progress.best_value,
        progress.figures_at_start,
        progress.figures_at_best,
        training.log.read(),
    )
