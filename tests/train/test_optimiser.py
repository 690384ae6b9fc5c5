from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import get_linear_schedule_with_warmup

from faqtune.model import TextModel, layers_above
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


@pytest.mark.parametrize("kind", ["adamw", "adafactor"])
def test_a_restored_optimiser_goes_on_bit_for_bit(recipe_of: Callable[..., Recipe], kind: str):
    def steps(layer: torch.nn.Linear, optimiser: torch.optim.Optimizer, seeds: range) -> None:
        for seed in seeds:
            torch.manual_seed(seed)
            layer(torch.randn(3, 4)).square().sum().backward()
            update(optimiser, 0.01, 1.0)

    stage = recipe_of(optimiser=kind).stages[0]
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


def test_adafactor_steps_first_as_far_as_adamw_and_remembers_next_to_nothing(recipe_of: Callable[..., Recipe]):
    """However large the weights are. In the first step each number of AdamW moves by the rate."""
    moved, remembered = {}, {}
    for kind in ("adamw", "adafactor"):
        for size in (0.01, 1.0, 30.0):
            torch.manual_seed(0)
            layer = torch.nn.Linear(64, 32, bias=False)
            with torch.no_grad():
                layer.weight.mul_(size)
            before = layer.weight.detach().clone()
            optimiser = make_optimiser(layer, recipe_of(optimiser=kind, weight_decay=0.0).stages[0])
            layer.weight.grad = torch.randn(32, 64)
            update(optimiser, 1e-3, 1e9)
            moved[kind, size] = float((layer.weight.detach() - before).square().mean().sqrt())
            remembered[kind] = sum(tensor.numel() for tensor in optimiser_tensors(optimiser).values())
    assert remembered == {"adamw": 2 * 64 * 32 + 1, "adafactor": 64 + 32 + 1}
    assert [moved["adamw", size] for size in (0.01, 1.0, 30.0)] == pytest.approx([1e-3] * 3, rel=0.01)
    assert [moved["adafactor", size] for size in (0.01, 1.0, 30.0)] == pytest.approx([1e-3] * 3, rel=0.03)


@pytest.mark.parametrize("size", [1.0, 1e-5])
def test_adafactor_is_the_formula(recipe_of: Callable[..., Recipe], size: float):
    """Against the update of arXiv 1804.04235, algorithm 4, with an absolute rate, written out in numpy; also with
    gradients as small as those of a large model, of which the steps must not depend."""
    torch.manual_seed(1)
    layer = torch.nn.Linear(5, 3)
    optimiser = make_optimiser(layer, recipe_of(optimiser="adafactor", weight_decay=0.1).stages[0])
    weight, bias = layer.weight.detach().numpy().astype(float), layer.bias.detach().numpy().astype(float)
    rows, columns, squares = np.zeros((3, 1)), np.zeros((1, 5)), np.zeros(3)
    rate = 0.02
    for step in range(1, 6):
        layer.weight.grad, layer.bias.grad = size * torch.randn(3, 5), size * torch.randn(3)
        # A table of which few rows are in use.
        layer.weight.grad[1:] *= step > 3
        of_weight, of_bias = layer.weight.grad.numpy().astype(float), layer.bias.grad.numpy().astype(float)
        old = 1 - step**-0.8
        rows = old * rows + (1 - old) * (of_weight**2).mean(axis=1, keepdims=True)
        columns = old * columns + (1 - old) * (of_weight**2).mean(axis=0, keepdims=True)
        squares = old * squares + (1 - old) * of_bias**2
        for values, gradient, second, decay in (
            (weight, of_weight, rows * columns / rows.mean(), 0.1),
            (bias, of_bias, squares, 0.0),
        ):
            move = gradient / np.sqrt(np.maximum(second, 1e-30))
            move /= max(1.0, np.sqrt((move**2).mean()))
            size = max(1e-3, np.sqrt((values**2).mean()))
            values *= 1 - rate * decay
            values -= min(rate, size / np.sqrt(step)) * move
        update(optimiser, rate, 1e9)
        np.testing.assert_allclose(layer.weight.detach().numpy(), weight, atol=1e-5)
        np.testing.assert_allclose(layer.bias.detach().numpy(), bias, atol=1e-5)


@pytest.mark.parametrize("kind", ["adamw", "adafactor"])
def test_each_layer_below_the_highest_learns_so_much_slower(toy: Callable[..., Any], kind: str):
    """By the first step of a real training: AdamW moves each number that has a gradient by its rate."""
    training = toy(
        optimiser=kind, layer_decay=0.1, learning_rate=1e-3, weight_decay=0.0, max_steps=1,
        freeze={"embeddings": False}, losses={"ranking": {"weight": 1}},
    )  # fmt: skip
    before, depths = training.weights(), layers_above(training.model)
    after: dict[str, Tensor] = {}
    training.record.on_step = lambda stage, step: after.update(training.weights())
    training.train()
    moved = {name: float((after[name] - before[name]).abs().max()) for name in before}
    moved_of = [[moved[name] for name in moved if f"layer.{layer}." in name and "weight" in name] for layer in (0, 1)]
    words = "backbone.embeddings.word_embeddings.weight"
    assert {depths[name] for name in moved if "layer.1." in name} == {0}
    assert {depths[name] for name in moved if "layer.0." in name} == {1} and depths[words] == 2
    if kind == "adamw":
        assert moved_of[1] == pytest.approx([1e-3] * len(moved_of[1]), rel=0.01)
        assert moved_of[0] == pytest.approx([1e-4] * len(moved_of[0]), rel=0.01)
        assert moved[words] == pytest.approx(1e-5, rel=0.01)
    # Adafactor's steps are as long by the root of their mean square, and so differ in single numbers.
    assert max(moved_of[0]) / max(moved_of[1]) == pytest.approx(0.1, rel=0.5)
    assert 0 < moved[words] < 0.5 * max(moved_of[0])


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
def test_the_learning_rate_of_each_group_is_its_share_of_the_schedules(
    tiny_model: TextModel, recipe_of: Callable[..., Recipe], layer_decay: float
):
    optimiser = make_optimiser(tiny_model, recipe_of(layer_decay=layer_decay).stages[0], layers_above(tiny_model))
    update(optimiser, 0.04, 1.0)
    rate_of = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    depths = layers_above(tiny_model)
    found = {depths[name]: rate_of[id(p)] for name, p in tiny_model.named_parameters() if id(p) in rate_of}
    assert found == {depth: 0.04 * layer_decay**depth for depth in (0, 1, 2)}
