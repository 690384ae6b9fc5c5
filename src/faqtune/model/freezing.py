"""Hold parts of a model still while the rest is trained."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from torch import nn

from faqtune.errors import UserError
from faqtune.model.heads import HEADS
from faqtune.model.text_model import TextModel


@dataclass(frozen=True, slots=True)
class ParameterCounts:
    """How many numbers of a model a training moves, and how many it leaves."""

    trainable: int
    frozen: int


def freeze(
    model: TextModel, *, embeddings: bool, lower_layers: int = 0, heads: Collection[str] = HEADS
) -> ParameterCounts:
    """Freeze the embedding layer and the `lower_layers` lowest layers, if asked; train everything else.

    Of attached heads only those named in `heads` are trained.
    What an earlier call froze is freed first: the arguments alone say what holds afterwards.
    Raises UserError for more layers than there are, or where nothing would be left to train.
    """
    layers = transformer_layers(model)
    if not 0 <= lower_layers <= len(layers):
        raise UserError(
            f"{model.name} has {len(layers)} layers, so {lower_layers} cannot be frozen", "lower the number"
        )
    if embeddings and lower_layers == len(layers):
        raise UserError("embeddings and all layers frozen: nothing is left to train", "freeze fewer layers")
    model.requires_grad_(True)
    if isinstance(pooler := getattr(model.backbone, "pooler", None), nn.Module):
        pooler.requires_grad_(False)
    if model.heads is not None:
        for name in HEADS:
            model.heads.get_submodule(name).requires_grad_(name in heads)
    if embeddings:
        _embeddings(model).requires_grad_(False)
    for layer in layers[:lower_layers]:
        layer.requires_grad_(False)
    return count_parameters(model)


def unfreeze(model: TextModel) -> ParameterCounts:
    """Train everything."""
    return freeze(model, embeddings=False)


def count_parameters(model: TextModel) -> ParameterCounts:
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return ParameterCounts(trainable, sum(p.numel() for p in model.parameters()) - trainable)


def layers_above(model: TextModel) -> dict[str, int]:
    """How many layers lie above each parameter, by name; all of them above the embeddings, none above the last."""
    layers = transformer_layers(model)
    above = {name: 0 for name, _ in model.named_parameters()}
    depth_of = {id(p): len(layers) - 1 - number for number, layer in enumerate(layers) for p in layer.parameters()}
    depth_of |= {id(p): len(layers) for p in _embeddings(model).parameters()}
    return above | {name: depth_of[id(p)] for name, p in model.named_parameters() if id(p) in depth_of}


def _embeddings(model: TextModel) -> nn.Module:
    """Words, positions, types and their norm together, where the backbone keeps them in one module."""
    together = getattr(model.backbone, "embeddings", None)
    return together if isinstance(together, nn.Module) else model.backbone.get_input_embeddings()


def transformer_layers(model: TextModel) -> list[nn.Module]:
    """The transformer layers, lowest first: the one list of modules that is as long as the configuration says."""
    count = model.backbone.config.num_hidden_layers
    for module in model.backbone.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return list(module)
    raise UserError(f"{model.name}: its layers were not found, so none can be frozen", "train without lower_layers")
