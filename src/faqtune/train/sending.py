"""Tensors between ranks: gathered, summed, and sent from one to others.

As in `ranks`, functions that wait for the others are called by all ranks in the same order, and with one rank the
first two return what they were given.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from faqtune.train import ranks


def total_norm(norm: Tensor) -> Tensor:
    """Norm of a vector of which each rank has a part with this `norm`."""
    if ranks.count() == 1:
        return norm
    square = norm.detach().cpu().double().square()
    with ranks.waited_for():
        dist.all_reduce(square)
    return square.sqrt().to(norm)


def room_for_rows(own: Tensor, rows: int) -> tuple[Tensor, list[Tensor]]:
    """What `all_rows` sends, `own` padded with zeros to so many rows, and what it receives, of each rank (rows, d):
    memory that may be too small on one rank, so it is taken before the ranks meet."""
    if ranks.count() == 1:
        return own, []
    padded = own.new_zeros(rows, own.shape[1])
    padded[: len(own)] = own
    return padded, [torch.empty_like(padded) for _ in range(ranks.count())]


def all_rows(padded: Tensor, parts: list[Tensor]) -> list[Tensor]:
    """The rows of each rank, padded with zeros, in what `room_for_rows` has prepared."""
    if ranks.count() == 1:
        return [padded]
    with ranks.waited_for():
        dist.all_gather(parts, padded)
    return parts


def add_to(rank: int, values: Tensor) -> None:
    """Sum `values` over all ranks, in place, on one rank; on the others they are of no use afterwards."""
    with ranks.waited_for():
        dist.reduce(values, rank)


def take_from(rank: int, values: Tensor) -> None:
    """Overwrite `values` with those of one rank."""
    with ranks.waited_for():
        dist.broadcast(values, rank)


def bring(values: Tensor, source: int, target: int) -> None:
    """Overwrite `values` on one rank with those of another. Only the two need to call it."""
    with ranks.waited_for():
        if ranks.number() == target:
            dist.recv(values, source)
        elif ranks.number() == source:
            dist.send(values, target)
