"""Put one layer of a loaded model back to the weights of another, and take it back again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from faqtune.compare.changes import WeightChanges
from faqtune.compare.names import OTHER
from faqtune.compare.weights import StoredTensor

if TYPE_CHECKING:
    from faqtune.model import TextModel

PIECE_ELEMENTS = 1 << 22
"""Numbers read at once: the embeddings of BGE-M3 are a gigabyte."""

Reverted = Mapping[str, Sequence[str]]
"""Layer to the names of its tensors that differ."""


def revertible(changes: WeightChanges) -> Reverted:
    """The layers that changed, from the bottom up. What stands behind the layers (a pooler, heads) is not used."""
    found: dict[str, list[str]] = {}
    for tensor in changes.tensors:
        if tensor.change.changed and tensor.layer != OTHER:
            found.setdefault(tensor.layer, []).append(tensor.name)
    return found


def unmatched(model: TextModel, names: Sequence[str]) -> list[str]:
    """Names that no weight of the loaded model goes by."""
    known = weights_by_name(model, names)
    return [name for name in names if name not in known]


@contextmanager
def reverted(model: TextModel, names: Sequence[str], stored: Mapping[str, StoredTensor]) -> Iterator[None]:
    """Within the block the weights `names` of `model` are those that lie in `stored`; afterwards its own, bit by bit.

    `stored` goes by keys that end in the names. One layer is held twice meanwhile. Raises KeyError for a name
    that the model does not have.
    """
    weights = weights_by_name(model, names)
    own = {name: weights[name].detach().clone() for name in names}
    try:
        with torch.no_grad():
            for name in names:
                tensor, flat = stored_under(name, stored), weights[name].view(-1)
                for start, stop in pairwise([*range(0, flat.numel(), PIECE_ELEMENTS), flat.numel()]):
                    flat[start:stop].copy_(torch.from_numpy(tensor.read(start, stop)))
        yield
    finally:
        with torch.no_grad():
            for name, values in own.items():
                weights[name].copy_(values)


def weights_by_name(model: TextModel, names: Sequence[str]) -> dict[str, torch.Tensor]:
    """Weights of the backbone, those that there are; files may have something in front of its names, or it in front
    of theirs."""
    own = model.backbone.state_dict(keep_vars=True)
    found = {}
    for name in names:
        match = name if name in own else next((n for n in own if _ends_alike(n, name)), None)
        if match is not None:
            found[name] = own[match]
    return found


def stored_under(name: str, stored: Mapping[str, StoredTensor]) -> StoredTensor:
    """The tensor of a name, whatever its file has in front of it."""
    return stored[name] if name in stored else next(t for key, t in stored.items() if key.endswith(f".{name}"))


def _ends_alike(one: str, other: str) -> bool:
    return one.endswith(f".{other}") or other.endswith(f".{one}")
