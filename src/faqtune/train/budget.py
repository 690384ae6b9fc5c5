"""How many tokens go through the encoder at once: what suits the device, and what its memory holds."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from faqtune.model import TextModel
from faqtune.model.machine import free_memory_bytes, return_freed_memory
from faqtune.model.memory import FLOAT_BYTES, TRAINING_COPIES, activation_bytes
from faqtune.recipe import Recipe, Stage
from faqtune.train import ranks

CPU_AT_ONCE_TOKENS = 2048
CPU_GRAPH_TOKENS = 8192
"""On a CPU small parts are as fast as large ones."""
CPU_LEAST_TOKENS = 512
"""Less than this is not kept however little memory is free: 1 GB for BGE-M3."""

GPU_AT_ONCE_TOKENS = 131_072
"""A GPU is done with fewer before it has been told what comes next: of BGE-M3's shape a step of 66,600 tokens took 491
ms on an H200 in parts of 32,768, 365 in one. The widest layers of large models then have fewer than 2**31 numbers."""

SCARCE = 1.4
"""Times what gradients and averages will take: with less main memory free, freed memory is returned at once. That
takes a third more time, so it is only for those whose training would hardly fit."""

USED_SHARE = 0.8
"""Of the free memory of a GPU: the estimate is rough, and what does not fit costs a second try."""


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """Tokens that go through the encoder at once, with padding if there is any, and of how many one graph is kept."""

    at_once: int
    graph: int


def token_budget(model: TextModel, recipe: Recipe, to_come_bytes: int) -> TokenBudget:
    """What the recipe says, else what suits the device and leaves `to_come_bytes` for gradients and the optimiser's
    averages: ask before there are any. All ranks ask at once."""
    at_once, graph = CPU_AT_ONCE_TOKENS, CPU_GRAPH_TOKENS
    if model.device.type in ("cpu", "cuda") and (free := _own_free_bytes(model)) is not None:
        left = USED_SHARE * free - to_come_bytes
        is_gpu = model.device.type == "cuda"
        in_rows = is_gpu and not model.pads and model.precision.name != "float32"
        fitting = int(left / activation_bytes(model.backbone.config, in_rows=in_rows))
        if is_gpu:
            graph = max(CPU_AT_ONCE_TOKENS, fitting)
            at_once = min(GPU_AT_ONCE_TOKENS, graph)
        else:
            # Linux ends a process that takes more than there is: no error to go on from, as on a GPU.
            graph = min(CPU_GRAPH_TOKENS, max(CPU_LEAST_TOKENS, fitting))
            at_once = min(CPU_AT_ONCE_TOKENS, graph)
    graph = recipe.graph_tokens or graph
    # A part whose graph is larger than what is kept would make caching of no use.
    return TokenBudget(recipe.micro_batch_tokens or min(at_once, graph), graph)


def spare_scarce_memory(model: TextModel, stage: Stage) -> bool:
    """Whether main memory is scarce for training `model` on the CPU, and freed memory therefore returned at once from
    now on. Ask before the first step and on all ranks, as for the budget."""
    free = _own_free_bytes(model)
    if model.device.type != "cpu" or free is None or free >= SCARCE * still_to_come_bytes(model, stage):
        return False
    return return_freed_memory()


def _own_free_bytes(model: TextModel) -> int | None:
    """Free memory of the device; of main memory, the share of this rank of those on the same machine."""
    free = free_memory_bytes(model.device)
    if model.device.type != "cpu":
        return free
    here = platform.node()
    sharing = ranks.of_all(here).count(here)
    return None if free is None else free // sharing


def still_to_come_bytes(model: TextModel, stage: Stage) -> int:
    """Of the gradients of what is not frozen and the optimiser's averages; Adafactor's are small enough to be left
    out."""
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    averages = TRAINING_COPIES - 2 if stage.optimiser == "adamw" else 0
    return (1 + averages) * FLOAT_BYTES * trained
