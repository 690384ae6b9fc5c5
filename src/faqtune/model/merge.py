"""The straight line between two models of one shape: (1 - c) times the one plus c times the other, weight by weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from faqtune.errors import UserError
from faqtune.model.text_model import TextModel

POOLER = "pooler."
"""Stands behind the token vectors and is never used: it may be in one of two models only."""


@dataclass(frozen=True, slots=True)
class Line:
    """`model` is the end model and is moved in place; `ends` holds the weights that differ, by name: start's, end's.

    What both have alike (frozen embeddings are often half of a model) is not held twice.
    """

    model: TextModel
    ends: dict[str, tuple[Tensor, Tensor]]

    def move_to(self, coefficient: float) -> TextModel:
        """Give `model` the weights at `coefficient`: 0 the start's, 1 the end's, both to the last bit.

        Each tensor is added up in float64 and rounded once. Linear interpolation of fine-tuned
        weights: WiSE-FT, arXiv 2109.01903.
        """
        refuse_coefficient(coefficient)
        weights = self.model.backbone.state_dict()
        with torch.no_grad():
            for name, ends in self.ends.items():
                start, end = (_exact(tensor) for tensor in ends)
                between = (1 - coefficient) * start + coefficient * end
                weights[name].copy_(between.to(weights[name].dtype))
        return self.model


def _exact(tensor: Tensor) -> Tensor:
    """In float64: on the CPU of a Mac, whose GPU has none."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def refuse_coefficient(coefficient: float) -> None:
    """Raises UserError outside 0 to 1: beyond the ends nobody has trained anything."""
    if not 0 <= coefficient <= 1:
        raise UserError(
            f"the coefficient {coefficient:g} is not between the two models",
            "give a number from 0 (the first model) to 1 (the second)",
        )


def line_between(start: TextModel, end: TextModel) -> Line:
    """The line from `start` to `end`, two models on one device that must not be changed otherwise from now on.

    Raises UserError if the two have different shapes or vocabularies, or the same weights, or
    weights that are not numbers.
    """
    _refuse_other_shape(start, end)
    weights = start.backbone.state_dict(), end.backbone.state_dict()
    shared = sorted(weights[0].keys() & weights[1].keys())
    ends = {
        name: (weights[0][name], weights[1][name].clone())
        for name in shared
        if weights[1][name].is_floating_point() and not torch.equal(weights[0][name], weights[1][name])
    }
    if not ends:
        raise UserError(
            f"{start.name} and {end.name} have the same weights, so there is nothing between them",
            "give a model and one that was trained from it",
        )
    for name, pair in ends.items():
        if not all(torch.isfinite(tensor).all() for tensor in pair):
            raise UserError(f"{name} holds weights that are not numbers", "give models whose training did not diverge")
    return Line(end, ends)


def _refuse_other_shape(start: TextModel, end: TextModel) -> None:
    found = next(_differences(start, end), None)
    if found is not None:
        raise UserError(
            f"{start.name} and {end.name} do not have one shape: {found}",
            "give two models of one kind, best a model and one that was trained from it",
        )
    if start.tokenizer.get_vocab() != end.tokenizer.get_vocab():
        raise UserError(
            f"{start.name} and {end.name} have different vocabularies: their weights speak of different pieces",
            "give two models with one tokenizer, best a model and one that was trained from it",
        )


def _differences(start: TextModel, end: TextModel) -> Iterator[str]:
    """In what two backbones differ, in words."""
    kinds = start.backbone.config.model_type, end.backbone.config.model_type
    if kinds[0] != kinds[1]:
        yield f"{kinds[0]} and {kinds[1]}"
    one, other = (
        {name: tuple(tensor.shape) for name, tensor in model.backbone.state_dict().items() if not _is_pooler(name)}
        for model in (start, end)
    )
    for name in sorted(one.keys() | other.keys()):
        shapes = [" x ".join(map(str, shape[name])) if name in shape else "nothing" for shape in (one, other)]
        if shapes[0] != shapes[1]:
            yield f"{name} is {shapes[0]} in the one and {shapes[1]} in the other"


def _is_pooler(name: str) -> bool:
    return name.startswith(POOLER)
