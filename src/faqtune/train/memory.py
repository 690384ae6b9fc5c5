"""A step in the memory there is: what does not fit at once goes through the encoder in smaller parts."""

from __future__ import annotations

from collections.abc import Callable

import torch

from faqtune.errors import UserError, is_out_of_memory, out_of_memory
from faqtune.model import TextModel, free_memory
from faqtune.recipe import Stage
from faqtune.train import ranks
from faqtune.train.batches import Batch
from faqtune.train.budget import CPU_AT_ONCE_TOKENS, TokenBudget, token_budget
from faqtune.train.engine import StepLoss, learn, micro_batches, tokens_of
from faqtune.train.heads import learn_with_heads
from faqtune.train.optimiser import update
from faqtune.train.scale import unscale
from faqtune.train.shares import stretches
from faqtune.train.state import Training

LEAST_TOKENS = 64
"""A text of this length has to go through the encoder at once."""


def learn_within_memory(
    training: Training, stage: Stage, batch: Batch, place: str, meanwhile: Callable[[], None]
) -> StepLoss:
    """Add the gradients of a batch. Where memory does not hold it, half as many tokens go through the encoder at
    once, from then on: with gradient caching the arithmetic is the same. `meanwhile` is called in each try, as in
    `engine.learn`; it is work of the CPU, whose lack of memory is told as such."""
    model, progress = training.model, training.progress
    losses = stage.losses.resolved(progress.related_at_start, progress.unrelated_at_start)
    before = None
    if training.before is not None:
        before = training.before[torch.from_numpy(batch.noise_numbers)].to(model.device)

    def apart() -> None:
        try:
            meanwhile()
        except MemoryError as error:
            raise out_of_memory(error) from error

    while True:
        budget = budget_in_use(training)
        try:
            room = budget.at_once, budget.graph, before, stage.nested_dimensions, apart
            if stage.heads.trained:
                loss = learn_with_heads(model, batch, losses, stage.heads, *room)
            else:
                loss = learn(model, batch, losses, *room)
            unscale(model)
            return loss
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            model.zero_grad(set_to_none=True)
            tokens = _largest_part(model, batch, budget.at_once)
            smaller = max(tokens // 2, LEAST_TOKENS)
            if smaller >= tokens:
                raise UserError(
                    f"{place}: the memory of {model.device} is too small, even for {tokens} tokens at once",
                    "freeze more layers, set optimiser to adafactor, lower batch_queries or max_length_tokens, or "
                    "take a smaller base model",
                ) from error
        free_memory(model.device)
        progress.micro_batch_tokens = smaller
        training.note(
            f"{place}: memory was too small; going on with gradient caching and {smaller} tokens at once, "
            "which changes nothing but the time"
        )


def budget_in_use(training: Training) -> TokenBudget:
    """What there is room for, or what was left of it when memory turned out to be smaller: then no graph is kept of
    more than one part. Of a training that began on another machine no more than this one's."""
    budget, smaller = budget_of(training), training.progress.micro_batch_tokens
    return TokenBudget(min(smaller, budget.at_once), 0) if smaller else budget


def _largest_part(model: TextModel, batch: Batch, at_once: int) -> int:
    """Tokens of the largest part of a batch that goes through the encoder of any rank, with padding if there is any."""
    ids = model.tokenise(batch.texts)
    shares = [[ids[place] for place in share] for share in stretches([len(text) for text in ids], ranks.count())]
    parts = [
        [share[place] for place in part]
        for share in shares
        for part in micro_batches([len(text) for text in share], at_once, model.pads)
    ]
    return max(tokens_of([part], model.pads) for part in parts)


def update_within_memory(
    training: Training, stage: Stage, optimiser: torch.optim.Optimizer, learning_rate: float, place: str
) -> float:
    """One step of the optimiser, as `update`. What it remembers takes its memory in the first one."""
    try:
        return update(optimiser, learning_rate, stage.max_gradient_norm)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(
            f"{place}: the memory of {training.model.device} is too small for what {stage.optimiser} remembers of "
            "each weight that is trained",
            "set optimiser to adafactor, freeze lower layers (freeze.lower_layers), train adapters (freeze.lora_rank) "
            "or take a smaller base model; the last checkpoint is kept"
            if stage.optimiser == "adamw"
            else "freeze lower layers (freeze.lower_layers), train adapters (freeze.lora_rank) or take a smaller base "
            "model; the last checkpoint is kept",
        ) from error


def budget_of(training: Training) -> TokenBudget:
    """What there is room for; on a CPU that before the first step, and the least of all ranks, so that a training
    that is taken up while other memory is free ends with the same weights to the bit."""
    if training.budget is None:
        training.budget = _budget_found(training)
    return training.budget


def _budget_found(training: Training) -> TokenBudget:
    found, progress = token_budget(training.model, training.recipe, training.trained.most_bytes), training.progress
    if training.model.device.type != "cpu":
        return found
    progress.graph_tokens = min(ranks.of_all(progress.graph_tokens or found.graph))
    return TokenBudget(
        training.recipe.micro_batch_tokens or min(CPU_AT_ONCE_TOKENS, progress.graph_tokens), progress.graph_tokens
    )
