"""What a stage trains of the model: frozen parts, low-rank adapters, heads."""

from __future__ import annotations

from dataclasses import dataclass

from faqtune.errors import UserError
from faqtune.model import (
    TextModel,
    adapted,
    attach_heads,
    attach_lora,
    drop_lora,
    freeze,
    merge_lora,
    train_adapters_only,
    unfreeze,
)
from faqtune.recipe import Recipe, Stage
from faqtune.train.budget import still_to_come_bytes


@dataclass(frozen=True, slots=True)
class Trained:
    """`names`: parameters that at least one stage changes, in the model's order, by their names without adapters.

    `most_bytes`: what gradients and the optimiser's averages take in the stage where that is most.
    """

    names: tuple[str, ...]
    most_bytes: int


def prepare(model: TextModel, stage: Stage, seed: int) -> None:
    """Leave free what a stage trains. Adapters of an earlier stage are added into the weights, unless this one asks
    for the same: it goes on with them."""
    held = stage.freeze
    if model.adapters != (held.lora_rank, held.lora_alpha, held.lower_layers):
        merge_lora(model)
    freeze(model, embeddings=held.embeddings, lower_layers=held.lower_layers, heads=stage.heads.trained)
    if held.lora_rank:
        attach_lora(model, held.lora_rank, held.lora_alpha, seed, held.lower_layers)
        train_adapters_only(model)


def refuse_untrainable(model: TextModel, recipe: Recipe) -> None:
    """Refuse, before anything has begun, what no stage of the recipe can train of this model. Raises UserError where
    the model's weights are not numbers, or a stage freezes more than there is."""
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise UserError(
                f"the base model {model.name} has weights that are not numbers, {name} among them",
                "get its files anew, or choose another base model",
            )
    try:
        if any(stage.heads.trained for stage in recipe.stages):
            attach_heads(model, recipe.seed)
        what_is_trained(model, recipe)
    finally:
        unfreeze(model)


def what_is_trained(model: TextModel, recipe: Recipe) -> Trained:
    """What the stages of a recipe change of a model without adapters, which stays as it is."""
    every = [name for name, _ in model.named_parameters()]
    trained: set[str] = set()
    most_bytes = 0
    for stage in recipe.stages:
        prepare(model, stage, recipe.seed)
        trained |= {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        trained |= {f"{name}.weight" for name in adapted(model)}
        most_bytes = max(most_bytes, still_to_come_bytes(model, stage))
        drop_lora(model)
    return Trained(tuple(name for name in every if name in trained), most_bytes)
