"""What a training does about the memory that is there."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from faqtune.model import TextModel, freeze
from faqtune.model.device import Precision
from faqtune.model.memory import activation_bytes
from faqtune.recipe import Recipe
from faqtune.train import budget, memory
from faqtune.train.budget import TokenBudget, token_budget
from faqtune.train.trainable import what_is_trained

RSS_OF_HOLES = """
import sys
import numpy as np
from faqtune.model.machine import return_freed_memory

def rss_bytes():
    status = open("/proc/self/status").read()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))

assert return_freed_memory()
blocks = [np.ones(500_000) for _ in range(3)]
del blocks  # glibc takes blocks of this size from its own store from now on
blocks = [np.ones(500_000) for _ in range(50)]
before = rss_bytes()
del blocks[::2]
print(before - rss_bytes())
"""


@pytest.mark.parametrize(("precision", "in_rows"), [("float32", False), ("bfloat16", True)])
def test_on_a_gpu_a_token_takes_less_in_half_precision_without_padding(
    tiny_model: TextModel,
    recipe_of: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
    precision: Any,
    in_rows: bool,
):
    free = 10_000_000_000
    monkeypatch.setattr(TextModel, "device", torch.device("cuda"))
    monkeypatch.setattr(TextModel, "pads", False)
    monkeypatch.setattr(budget, "_own_free_bytes", lambda model: free)
    tiny_model.precision = Precision(precision, "")
    found = token_budget(tiny_model, recipe_of(), 1000)
    of_each = activation_bytes(tiny_model.backbone.config, in_rows=in_rows)
    assert found.graph == int((budget.USED_SHARE * free - 1000) / of_each)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked to return memory")
def test_freed_memory_is_returned_at_once():
    found = subprocess.run([sys.executable, "-c", RSS_OF_HOLES], capture_output=True, text=True, check=True)
    assert int(found.stdout) > 0.9 * 25 * 4_000_000


@pytest.mark.parametrize(
    ("embeddings", "optimiser", "share", "scarce"),
    [
        (False, "adamw", 1.3, True),
        (False, "adamw", 1.5, False),
        (True, "adamw", 1.3, False),
        (False, "adafactor", 1.3 / 3, True),
        (False, "adafactor", 1.5 / 3, False),
    ],
)
def test_memory_is_spared_where_what_is_still_to_come_would_hardly_fit(
    tiny_model: TextModel,
    recipe_of: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
    embeddings: bool,
    optimiser: str,
    share: float,
    scarce: bool,
):
    """Still to come are a gradient and AdamW's two averages for each trained number, four bytes each."""
    stage = recipe_of(optimiser=optimiser).stages[0]
    freeze(tiny_model, embeddings=False)
    everything = 12 * sum(p.numel() for p in tiny_model.parameters() if p.requires_grad)
    freeze(tiny_model, embeddings=embeddings)
    asked: list[int] = []
    monkeypatch.setattr(budget, "free_memory_bytes", lambda device: int(share * everything))
    monkeypatch.setattr(budget, "return_freed_memory", lambda: asked.append(1) or True)
    assert budget.spare_scarce_memory(tiny_model, stage) is scarce and len(asked) == scarce


def test_on_a_cpu_no_more_is_kept_than_free_memory_holds(
    tiny_model: TextModel, recipe_of: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
):
    """A fifth is left alone, gradients and averages are still to come, and a part of a batch is never tiny."""
    freeze(tiny_model, embeddings=False)
    to_come = 12 * sum(p.numel() for p in tiny_model.parameters() if p.requires_grad)
    token_bytes = activation_bytes(tiny_model.backbone.config)
    found = []
    for tokens in (0, 1000, 5000, 1_000_000):
        free = (to_come + (tokens + 0.5) * token_bytes) / budget.USED_SHARE
        monkeypatch.setattr(budget, "free_memory_bytes", lambda device, free=free: int(free))
        found.append(budget.token_budget(tiny_model, recipe_of(), to_come))
    assert found == [TokenBudget(*pair) for pair in ((512, 512), (1000, 1000), (2048, 5000), (2048, 8192))]
    # What the graph of a step may not have, no part of it may have.
    asked = recipe_of().model_copy(update={"graph_tokens": 700})
    assert budget.token_budget(tiny_model, asked, to_come) == TokenBudget(700, 700)
    asked = asked.model_copy(update={"micro_batch_tokens": 900})
    assert budget.token_budget(tiny_model, asked, to_come) == TokenBudget(900, 700)


