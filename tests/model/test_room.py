"""Encoding in the memory there is: what does not fit goes through in smaller parts, with the same vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from faqtune.errors import UserError
from faqtune.model import TextModel, text_model
from faqtune.model.room import Room, batches
from faqtune.model.unpadded import Unpadded

TEXTS = [f"第{number}个问题" + "怎么退货" * (number % 5) for number in range(24)]
CPU_FULL = RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")
GPU_FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.fixture
def small(tiny_model: TextModel, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Memory for so many tokens of a batch, with its padding if there is any; returns the sizes that are tried from
    then on."""
    embed = tiny_model.embed_ids

    def make(most_tokens: int, error: Exception = CPU_FULL) -> list[int]:
        tried: list[int] = []

        def within(ids: Sequence[Sequence[int]]) -> Tensor:
            tried.append(len(ids) * max(map(len, ids)) if tiny_model.pads else sum(map(len, ids)))
            if tried[-1] > most_tokens:
                raise error
            return embed(ids)

        monkeypatch.setattr(tiny_model, "embed_ids", within)
        return tried

    return make


@pytest.mark.parametrize("error", [CPU_FULL, GPU_FULL, MemoryError()])
@pytest.mark.parametrize("kept", [1, 4])
@pytest.mark.parametrize("pads", [True, False])
def test_too_little_memory_halves_what_is_encoded_at_once_and_changes_no_vector(
    tiny_model: TextModel,
    small: Callable[..., list[int]],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    kept: int,
    pads: bool,
):
    monkeypatch.setattr(Unpadded, "is_for", lambda *given: not pads)
    monkeypatch.setattr(text_model, "KEPT_BATCHES", {"cpu": kept})
    expected = tiny_model.encode(TEXTS)
    said: list[str] = []
    tiny_model.room.say = said.append
    tried = small(100, error)
    done: list[tuple[int, int]] = []
    found = tiny_model.encode(TEXTS, on_progress=lambda *progress: done.append(progress))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert done[-1] == (24, 24) and sorted(set(done)) == done
    assert tried[0] > 100 and len([size for size in tried if size > 100]) < 5
    (line,) = said
    assert "memory was too small" in line and f"{tiny_model.room.most_tokens} tokens" in line

    again = len(tried)
    np.testing.assert_allclose(tiny_model.encode(TEXTS, batch_tokens=10_000), expected, atol=1e-6)
    assert max(tried[again:]) <= 100 and len(said) == 1


def test_a_shortage_in_the_middle_repeats_nothing_that_was_done_on_a_cpu(tiny_model: TextModel):
    expected, embedded = tiny_model.encode(TEXTS, batch_tokens=60), 0
    embed = tiny_model.embed_ids

    def fails_once(ids: Sequence[Sequence[int]]) -> Tensor:
        nonlocal embedded
        if embedded >= 10 and tiny_model.room.most_tokens is None:
            raise GPU_FULL
        embedded += len(ids)
        return embed(ids)

    tiny_model.embed_ids = fails_once  # type: ignore[method-assign]
    np.testing.assert_allclose(tiny_model.encode(TEXTS, batch_tokens=60), expected, atol=1e-6)
    assert embedded == 24 and tiny_model.room.most_tokens is not None


def test_too_little_memory_for_a_single_text_says_what_to_lower(tiny_model: TextModel, small: Callable[..., list[int]]):
    small(5)
    with pytest.raises(UserError, match=r"the memory of cpu is too small.* single text of 2\d tokens") as error:
        tiny_model.encode(TEXTS)
    assert "max_length_tokens" in error.value.next_step


def test_another_error_of_torch_is_not_taken_for_too_little_memory(
    tiny_model: TextModel, small: Callable[..., list[int]]
):
    small(5, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        tiny_model.encode(TEXTS)


def test_half_of_what_failed_is_tried_next_not_half_of_what_was_allowed():
    room, cpu = Room(), torch.device("cpu")
    room.shrink([10, 8, 8], room.budget(cpu), cpu)
    assert room.budget(cpu) == 15 and room.budget(cpu, 12) == 12 and room.budget(cpu, 9999) == 15


def test_without_padding_half_of_the_tokens_are_tried_next():
    room, lengths = Room(), [512, *[10] * 1500]
    room.shrink(lengths, 32_768, torch.device("cpu"), pads=False)
    assert room.most_tokens == sum(lengths) // 2


def test_few_short_texts_share_a_batch_with_a_long_one():
    ids = [[7] * length for length in (500, *[10] * 1000)]
    assert [len(batch) for batch in batches(ids, range(1001), 20_000, pads=False)] == [160, 841]
    assert [len(batch) for batch in batches(ids[1:], range(1000), 20_000, pads=False)] == [1000]
