"""A stage whose steps are shorter than the weights' precision is refused; no other training is changed by the look."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
import torch

from faqtune.errors import UserError
from faqtune.model import TextModel, freeze
from faqtune.train import standstill
from faqtune.train.standstill import has_moved, sampled_weights

Toys = Callable[..., Any]


@pytest.mark.parametrize("settings", [{}, {"freeze": {"lora_rank": 2}}, {"optimiser": "adafactor"}])
def test_a_learning_rate_below_the_precision_of_the_weights_is_refused(
    toy: Toys, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
):
    monkeypatch.setattr(standstill, "LEAST_STEPS", 4)
    training = toy(learning_rate=1e-12, max_steps=20, **settings)
    with pytest.raises(
        UserError, match=r"stage 1 \(warm\): the weights have not changed in 4 steps.* of 1e-12"
    ) as error:
        training.train()
    assert "learning_rate" in error.value.next_step
    assert (training.folder / "checkpoints" / "01-0000002").is_dir()


def test_a_second_stage_is_judged_by_its_own_start(toy: Toys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(standstill, "LEAST_STEPS", 4)
    training = toy({}, {"learning_rate": 1e-12, "name": "then"})
    with pytest.raises(UserError, match=r"stage 2 \(then\): the weights have not changed in 4 steps"):
        training.train()


def test_nobody_is_judged_before_the_learning_rate_has_risen(toy: Toys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(standstill, "LEAST_STEPS", 2)
    training = toy(learning_rate=1e-12, warmup_share=0.5, max_steps=10)
    with pytest.raises(UserError, match="have not changed in 5 steps"):
        training.train()


def test_a_stage_shorter_than_that_is_judged_at_its_end(toy: Toys):
    with pytest.raises(UserError, match="have not changed in 3 steps"):
        toy(learning_rate=1e-12, max_steps=3).train()


@pytest.mark.parametrize("settings", [{"learning_rate": 1e-6}, {"freeze": {"lora_rank": 2}, "learning_rate": 1e-6}])
def test_small_steps_are_still_steps(toy: Toys, settings: dict[str, Any]):
    assert toy(**settings, max_steps=3).train().status == "done"


def test_a_training_that_is_resumed_before_it_is_judged_is_judged_all_the_same(
    toy: Toys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(standstill, "LEAST_STEPS", 4)
    training = toy(learning_rate=1e-12, max_steps=20)
    with pytest.raises(UserError, match="have not changed"):
        training.train()
    again = toy(learning_rate=1e-12, max_steps=20)
    with pytest.raises(UserError, match="have not changed in 4 steps"):
        again.train()
    assert ("stage", 1, 20, 2) in again.record.told, "it began at the start"


def test_what_was_judged_is_no_longer_kept(toy: Toys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(standstill, "LEAST_STEPS", 5)
    training = toy()
    training.train()
    kept = [
        json.loads((training.folder / "checkpoints" / f"01-000000{step}" / "progress.json").read_text("utf-8"))
        for step in (4, 6)
    ]
    assert len(kept[0]["sampled_at_start"]) > 10 and kept[1]["sampled_at_start"] == []


def test_a_few_numbers_of_every_trained_parameter_are_looked_at(tiny_model: TextModel):
    freeze(tiny_model, embeddings=True)
    before = sampled_weights(tiny_model)
    trained = [p for p in tiny_model.parameters() if p.requires_grad]
    assert len(trained) <= len(before) <= standstill.SAMPLED_NUMBERS
    for parameter in trained:
        with torch.no_grad():
            parameter += 1
        assert sum(a != b for a, b in zip(before, sampled_weights(tiny_model), strict=True)) >= 1
        assert has_moved(before, sampled_weights(tiny_model))
        with torch.no_grad():
            parameter -= 1
        before = sampled_weights(tiny_model)
    tiny_model.backbone.get_input_embeddings().weight.data += 1
    assert sampled_weights(tiny_model) == before


def test_weights_that_are_zero_do_not_count_as_moved_by_the_shortest_step():
    assert not has_moved([0.5] * 10 + [0.0] * 10, [0.5] * 10 + [1e-12] * 10)
    assert has_moved([0.5] * 10 + [0.0] * 10, [0.5] * 10 + [1e-6] * 10)
    assert not has_moved([0.0], [0.0]) and has_moved([0.0], [1e-30])


def test_a_resumed_stage_is_compared_with_its_start_and_not_with_where_it_was_resumed(
    toy: Toys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(standstill, "LEAST_STEPS", 5)
    stopped = toy()
    stopped.record.on_step = lambda stage, step: signal.raise_signal(signal.SIGINT) if step == 3 else None
    assert stopped.train().status == "interrupted"

    def start(step: int) -> list[float]:
        path = stopped.folder / "checkpoints" / f"01-000000{step}" / "progress.json"
        return list(json.loads(path.read_text("utf-8"))["sampled_at_start"])

    before = start(3)
    assert toy().train().status == "done"
    assert len(before) > 10 and start(4) == before
