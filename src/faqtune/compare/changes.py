"""Two model folders, tensor by tensor: what moved from A to B, by how much, and where."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from faqtune.compare.names import EMBEDDINGS, common_prefixes, in_order, kind_of, layer_of
from faqtune.compare.sums import Change, Sums, added, change, sum_up
from faqtune.compare.tokens import MovedToken, moved_tokens
from faqtune.compare.weights import StoredTensor, open_weights
from faqtune.errors import UserError


@dataclass(frozen=True, slots=True)
class TensorChange:
    """One tensor. `name` is without what only one of the models puts in front of all; dtypes are those on disk."""

    name: str
    layer: str
    kind: str
    shape: tuple[int, ...]
    dtype_a: str
    dtype_b: str
    change: Change


@dataclass(frozen=True, slots=True)
class LayerChange:
    """All tensors of a layer together: `layer` is `embeddings`, `layer 0` and so on, or `other`."""

    layer: str
    tensors: int
    changed_tensors: int
    change: Change


@dataclass(frozen=True, slots=True)
class Cell:
    """All tensors of one kind (weight and bias) in one layer: what a heat map has a cell for."""

    layer: str
    kind: str
    change: Change


@dataclass(frozen=True, slots=True)
class Reshaped:
    """A tensor that both models have, in different shapes."""

    name: str
    shape_a: tuple[int, ...]
    shape_b: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WeightChanges:
    """Everything that the weights of two models tell about each other.

    `only_a` and `only_b` are tensors that the other model lacks; like the `reshaped` they are in no figure.
    `tokens` are the rows of the token embeddings that moved most, farthest first.
    """

    total: Change
    layers: tuple[LayerChange, ...]
    cells: tuple[Cell, ...]
    tensors: tuple[TensorChange, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    reshaped: tuple[Reshaped, ...]
    tokens: tuple[MovedToken, ...]


def compare_weights(
    folder_a: Path, folder_b: Path, on_progress: Callable[[int, int], None] | None = None
) -> WeightChanges:
    """Compare two model folders of any dtype, in one file or in parts, reading each once.

    Memory stays below 200 MB whatever their size (`pytorch_model.bin` needs torch besides). `on_progress`
    gets millions of weights done and in all. Raises UserError for a folder that is no model or is damaged, and
    where no tensor of the same name and shape is in both.
    """
    with open_weights(folder_a) as stored_a, open_weights(folder_b) as stored_b:
        prefixes = common_prefixes(stored_a, stored_b)
        before, after = (
            {key.removeprefix(prefix): tensor for key, tensor in stored.items()}
            for prefix, stored in zip(prefixes, (stored_a, stored_b), strict=True)
        )
        both = sorted((name for name in before if name in after), key=lambda name: (in_order(layer_of(name)), name))
        same = [name for name in both if before[name].shape == after[name].shape]
        if not same:
            raise UserError(
                f"{folder_a} and {folder_b} have no tensor of the same name and shape in common",
                "compare a model with one that was trained from it, or with its base",
            )
        found, tokens = _found(same, before, after, folder_b, on_progress or (lambda done, total: None))
        tensors = tuple(_tensor(name, before[name], after[name], found[name]) for name in same)
    return WeightChanges(
        total=change(added(found.values())),
        layers=_layers(found),
        cells=_cells(found),
        tensors=tensors,
        only_a=tuple(sorted(before.keys() - after.keys())),
        only_b=tuple(sorted(after.keys() - before.keys())),
        reshaped=tuple(Reshaped(n, before[n].shape, after[n].shape) for n in both if n not in found),
        tokens=tokens,
    )


def _found(
    names: list[str],
    before: Mapping[str, StoredTensor],
    after: Mapping[str, StoredTensor],
    folder: Path,
    on_progress: Callable[[int, int], None],
) -> tuple[dict[str, Sums], tuple[MovedToken, ...]]:
    words = _token_embeddings(names, before)
    found: dict[str, Sums] = {}
    tokens: tuple[MovedToken, ...] = ()
    total = sum(math.prod(before[name].shape) for name in names)
    done = 0
    for name in names:
        found[name], moved = sum_up(name, before[name], after[name])
        if name == words:
            tokens = moved_tokens(moved, folder)
        done += found[name].elements
        on_progress(math.ceil(done / 1e6), math.ceil(total / 1e6))
    return found, tokens


def _token_embeddings(names: Iterable[str], stored: Mapping[str, StoredTensor]) -> str | None:
    """The matrix of the embeddings with the most rows."""
    matrices = [name for name in names if layer_of(name) == EMBEDDINGS and len(stored[name].shape) == 2]
    return max(matrices, key=lambda name: stored[name].shape[0], default=None)


def _tensor(name: str, before: StoredTensor, after: StoredTensor, sums: Sums) -> TensorChange:
    return TensorChange(name, layer_of(name), kind_of(name), before.shape, before.dtype, after.dtype, change(sums))


def _layers(found: Mapping[str, Sums]) -> tuple[LayerChange, ...]:
    made = []
    for layer in sorted({layer_of(name) for name in found}, key=in_order):
        parts = [sums for name, sums in found.items() if layer_of(name) == layer]
        made.append(LayerChange(layer, len(parts), sum(part.changed > 0 for part in parts), change(added(parts))))
    return tuple(made)


def _cells(found: Mapping[str, Sums]) -> tuple[Cell, ...]:
    parts: dict[tuple[str, str], list[Sums]] = {}
    for name, sums in found.items():
        parts.setdefault((layer_of(name), kind_of(name)), []).append(sums)
    return tuple(Cell(*place, change(added(sums))) for place, sums in parts.items())
