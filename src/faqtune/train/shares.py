"""What each rank does of what all need: of a batch, of texts that are mined or measured, and of the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from faqtune.encoder import Encoder, Vectors
from faqtune.model import TextModel
from faqtune.train import ranks, sending

Item = TypeVar("Item")
Result = TypeVar("Result")


def stretches(lengths: Sequence[int], count: int) -> list[list[int]]:
    """Places sorted by length, cut into one stretch for each rank, with about as many tokens in each.

    Texts of like length stay together, so that sharing adds no padding. A stretch may be empty.

    >>> stretches([3, 9, 4, 2], 2)
    [[3, 0, 2], [1]]
    """
    found: list[list[int]] = [[] for _ in range(count)]
    before, total = 0, sum(lengths)
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        middle = before + lengths[place] / 2
        found[int(middle * count / total)].append(place)
        before += lengths[place]
    return found


def gather_rows(own: Tensor, shares: Sequence[Sequence[int]]) -> Tensor:
    """Rows of all ranks, (n, d), each at its place: rank r has those of places `shares[r]`, in that order.

    `own` (len of this rank's share, d), without a graph. Every place must be in one share.
    """
    with ranks.all_or_none():
        rows = own.new_empty(sum(map(len, shares)), own.shape[1])
        room = sending.room_for_rows(own, max(map(len, shares)))
    for part, share in zip(sending.all_rows(*room), shares, strict=True):
        rows[torch.tensor(share, dtype=torch.int64, device=own.device)] = part[: len(share)]
    return rows


def each_by_one_rank(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What `work` makes of each item, on all ranks; of several ranks each does every so-manieth."""
    with ranks.all_or_none():
        own = [work(item) for item in items[ranks.number() :: ranks.count()]]
    found = ranks.of_all(own)
    return [found[place % ranks.count()][place // ranks.count()] for place in range(len(items))]


def encoder_of(model: TextModel) -> Encoder:
    """The model as an encoder whose work is shared by the ranks."""
    return model if ranks.count() == 1 else _Shared(model)


class _Shared:
    """An Encoder of which each rank encodes a share of the texts; all get the same vectors."""

    def __init__(self, model: TextModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    def encode(self, texts: Sequence[str]) -> Vectors:
        distinct = sorted(set(texts), key=lambda text: (len(text), text))
        if not distinct:
            return self._model.encode(texts)
        # Every rank gets short and long ones: all have the same to do, whatever the tokenizer makes of them.
        shares = [range(rank, len(distinct), ranks.count()) for rank in range(ranks.count())]
        with ranks.all_or_none():
            own = torch.from_numpy(self._model.encode([distinct[place] for place in shares[ranks.number()]]))
        vectors: Vectors = gather_rows(own, shares).numpy()
        row_of = {text: row for row, text in enumerate(distinct)}
        return vectors[[row_of[text] for text in texts]]
