"""Batches that are made while a GPU works on the one before: the same batches, and the same training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from faqtune.train import memory, stage
from faqtune.train.batches import batch_at

Toys = Callable[..., Any]


@pytest.mark.parametrize("mining", [{"every_steps": 2}, {"every_steps": 0}, {"every_steps": 0, "at_evaluations": True}])
def test_each_step_learns_from_the_batch_that_is_its_own_by_what_was_mined_last(
    toy: Toys, mining: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a round of mining has come between."""
    last: dict[str, Any] = {}
    learned: list[tuple[str, ...]] = []
    learn, mine = memory.learn, stage.mine

    def mined(*given: Any) -> Any:
        last["mined"] = mine(*given)
        return last["mined"]

    def watched(model: Any, batch: Any, *given: Any) -> Any:
        step = len(learned)
        own = batch_at(training.data, training.recipe.stages[0], last["mined"][0], training.recipe.seed, 1, step)
        assert (batch.texts, batch.queries.tolist()) == (own.texts, own.queries.tolist())
        learned.append(batch.texts)
        return learn(model, batch, *given)

    monkeypatch.setattr(stage, "mine", mined)
    monkeypatch.setattr(memory, "learn", watched)
    training = toy(mining={"negatives_per_query": 1, **mining})
    training.train()
    assert len(learned) == 6 and len(set(learned)) == 6


def test_the_next_batch_is_made_after_the_gradients_are_asked_for_and_before_they_are_read(
    toy: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    learn, update = memory.learn, memory.update
    monkeypatch.setattr(memory, "learn", lambda *given: order.append("learn") or learn(*given))
    monkeypatch.setattr(memory, "update", lambda *given: order.append("update") or update(*given))
    monkeypatch.setattr(stage, "batch_at", lambda *given: order.append(f"batch {given[-1]}") or batch_at(*given))
    toy(mining={"every_steps": 3}, max_steps=4).train()
    of_steps = order[order.index("learn") - 1 :]  # before that it is tried whether batches can teach at all
    assert of_steps == [
        "batch 0", "learn", "batch 1", "update", "learn", "batch 2", "update", "learn", "update",
        "batch 3", "learn", "update",
    ]  # fmt: skip
