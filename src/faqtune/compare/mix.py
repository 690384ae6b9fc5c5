"""A model whose layers each lie somewhere between two models: moved in place, with weights read from disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from faqtune.compare.revert import PIECE_ELEMENTS, Reverted, stored_under, weights_by_name
from faqtune.compare.weights import StoredTensor

if TYPE_CHECKING:
    from faqtune.model import TextModel


class LayerMix:
    """`model` is B, loaded; `layers` are those that A and B differ in, with the names of their tensors.

    Both models' weights are read from their files whenever a layer moves, so that one model is in memory.
    """

    def __init__(
        self,
        model: TextModel,
        layers: Reverted,
        stored_a: Mapping[str, StoredTensor],
        stored_b: Mapping[str, StoredTensor],
    ) -> None:
        self.model, self.layers = model, tuple(layers)
        self._sources = stored_a, stored_b
        self._weights = [weights_by_name(model, names) for names in layers.values()]
        self._at = [1.0] * len(self.layers)

    def move_to(self, coefficients: Sequence[float]) -> TextModel:
        """Give each layer (1 - c) times A's weights plus c times B's: 0 is A's, 1 is B's, both to the last bit.

        One coefficient per layer, in the order of `layers`. Added up in float64 and rounded once, as
        `model.merge` does it. Raises ValueError for another number of coefficients.
        """
        for number, (here, there) in enumerate(zip(self._at, coefficients, strict=True)):
            if here != there:
                self._move(number, there)
        return self.model

    def _move(self, number: int, coefficient: float) -> None:
        with torch.no_grad():
            for name, weight in self._weights[number].items():
                a, b = (stored_under(name, stored) for stored in self._sources)
                flat = weight.view(-1)
                for start, stop in pairwise([*range(0, flat.numel(), PIECE_ELEMENTS), flat.numel()]):
                    flat[start:stop].copy_(torch.from_numpy(_between(a, b, start, stop, coefficient)))
        self._at[number] = coefficient


def _between(a: StoredTensor, b: StoredTensor, start: int, stop: int, coefficient: float) -> NDArray[Any]:
    if coefficient in (0, 1):
        return (b if coefficient else a).read(start, stop)
    before, after = (stored.read(start, stop).astype(np.float64) for stored in (a, b))
    return (1 - coefficient) * before + coefficient * after
