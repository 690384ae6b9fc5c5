"""What rank 0 reads from its disk, given to all ranks: those on other machines may not see that disk."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from faqtune.train import ranks, sending
from faqtune.train.checkpoints import Checkpoint


def checkpoint_of_writer(found: Checkpoint | None) -> Checkpoint | None:
    """The checkpoint that rank 0 has `found`. What the optimiser remembers stays there: `restore_optimiser` deals it
    out."""
    if ranks.count() == 1:
        return found
    told = ranks.same((found.progress, found.mined) if found else None)
    if told is None:
        return None
    weights = tensors_of_writer(found.weights if found else {})
    return Checkpoint(told[0], weights, found.optimiser if found else {}, told[1])


def tensors_of_writer(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of rank 0, in the memory of the CPU; those of the others are not looked at."""
    if ranks.count() == 1:
        return dict(tensors)
    given = {}
    for name, shape, dtype in ranks.same([(name, tensor.shape, tensor.dtype) for name, tensor in tensors.items()]):
        given[name] = tensors[name].contiguous() if ranks.is_writer() else torch.empty(shape, dtype=dtype)
        sending.take_from(0, given[name])
    return given
