"""The optimiser as the field uses it for encoders: warm-up, linear decay, clipping, no decay of biases and norms."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from faqtune.recipe import Stage
from faqtune.train import ranks, sending
from faqtune.train.adafactor import Adafactor
from faqtune.train.shards import Sharded, ShardedAdafactor, ShardedAdamW

FUSED = frozenset({"cpu", "cuda"})
"""Kinds of devices whose AdamW torch has in one piece."""


def make_optimiser(model: nn.Module, stage: Stage, depths: Mapping[str, int] | None = None) -> torch.optim.Optimizer:
    """The stage's optimiser over everything that is not frozen.

    Weight decay pulls matrices only; biases and the scales of LayerNorm, which have one dimension,
    are left out, as in BERT (arXiv 1810.04805) and all that came after it. `depths`: how many layers
    lie above each parameter, by name; its share of the learning rate is `layer_decay` to that power
    (ULMFiT, arXiv 1801.06146). Without it all learn alike. Several ranks share what it remembers.
    """
    groups: dict[tuple[bool, int], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            depth = (depths or {}).get(name, 0) if stage.layer_decay < 1 else 0
            groups.setdefault((parameter.ndim <= 1, depth), []).append(parameter)
    made = [
        {
            "params": parameters,
            "weight_decay": 0.0 if is_flat else stage.weight_decay,
            "rate_share": stage.layer_decay**depth,
        }
        for (is_flat, depth), parameters in sorted(groups.items(), key=lambda group: group[0])
    ]
    alone = ranks.count() == 1
    if stage.optimiser == "adafactor":
        return (Adafactor if alone else ShardedAdafactor)(made, lr=stage.learning_rate)
    # One pass over the weights instead of ten, and no copies of them in between.
    fused = all(parameter.device.type in FUSED for group in groups.values() for parameter in group)
    return (torch.optim.AdamW if alone else ShardedAdamW)(made, lr=stage.learning_rate, fused=fused)


def schedule(step: int, steps: int, warmup_share: float) -> float:
    """Factor of the learning rate in `step` (from 0) of `steps`: a straight line up, then one down to zero.

    >>> [round(schedule(s, 10, 0.2), 2) for s in (0, 1, 2, 9)]
    [0.5, 1.0, 1.0, 0.12]
    """
    warmup = round(steps * warmup_share)
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / (steps - warmup)


def update(optimiser: torch.optim.Optimizer, learning_rate: float, max_gradient_norm: float) -> float:
    """Clip the gradients, of several ranks their sums, to a common norm, take one step with them, and forget them.

    Returns the norm before clipping. Where it is not finite no step is taken, so the weights stay sound.
    """
    if isinstance(optimiser, Sharded):
        optimiser.sum_gradients()
    parameters = []
    for group in optimiser.param_groups:
        group["lr"] = learning_rate * group.get("rate_share", 1.0)
        parameters += group["params"]
    norm = sending.total_norm(torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]))
    if norm.isfinite():
        if norm > max_gradient_norm:
            torch.nn.utils.clip_grads_with_norm_(parameters, max_gradient_norm, norm)
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return float(norm)


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of each parameter, flat, for a file of tensors; of several ranks rank 0 gets all."""
    if isinstance(optimiser, Sharded):
        return optimiser.tensors()
    state = optimiser.state_dict()["state"]
    return {f"{number}.{name}": tensor for number, remembered in state.items() for name, tensor in remembered.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimiser_tensors` took from an optimiser of the same parameters, on any number of ranks."""
    if isinstance(optimiser, Sharded):
        tensors = optimiser.own_part(tensors)
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
