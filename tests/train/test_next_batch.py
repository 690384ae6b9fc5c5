"""Batches that are made while a GPU works on the one before: the same batches, and the same training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from faqtune.errors import UserError
from faqtune.train import engine, heads, memory, stage
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


def test_too_little_main_memory_for_the_next_batch_is_not_taken_for_the_encoders(
    toy: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(*given: Any) -> Any:
        if given[-1] == 2:
            raise MemoryError
        return batch_at(*given)

    monkeypatch.setattr(stage, "batch_at", small)
    training = toy()
    with pytest.raises(UserError, match="there is not enough memory"):
        training.train()
    assert not [told for told in training.record.told if told[0] == "noted"]


@pytest.mark.parametrize("sparse", [False, True])
def test_the_next_batch_is_made_after_texts_were_sent_to_the_encoder_and_before_their_vectors_are_read(
    sparse: bool, toy: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def watch(module: Any, name: str, label: str) -> None:
        does = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: order.append(label) or does(*given))

    watch(engine, "_embed", "encode")
    watch(engine, "batch_loss", "loss")
    watch(heads, "_encode", "encode")
    watch(heads, "batch_loss", "loss")
    watch(memory, "update", "update")
    monkeypatch.setattr(stage, "batch_at", lambda *given: order.append(f"batch {given[-1]}") or batch_at(*given))
    toy(mining={"every_steps": 3}, max_steps=4, heads={"sparse": sparse}).train()
    of_steps = order[order.index("encode") - 1 :]  # before that it is tried whether batches can teach at all
    assert of_steps == [
        "batch 0", "encode", "batch 1", "loss", "update", "encode", "batch 2", "loss", "update",
        "encode", "loss", "update", "batch 3", "encode", "loss", "update",
    ]  # fmt: skip