def test_room_is_left_for_the_stage_that_needs_most(
    tiny_model: TextModel, recipe_of: Callable[..., Recipe], toy: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    """A first stage with frozen embeddings or Adafactor leaves more room than the second one has."""
    first = recipe_of(optimiser="adafactor", freeze={"embeddings": True}).stages[0]
    second = recipe_of(freeze={"embeddings": False}).stages[0]
    adapters = recipe_of(freeze={"lora_rank": 2}).stages[0]
    freeze(tiny_model, embeddings=False)
    everything = 12 * sum(p.numel() for p in tiny_model.parameters() if p.requires_grad)
    for stages in ([first, second], [second, first], [adapters, second]):
        recipe = recipe_of().model_copy(update={"stages": stages})
        assert what_is_trained(tiny_model, recipe).most_bytes == everything
    lora = what_is_trained(tiny_model, recipe_of().model_copy(update={"stages": [adapters]}))
    assert 0 < lora.most_bytes < everything / 10
    asked: list[int] = []
    monkeypatch.setattr(memory, "token_budget", lambda *given: asked.append(given[2]) or TokenBudget(2048, 8192))
    toy(freeze={"embeddings": False}, max_steps=1).train()
    assert asked == [everything]


def test_taken_up_with_other_memory_free_it_ends_with_the_same_weights(
    toy: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Gradients cached and not are the same but for the last bits."""
    seen: list[int] = []
    learn = memory.learn
    monkeypatch.setattr(memory, "learn", lambda *given: seen.append(given[4]) or learn(*given))
    whole, cut, resumed = (toy(folder=tmp_path / name) for name in ("whole", "cut", "cut"))
    monkeypatch.setattr(budget, "CPU_LEAST_TOKENS", 40)
    monkeypatch.setattr(budget, "free_memory_bytes", lambda device: 0)
    whole.train()
    cut.record.on_step = lambda stage, step: signal.raise_signal(signal.SIGINT) if step == 3 else None
    assert cut.train().status == "interrupted"
    monkeypatch.setattr(budget, "free_memory_bytes", lambda device: 10**12)
    resumed.train()
    assert resumed.has(whole.weights()) and set(seen) == {40}


def test_where_nobody_says_what_is_free_nothing_is_spared(
    tiny_model: TextModel, recipe_of: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(budget, "free_memory_bytes", lambda device: None)
    assert tiny_model.device == torch.device("cpu") and not budget.spare_scarce_memory(
        tiny_model, recipe_of().stages[0]
    )


def test_ranks_of_one_machine_share_its_memory(
    tiny_model: TextModel, recipe_of: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
):
    freeze(tiny_model, embeddings=False)
    to_come = 12 * sum(p.numel() for p in tiny_model.parameters() if p.requires_grad)
    free = 2 * (to_come + 5000.5 * activation_bytes(tiny_model.backbone.config)) / budget.USED_SHARE
    monkeypatch.setattr(budget, "free_memory_bytes", lambda device: int(free))
    monkeypatch.setattr(budget.ranks, "of_all", lambda value: [value, "another machine", value])
    assert budget.token_budget(tiny_model, recipe_of(), to_come).graph == 5000
    monkeypatch.setattr(budget, "return_freed_memory", lambda: True)
    monkeypatch.setattr(budget, "free_memory_bytes", lambda device: int(2 * 1.3 * to_come))
    assert budget.spare_scarce_memory(tiny_model, recipe_of().stages[0])


def test_all_ranks_keep_the_graph_that_the_one_with_least_memory_holds(
    toy: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """A checkpoint knows one number for all, so that all go on with it to the bit."""
    seen: list[int] = []
    learn = memory.learn
    monkeypatch.setattr(memory, "learn", lambda *given: seen.append(given[4]) or learn(*given))
    monkeypatch.setattr(memory.ranks, "of_all", lambda value: [value, 70 if isinstance(value, int) else value])
    toy(folder=tmp_path).train()
    assert set(seen) == {70}
