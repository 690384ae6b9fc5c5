"""Low-rank adapters: what they leave behind is a model like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from faqtune.errors import UserError
from faqtune.model import (
    TextModel,
    adapted,
    attach_lora,
    drop_lora,
    effective_weights,
    merge_lora,
    put_weights,
    stored_weights,
)

Toys = Callable[..., Any]

TEXTS = ["什么时候发货", "包邮吗", "When will my order ship?"]
LORA = {"freeze": {"lora_rank": 4, "lora_alpha": 8}}
OTHER_LORA = {"freeze": {"lora_rank": 2, "lora_alpha": 2, "lower_layers": 1}}


def moved(model: TextModel) -> None:
    """Adapters that do something."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0, 0.1, generator=torch.Generator().manual_seed(len(name)))


def test_fresh_adapters_change_nothing_and_leave_no_trace(tiny_model: TextModel):
    before = tiny_model.encode(TEXTS)
    names = [name for name, _ in tiny_model.named_parameters()]
    attach_lora(tiny_model, 4, 8, seed=0)
    assert len(adapted(tiny_model)) == 2 * 6  # query, key, value and three dense layers of two layers
    np.testing.assert_array_equal(tiny_model.encode(TEXTS), before)
    drop_lora(tiny_model)
    assert [name for name, _ in tiny_model.named_parameters()] == names and not adapted(tiny_model)


def test_a_merged_model_says_what_the_adapted_one_said(tiny_model: TextModel):
    attach_lora(tiny_model, 4, 8, seed=0)
    moved(tiny_model)
    said = tiny_model.encode(TEXTS)
    merge_lora(tiny_model)
    assert not adapted(tiny_model)
    np.testing.assert_allclose(tiny_model.encode(TEXTS), said, atol=1e-6)


def test_lower_layers_get_no_adapter(tiny_model: TextModel):
    attach_lora(tiny_model, 4, 8, seed=0, lower_layers=1)
    assert all(".layer.1." in name for name in adapted(tiny_model))


def test_where_all_layers_are_frozen_there_is_no_place_for_adapters(tiny_model: TextModel):
    with pytest.raises(UserError, match="2 layers, and 2 frozen ones leave none for adapters"):
        attach_lora(tiny_model, 2, 16.0, 0, lower_layers=2)


def test_effective_weights_are_those_of_the_merged_model(fresh: Callable[[], TextModel]):
    model, merged = fresh(), fresh()
    names = [name for name, _ in model.named_parameters()]
    for each in (model, merged):
        attach_lora(each, 4, 8, seed=0)
        moved(each)
    found = effective_weights(model, names)
    merge_lora(merged)
    for name, parameter in merged.named_parameters():
        assert torch.equal(found[name], parameter), name


def test_stored_weights_take_up_where_they_were(fresh: Callable[[], TextModel]):
    model, other = fresh(), fresh()
    names = [name for name, _ in model.named_parameters()]
    attach_lora(model, 4, 8, seed=0)
    moved(model)
    attach_lora(other, 4, 8, seed=1)
    put_weights(other, {name: tensor.clone() for name, tensor in stored_weights(model, names).items()})
    np.testing.assert_array_equal(other.encode(TEXTS), model.encode(TEXTS))


def test_each_stage_has_adapters_of_its_own(toy: Toys):
    """Of the rank and on the layers that it asks for, whatever the stage before had."""
    training = toy(LORA, OTHER_LORA, max_steps=1)
    found: list[set[tuple[str, int]]] = []
    training.record.on_step = lambda stage, step: found.append(
        {(name.split(".layer.")[1][0], len(p)) for name, p in training.model.named_parameters() if ".lora_A." in name}
    )
    training.train()
    assert found == [{("0", 4), ("1", 4)}, {("1", 2)}]


def test_training_adapters_moves_only_the_linear_layers(toy: Toys):
    training = toy(LORA, max_steps=4, learning_rate=1e-2)
    training.measure = lambda model: {
        "oscr@5": float(model.encode(TEXTS)[0, 0]) + 5 * len(adapted(model)),
        "recall@1": 1,
    }
    before = training.weights()
    assert training.train().best_step != (0, 0)
    after = training.weights()
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all(".layer." in name and name.endswith("weight") and "Norm" not in name for name in changed)


@pytest.mark.parametrize(
    "stages",
    [[LORA], [{}, LORA], [LORA, {}], [LORA, OTHER_LORA]],
    ids=["alone", "after weights", "before weights", "before other adapters"],
)
def test_resumed_with_adapters_it_ends_bit_identical(toy: Toys, stages: list[dict[str, Any]], tmp_path: Any):
    stages = [{"max_steps": 4, **stage} for stage in stages]
    whole = toy(*stages, folder=tmp_path / "whole")
    whole.folder.mkdir()
    whole.train()
    for stop_at in ((1, 3), (len(stages), 1), (len(stages), 2)):
        folder = tmp_path / f"stopped-{stop_at}"
        folder.mkdir()
        stopped = toy(*stages, folder=folder)

        def stop(stage: int, step: int, at: tuple[int, int] = stop_at) -> None:
            if (stage, step) == at:
                raise KeyboardInterrupt

        stopped.record.on_step = stop
        with pytest.raises(KeyboardInterrupt):
            stopped.train()
        again = toy(*stages, folder=folder)
        again.train()
        assert again.has(whole.weights()), stop_at
