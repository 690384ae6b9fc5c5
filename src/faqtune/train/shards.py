"""An optimiser shared by the ranks: each keeps the averages, and makes the step, of its share of the parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from faqtune.train import ranks, sending
from faqtune.train.adafactor import Adafactor

BUCKET_NUMBERS = 16_000_000
"""Numbers that are sent at once (64 MB of float32): sending each bias by itself would take longer."""


class Sharded(torch.optim.Optimizer):
    """An optimiser whose averages, with AdamW twice the size of the trained weights, are spread over the ranks.

    ZeRO, stage 1 (arXiv 1910.02054). Sums on the owner and steps sent to all move as many bytes as sums on
    every rank would; the numbers are those of the optimiser alone, and all ranks have the same weights, to the bit.
    """

    def __init__(self, groups: Sequence[Mapping[str, Any]], **settings: Any) -> None:
        self.every: list[nn.Parameter] = [p for group in groups for p in group["params"]]
        self.owners = owners([p.numel() for p in self.every], ranks.count())
        self.mine = [place for place, owner in enumerate(self.owners) if owner == ranks.number()]
        own = {id(self.every[place]) for place in self.mine}
        super().__init__(
            [{**group, "params": [p for p in group["params"] if id(p) in own]} for group in groups], **settings
        )
        self._send_weights()  # so that what was drawn by chance, of adapters and heads, is the same on all ranks

    def sum_gradients(self) -> None:
        """Sum each gradient over all ranks where its parameter belongs; elsewhere it is dropped.

        A rank without texts has no gradients, which counts as 0. What got none on any rank has none afterwards.
        """
        there = ranks.agreed(*(p.grad is not None for p in self.every))
        for owner, bucket in self._buckets([place for place, is_there in enumerate(there) if is_there]):
            values = _flat([p.grad if p.grad is not None else torch.zeros_like(p) for p in bucket])
            sending.add_to(owner, values)
            for parameter, part in zip(bucket, _parts(values, bucket), strict=True):
                parameter.grad = part if owner == ranks.number() else None

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of this rank's share; then every rank has all new weights."""
        with ranks.all_or_none():
            super().step(closure)
        self._send_weights()

    def tensors(self) -> dict[str, Tensor]:
        """On rank 0 what all ranks remember, by the numbers that it alone would give the parameters, in the memory of
        the CPU; on the others nothing."""
        own = {self.mine[place]: found for place, found in self.state_dict()["state"].items()}
        forms = ranks.of_all(
            [(place, name, t.shape, t.dtype) for place, found in own.items() for name, t in found.items()]
        )
        gathered: dict[str, Tensor] = {}
        for rank, remembered in enumerate(forms):
            for place, name, shape, dtype in remembered:
                if rank == ranks.number():
                    tensor = own[place][name].cpu().contiguous()
                elif ranks.is_writer():
                    tensor = torch.empty(shape, dtype=dtype)
                else:
                    continue
                if rank:
                    sending.bring(tensor, rank, 0)
                if ranks.is_writer():
                    gathered[f"{place}.{name}"] = tensor
        return gathered

    def own_part(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of what `tensors` gave, from any number of ranks, what belongs to this rank, by its own numbers.

        Rank 0 has the `tensors`, and asks for one after the other; those of the other ranks are not looked at.
        """
        number_of = {place: own for own, place in enumerate(self.mine)}
        own: dict[str, Tensor] = {}
        for key in ranks.same(list(tensors)):
            number, _, name = key.partition(".")
            owner = self.owners[int(number)]
            tensor = tensors[key].contiguous() if ranks.is_writer() else torch.empty(0)
            shape, dtype = ranks.same((tensor.shape, tensor.dtype))
            if owner == ranks.number() and not ranks.is_writer():
                tensor = torch.empty(shape, dtype=dtype)
            if owner:
                sending.bring(tensor, 0, owner)
            if owner == ranks.number():
                own[f"{number_of[int(number)]}.{name}"] = tensor
        return own

    @torch.no_grad()
    def _send_weights(self) -> None:
        """Each parameter from its owner to all."""
        for owner, bucket in self._buckets(range(len(self.every))):
            values = _flat([p.detach() for p in bucket])
            sending.take_from(owner, values)
            if owner != ranks.number():
                for parameter, part in zip(bucket, _parts(values, bucket), strict=True):
                    parameter.copy_(part)

    def _buckets(self, places: Sequence[int]) -> Iterator[tuple[int, list[nn.Parameter]]]:
        """Parameters of one owner each, with as many numbers as are sent at once."""
        for owner in range(ranks.count()):
            bucket: list[nn.Parameter] = []
            for place in places:
                if self.owners[place] != owner:
                    continue
                if bucket and sum(p.numel() for p in bucket) + self.every[place].numel() > BUCKET_NUMBERS:
                    yield owner, bucket
                    bucket = []
                bucket.append(self.every[place])
            if bucket:
                yield owner, bucket


class ShardedAdamW(Sharded, torch.optim.AdamW):
    """Two averages of each weight, on one rank each."""


class ShardedAdafactor(Sharded, Adafactor):
    """What little it remembers, on one rank each; what is saved is the time of the step."""


def owners(sizes: Sequence[int], count: int) -> list[int]:
    """Which of `count` ranks each parameter belongs to: the largest first, each to the one with least so far.

    >>> owners([10, 3, 4, 9], 2)
    [0, 0, 1, 1]
    """
    loads = [0] * count
    found = [0] * len(sizes)
    for place in sorted(range(len(sizes)), key=lambda place: (-sizes[place], place)):
        found[place] = loads.index(min(loads))
        loads[found[place]] += sizes[place]
    return found


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """One row of numbers; of a single tensor, which may be a table of 1 GB, no copy."""
    return tensors[0].contiguous().view(-1) if len(tensors) == 1 else torch.cat([t.flatten() for t in tensors])


def _parts(values: Tensor, bucket: Sequence[Tensor]) -> list[Tensor]:
    """What `_flat` put into one row, each in its shape again."""
    rows = torch.split(values, [tensor.numel() for tensor in bucket])
    return [row.view_as(tensor) for row, tensor in zip(rows, bucket, strict=True)]
