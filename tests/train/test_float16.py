"""float16 ends at 65504: gradients that overflow are scaled by less, and the step is made all the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor

from faqtune.errors import UserError
from faqtune.model import Precision, device
from faqtune.train import engine

Toys = Callable[..., Any]


@pytest.fixture
def in_float16(toy: Toys) -> Callable[..., Any]:
    def make(**changes: Any) -> Any:
        training = toy(**changes)
        training.model.precision = Precision("float16", "test")
        return training

    return make


def steps(training: Any, name: str) -> list[float]:
    return [event[name] for event in training.log() if event["event"] == "step"]


def test_a_scale_that_overflows_is_halved_and_no_step_is_lost(in_float16: Toys, monkeypatch: pytest.MonkeyPatch):
    usual = in_float16()
    usual.train()
    assert usual.model.scale_halvings == 0
    monkeypatch.setattr(device, "FLOAT16_SCALE", 2.0**30)
    training = in_float16(folder=usual.folder / "high")
    training.folder.mkdir()
    assert training.train().status == "done"
    halvings = training.model.scale_halvings
    notes = [event["text"] for event in training.log() if event["event"] == "noted"]
    assert 0 < halvings == len(notes) < 30
    assert "float16 could not hold a gradient" in notes[0] and f"scaled by {2.0**29:g}" in notes[0]
    assert steps(training, "loss") == pytest.approx(steps(usual, "loss"), rel=0.02)
    assert all(map(math.isfinite, steps(training, "gradient_norm")))


def test_a_training_that_is_resumed_goes_on_with_the_scale_that_it_had(
    in_float16: Toys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(device, "FLOAT16_SCALE", 2.0**30)
    undisturbed = in_float16()
    undisturbed.train()
    weights, folder = undisturbed.weights(), undisturbed.folder / "stopped"
    folder.mkdir()
    first = in_float16(folder=folder)

    def stop(stage: int, step: int) -> None:
        if step == 4:
            raise KeyboardInterrupt

    first.record.on_step = stop
    with pytest.raises(KeyboardInterrupt):
        first.train()
    second = in_float16(folder=folder)
    assert second.train().status == "done"
    assert second.model.scale_halvings == undisturbed.model.scale_halvings > 0
    assert second.has(weights)
    assert steps(second, "loss") == steps(undisturbed, "loss")


@pytest.mark.parametrize("what", ["loss", "gradient's norm"])
def test_what_no_scale_can_hold_names_the_other_precisions(
    in_float16: Toys, monkeypatch: pytest.MonkeyPatch, what: str
):
    ranking = engine.losses.ranking

    def spoilt(scores: Tensor, *rest: Any) -> Tensor:
        if what == "loss":
            return ranking(scores, *rest) * math.nan
        return ranking(scores, *rest) + (scores - scores.detach()).sum().clamp_min(0).sqrt()

    monkeypatch.setattr(engine.losses, "ranking", spoilt)
    training = in_float16()
    with pytest.raises(UserError, match=rf"step 1: the {what} is nan") as error:
        training.train()
    assert "set precision to bfloat16 or float32" in error.value.next_step
    assert training.model.gradient_scale == (4096 if what == "loss" else 1)


def test_other_precisions_have_no_scale(toy: Toys):
    model = toy().model
    model.scale_halvings = 3
    assert model.gradient_scale == 1
    model.precision = Precision("float16", "test")
    assert model.gradient_scale == 512
