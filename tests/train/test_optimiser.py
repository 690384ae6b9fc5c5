from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import get_linear_schedule_with_warmup

from faqtune.model import TextModel
from faqtune.recipe import Recipe
from faqtune.train.optimiser import make_optimiser, optimiser_tensors, restore_optimiser, schedule, update


def test_biases_and_norms_do_not_decay(tiny_model: TextModel, recipe_of: Callable[..., Recipe]):
    optimiser = make_optimiser(tiny_model, recipe_of(weight_decay=0.1).stages[0])
    decay = {id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    for name, parameter in tiny_model.named_parameters():
        if parameter.requires_grad:
            spared = name.endswith("bias") or "LayerNorm" in name
            assert decay.pop(id(parameter)) == (0 if spared else 0.1), name
    assert not decay


def test_frozen_parameters_are_left_out(tiny_model: TextModel, recipe_of: Callable[..., Recipe]):
    tiny_model.backbone.encoder.layer[0].requires_grad_(False)
    optimiser = make_optimiser(tiny_model, recipe_of().stages[0])
    inside = {id(p) for group in optimiser.param_groups for p in group["params"]}
    assert inside == {id(p) for p in tiny_model.parameters() if p.requires_grad}


@pytest.mark.parametrize(("steps", "warmup_share"), [(10, 0.0), (10, 0.2), (37, 0.1), (5, 1.0), (1, 0.1), (1, 1.0)])
def test_the_learning_rate_rises_then_falls_as_in_transformers(steps: int, warmup_share: float):
    warmup = round(steps * warmup_share)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_linear_schedule_with_warmup(optimiser, warmup, steps)
    factors = [schedule(step, steps, warmup_share) for step in range(steps)]
    for step in range(steps):
        # Theirs starts with a step of rate 0, which only wastes a batch; ours is one step ahead while it rises.
        expected = (step + 1) / warmup if step < warmup else theirs.get_last_lr()[0]
        assert factors[step] == pytest.approx(expected)
        optimiser.step()
        theirs.step()
    assert all(0 < factor <= 1 for factor in factors) and max(factors) == 1


def test_an_update_is_one_clipped_step():
    weight = torch.nn.Parameter(torch.tensor([[1.0, 1.0]]))
    optimiser = torch.optim.SGD([{"params": [weight]}], lr=9.0)
    weight.grad = torch.tensor([[3.0, 4.0]])
    assert update(optimiser, 0.1, max_gradient_norm=1.0) == 5.0
    torch.testing.assert_close(weight.detach(), torch.tensor([[0.94, 0.92]]))
    assert weight.grad is None


@pytest.mark.parametrize("gradient", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_no_weight(gradient: float):
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    optimiser = torch.optim.AdamW([weight], lr=0.1)
    weight.grad = torch.tensor([gradient])
    assert not torch.tensor(update(optimiser, 0.1, 1.0)).isfinite()
    assert weight.item() == 1.0


def test_a_restored_optimiser_goes_on_bit_for_bit(recipe_of: Callable[..., Recipe]):
    def steps(layer: torch.nn.Linear, optimiser: torch.optim.Optimizer, seeds: range) -> None:
        for seed in seeds:
            torch.manual_seed(seed)
            layer(torch.randn(3, 4)).square().sum().backward()
            update(optimiser, 0.01, 1.0)

    stage = recipe_of().stages[0]
    torch.manual_seed(0)
    layer = torch.nn.Linear(4, 2)
    optimiser = make_optimiser(layer, stage)
    steps(layer, optimiser, range(3))
    copy = torch.nn.Linear(4, 2)
    copy.load_state_dict(layer.state_dict())
    other = make_optimiser(copy, stage)
    restore_optimiser(other, {name: tensor.clone() for name, tensor in optimiser_tensors(optimiser).items()})
    for each, its in ((layer, optimiser), (copy, other)):
        steps(each, its, range(3, 6))
    assert torch.equal(layer.weight, copy.weight) and torch.equal(layer.bias, copy.bias)
