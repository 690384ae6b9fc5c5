"""Low-rank adapters (LoRA, arXiv 2106.09685) by peft, for the time that a stage trains them.

Whatever is stored goes by the names of the model without adapters, so that a checkpoint's reader, the
best weights and the saved model know nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from faqtune.errors import UserError
from faqtune.model.freezing import transformer_layers
from faqtune.model.text_model import TextModel

ADAPTER = "default"


def attach_lora(model: TextModel, rank: int, alpha: float, seed: int, lower_layers: int = 0) -> None:
    """Put an adapter of `rank` beside every linear layer of the transformer layers above the `lower_layers` lowest.

    Its product is scaled by alpha / rank and 0 at first, so the model's vectors stay as they are.
    Does nothing if there are adapters. Raises UserError without peft, or
    where no layer is left.
    """
    if adapted(model):
        return
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise UserError("freeze.lora_rank needs peft", 'run `pip install "faqtune[lora]"`') from None
    inside = {id(module) for layer in transformer_layers(model)[lower_layers:] for module in layer.modules()}
    targets = [
        name
        for name, module in model.backbone.named_modules()
        if isinstance(module, nn.Linear) and id(module) in inside
    ]
    if not targets:
        raise UserError(
            f"{model.name} has {len(transformer_layers(model))} layers, and {lower_layers} frozen ones leave none for "
            "adapters",
            "lower freeze.lower_layers",
        )
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, bias="none", target_modules=targets)  # type: ignore[arg-type]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model.backbone)
    model.adapters = rank, alpha, lower_layers


def adapted(model: TextModel) -> dict[str, Any]:
    """The layers that have an adapter, by name; empty if none is attached."""
    return {name: module for name, module in model.named_modules() if hasattr(module, "base_layer")}


def train_adapters_only(model: TextModel) -> None:
    """Freeze everything of the backbone but the adapters."""
    for name, parameter in model.backbone.named_parameters():
        parameter.requires_grad_(".lora_" in name)


def effective_weights(model: TextModel, names: Iterable[str]) -> dict[str, Tensor]:
    """The named parameters as they work now, adapters added in: no copies of those that have none."""
    layers = adapted(model)
    found = {}
    for name in names:
        owner, _, leaf = name.rpartition(".")
        found[name] = _parameter(model, layers, name).detach()
        if owner in layers and leaf == "weight":
            found[name] = _added(layers[owner])
    return found


def stored_weights(model: TextModel, names: Iterable[str]) -> dict[str, Tensor]:
    """The named parameters without adapters, and those of the adapters: what a training goes on from."""
    layers = adapted(model)
    found = {name: _parameter(model, layers, name).detach() for name in names}
    return found | {name: p.detach() for name, p in model.named_parameters() if ".lora_" in name}


def put_weights(model: TextModel, weights: Mapping[str, Tensor]) -> None:
    """Write weights that `effective_weights` or `stored_weights` gave into the model, adapters attached as then."""
    layers = adapted(model)
    with torch.no_grad():
        for name, weight in weights.items():
            _parameter(model, layers, name).copy_(weight)


def merge_lora(model: TextModel) -> None:
    """Add the adapters into the weights and take them out. Does nothing if there are none."""
    for layer in adapted(model).values():
        with torch.no_grad():
            layer.base_layer.weight.copy_(_added(layer))
    drop_lora(model)


def drop_lora(model: TextModel) -> None:
    """Take the adapters out as if they had never been. Does nothing if there are none."""
    for name, layer in adapted(model).items():
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, layer.base_layer)
    model.adapters = None
    if hasattr(model.backbone, "peft_config"):
        del model.backbone.peft_config  # where peft keeps track of them


def _added(layer: Any) -> Tensor:
    weight, delta = layer.base_layer.weight, layer.get_delta_weight(ADAPTER)
    return torch.add(weight, delta).detach()


def _parameter(model: TextModel, layers: Mapping[str, Any], name: str) -> nn.Parameter:
    owner, _, leaf = name.rpartition(".")
    return model.get_parameter(f"{owner}.base_layer.{leaf}" if owner in layers else name)
