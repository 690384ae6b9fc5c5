"""Is what a recipe froze still what it was, to the last bit?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faqtune.compare.changes import WeightChanges
from faqtune.compare.names import EMBEDDINGS, layer_of


@dataclass(frozen=True, slots=True)
class FrozenCheck:
    """`declared`: layers that every stage of the recipe froze; `moved`: tensors of theirs that differ, were
    reshaped or are gone, or the layer itself where it is in neither model."""

    declared: tuple[str, ...]
    moved: tuple[str, ...]

    @property
    def ok(self) -> bool | None:
        """None where nothing was declared."""
        return not self.moved if self.declared else None


def declared_frozen(stages: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Layers that are frozen in every stage of a recipe as `recipe.json` holds it.

    >>> declared_frozen([{"freeze": {"embeddings": True, "lower_layers": 2}}, {"freeze": {"lower_layers": 1}}])
    ('layer 0',)
    """
    freezes = [stage.get("freeze", {}) for stage in stages]
    if not freezes:
        return ()
    embeddings = all(freeze.get("embeddings", False) for freeze in freezes)
    lower_layers = min(int(freeze.get("lower_layers", 0)) for freeze in freezes)
    return (*((EMBEDDINGS,) if embeddings else ()), *(f"layer {layer}" for layer in range(lower_layers)))


def check_frozen(changes: WeightChanges, declared: Sequence[str]) -> FrozenCheck:
    """Every tensor of the declared layers must be in both models, and equal in every element.

    Position numbers, which older programs stored among the weights, are no weights: they may be gone.
    """
    moved = [tensor.name for tensor in changes.tensors if tensor.layer in declared and tensor.change.changed]
    lost = [*changes.only_a, *changes.only_b, *(tensor.name for tensor in changes.reshaped)]
    moved += [name for name in lost if layer_of(name) in declared and not name.endswith("position_ids")]
    seen = {layer_of(name) for name in (*lost, *(tensor.name for tensor in changes.tensors))}
    moved += [layer for layer in declared if layer not in seen]
    return FrozenCheck(tuple(declared), tuple(moved))
