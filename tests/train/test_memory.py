"""Too little memory beside the encoder's forward and backward: in the optimiser, and when texts are encoded."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from faqtune.errors import UserError
from faqtune.train import memory
from faqtune.train.budget import TokenBudget

Toys = Callable[..., Any]


@pytest.mark.parametrize(("optimiser", "advice"), [("adamw", "adafactor, freeze"), ("adafactor", "freeze lower")])
def test_too_little_memory_for_what_the_optimiser_remembers_says_what_to_do(
    toy: Toys, monkeypatch: pytest.MonkeyPatch, optimiser: str, advice: str
):
    update, calls = memory.update, []

    def full(*given: Any) -> float:
        calls.append(1)
        if len(calls) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return update(*given)

    monkeypatch.setattr(memory, "update", full)
    training = toy(optimiser=optimiser)
    with pytest.raises(UserError, match=rf"stage 1 \(warm\), step 3: the memory of cpu .* {optimiser} rem") as error:
        training.train()
    assert advice in error.value.next_step and "lora_rank" in error.value.next_step
    assert ("adafactor" in error.value.next_step) is (optimiser == "adamw")
    assert (training.folder / "checkpoints" / "01-0000002").is_dir()


@pytest.mark.parametrize("pads", [False, True])
def test_memory_is_halved_from_what_the_batch_has_not_from_what_there_would_be_room_for(
    toy: Toys, monkeypatch: pytest.MonkeyPatch, pads: bool
):
    """Eleven tries of the same part, where a GPU has room for 131,072 tokens, before one was smaller."""
    monkeypatch.setattr(memory, "token_budget", lambda *given: TokenBudget(131_072, 131_072))
    monkeypatch.setattr(memory, "CPU_AT_ONCE_TOKENS", 131_072)
    training = toy(max_steps=1)
    monkeypatch.setattr(type(training.model), "pads", property(lambda model: pads))
    embed, held = training.model.embed_ids, []

    def small(ids: Sequence[Sequence[int]]) -> Tensor:
        tokens = sum(map(len, ids))
        if not torch.is_inference_mode_enabled():
            held.append(tokens)
            if tokens > 100:
                raise torch.OutOfMemoryError("CUDA out of memory")
        return embed(ids)

    training.model.embed_ids = small
    assert training.train().status == "done"
    tries = [tokens for tokens in held if tokens > 100]
    assert tries == sorted(tries, reverse=True) and len(set(tries)) == len(tries) <= 4
    notes = [told[1] for told in training.record.told if told[0] == "noted"]
    assert len(notes) == len(tries) and "131072" not in "".join(notes)


def test_after_too_little_memory_a_part_is_no_larger_than_this_machine_has_room_for():
    """A GPU's checkpoint says how much it held, which may be more than a CPU's main memory does."""
    state = SimpleNamespace(progress=SimpleNamespace(micro_batch_tokens=51_218), budget=TokenBudget(2048, 8192))
    assert memory.budget_in_use(state) == TokenBudget(2048, 0)
    state.progress.micro_batch_tokens = 100
    assert memory.budget_in_use(state) == TokenBudget(100, 0)
    state.progress.micro_batch_tokens = 0
    assert memory.budget_in_use(state) == TokenBudget(2048, 8192)


def test_mining_and_measuring_in_too_little_memory_change_nothing_but_the_time_and_are_noted(toy: Toys):
    undisturbed = toy()
    undisturbed.train()
    training = toy(folder=undisturbed.folder / "small")
    training.folder.mkdir()
    embed = training.model.embed_ids

    def small(ids: Sequence[Sequence[int]]) -> Tensor:
        if torch.is_inference_mode_enabled() and sum(map(len, ids)) > 200:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")
        return embed(ids)

    training.model.embed_ids = small
    before = training.model.room.say
    assert training.train().status == "done"
    (note,) = [event["text"] for event in training.log() if event["event"] == "noted"]
    assert "memory was too small" in note
    losses = [[e["loss"] for e in run.log() if e["event"] == "step"] for run in (undisturbed, training)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert training.model.room.say is before, "a finished training is told nothing"
    # One that is taken up encodes in the same batches: vectors are then the same to the bit.
    kept = sorted((training.folder / "checkpoints").glob("0*/progress.json"))[-1]
    assert json.loads(kept.read_text(encoding="utf-8"))["encode_tokens"] == training.model.room.most_tokens > 0
    again = toy(folder=training.folder)
    again.train()
    assert again.model.room.most_tokens == training.model.room.most_tokens
