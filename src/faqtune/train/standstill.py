"""Whether a stage moves the weights at all: a step that float32 cannot tell from none leaves them as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from faqtune.errors import UserError
from faqtune.recipe import Stage
from faqtune.train import ranks
from faqtune.train.checkpoints import Progress

SAMPLED_NUMBERS = 512
"""Of all weights, or one of each parameter if there are more: every layer moves in a training that moves."""
LEAST_STEPS = 50
"""Not judged earlier, nor before the learning rate is as high as it gets; a shorter stage after its last step."""
LAST_DIGIT = 2.0**-24
"""What float32 rounds a number by, relative to its size: on the whole, weights that moved less did not move."""


def sampled_weights(model: nn.Module) -> list[float]:
    """A few numbers of each parameter that is trained, evenly spread over it: enough to see whether they move."""
    trained = [parameter.detach() for parameter in model.parameters() if parameter.requires_grad]
    each = max(1, SAMPLED_NUMBERS // max(1, len(trained)))
    return [number for parameter in trained for number in _spread(parameter, each)]


def _spread(parameter: torch.Tensor, count: int) -> list[float]:
    size = parameter.numel()
    count = min(count, size)
    places = torch.arange(1, 2 * count, 2, device=parameter.device) * size // (2 * count)
    return parameter.flatten()[places].float().tolist()


def has_moved(before: Sequence[float], now: Sequence[float]) -> bool:
    """Whether numbers have changed by more, together, than float32 rounds them by.

    Together, since those that are 0 (biases, adapters at the start) are changed by the shortest step.

    >>> has_moved([1.0, 0.0], [1.0, 1e-12]), has_moved([1.0, 0.0], [1.0, 1e-6])
    (False, True)
    """
    start, end = np.array(before), np.array(now)
    return bool(np.linalg.norm(end - start) > LAST_DIGIT * np.linalg.norm(start))


def refuse_standstill(model: nn.Module, stage: Stage, progress: Progress, steps: int) -> None:
    """Raises UserError, once in a stage of so many `steps`, where they have left the weights as they were at its
    start. All ranks ask at once, and get the same answer. Steps with nothing to learn from are not judged here."""
    if progress.step != min(steps, max(LEAST_STEPS, round(steps * stage.warmup_share))):
        return
    started_at, progress.sampled_at_start = progress.sampled_at_start, []
    moved = ranks.same(not started_at or has_moved(started_at, sampled_weights(model)))
    if moved or progress.idle_steps == progress.step:
        return
    raise UserError(
        f"stage {progress.stage} ({stage.name}): the weights have not changed in {progress.step} steps: with a "
        f"learning rate of {stage.learning_rate:g} a step is less than their precision (float32) can tell",
        "raise the stage's learning_rate (the presets take 5e-6 to 7e-5)",
    )
