"""What is said once where a stage begins, because the recipe alone would make one expect something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Toys = Callable[..., Any]


def noted(training: Any) -> list[str]:
    return [event[1] for event in training.record.told if event[0] == "noted"]


def test_dimensions_that_the_model_does_not_have_are_left_out_and_named(toy: Toys):
    training = toy(nested_dimensions=[512, 16, 64], max_steps=2)
    width = training.model.dimension
    assert 16 < width <= 64
    training.train()
    assert noted(training) == [
        f"stage 1 (warm): this model's vectors are {width} numbers long, so of nested_dimensions 512, 64 are left out; "
        "trained on besides the whole: 16"
    ]
    (settings,) = [event[2]["settings"] for event in training.record.told if event[0] == "settled"]
    assert settings["nested_dimensions"] == [16]


def test_dimensions_that_the_model_has_are_no_news(toy: Toys):
    training = toy(nested_dimensions=[16, 8], max_steps=2)
    training.train()
    assert noted(training) == []
