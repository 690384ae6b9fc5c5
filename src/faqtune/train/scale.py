"""What float16 needs: gradients that are scaled on their way through the encoder, by less where they overflow."""

from __future__ import annotations

import math

from faqtune.errors import UserError
from faqtune.model import TextModel
from faqtune.train.state import Training


def unscale(model: TextModel) -> None:
    """Take the scale out of the backbone's gradients again. What float16 could not hold is infinite, and shows in
    their norm."""
    if model.gradient_scale == 1:
        return
    for parameter in model.backbone.parameters():
        if parameter.grad is not None:
            parameter.grad.div_(model.gradient_scale)


def halve_scale(training: Training, place: str) -> bool:
    """After gradients that are not finite: scale them by half as much from now on, and so try the step again. False
    where there is no scale left that could be too large. All ranks see the same norm, and so do the same."""
    model, progress = training.model, training.progress
    if model.gradient_scale <= 1:
        return False
    progress.scale_halvings += 1
    model.scale_halvings = progress.scale_halvings
    training.note(
        f"{place}: float16 could not hold a gradient; the step is tried again with gradients scaled by "
        f"{model.gradient_scale:g} instead of {2 * model.gradient_scale:g}, as all that follow"
    )
    return True


def refuse_not_finite(what: str, value: float, training: Training, place: str) -> None:
    """Raises UserError for a loss or a norm that is infinite or no number, with what may be the reason: before the
    first step of all it cannot be the learning rate."""
    if math.isfinite(value):
        return
    if training.model.precision.name == "float16":
        way = (
            "set precision to bfloat16 or float32 under [model] in faqtune.toml, or lower the learning rate, and train "
            "anew"
        )
    elif (training.progress.stage, training.progress.step) == (1, 0):
        way = "give the losses smaller weights, and their own parameters as in a preset, and train anew"
    else:
        way = "lower the learning rate and train anew"
    raise UserError(f"{place}: the {what} is {value}", way)
