"""On a CUDA device: the same figures as on a CPU, memory that is too small for real, resuming, and NCCL.

Run by `make test-slow` where there is such a device.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from faqtune.encoder import Encoder
from faqtune.model import TextModel, attention, load, unfreeze
from faqtune.model.attention import AttentionInRow, Way, in_row, works
from faqtune.model.device import Precision
from faqtune.processes import Place
from faqtune.recipe import Losses, Mining, Recipe
from faqtune.train.batches import Batch, batch_at
from faqtune.train.budget import CPU_AT_ONCE_TOKENS, GPU_AT_ONCE_TOKENS, token_budget
from faqtune.train.data import TrainingData
from faqtune.train.engine import learn
from faqtune.train.mining import mine
from faqtune.train.optimiser import update
from faqtune.train.ranks import joined
from faqtune.train.shards import ShardedAdamW

try:
    from faqtune.model import short_attention
except ImportError:
    short_attention = None  # type: ignore[assignment]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

TEXTS = ("什么时候发货", "我昨天拍的怎么还没发", "包邮吗", "When will my order ship?", "怎么退货", "a", "退" * 60)
LOSSES = Losses.model_validate(
    {"ranking": {"weight": 1.0, "temperature": 0.1}, "rejection": {"weight": 0.5, "temperature": 0.1}}
)
SAME_WEIGHTS = 1e-3
"""How far weights of a training that was interrupted may be from those of one that was not, in learning rates times
steps: the order of sums on a GPU is not fixed."""


def on(device: str, folder: Path, precision: str = "float32") -> TextModel:
    return load(folder, max_length_tokens=64, device=device, precision=precision)  # type: ignore[arg-type]


@pytest.fixture
def batch(shop: TrainingData, characters: Encoder, recipe_of: Callable[..., Recipe]) -> Batch:
    stage = recipe_of(batch_queries=12, batch_noise=5).stages[0]
    return batch_at(shop, stage, mine(characters, shop, Mining(negatives_per_query=1))[0], 0, 1, 0)


def gradients(model: TextModel, batch: Batch, at_once: int = 10_000, graph: int = 100_000) -> dict[str, Tensor]:
    unfreeze(model)
    learn(model, batch, LOSSES, at_once, graph)
    return {name: p.grad.cpu() for name, p in model.named_parameters() if p.grad is not None}


def test_measuring_is_exact(tiny_model_folder: Path):
    here, there = (on(device, tiny_model_folder).encode(TEXTS) for device in ("cpu", "cuda"))
    assert np.abs(here - there).max() < 1e-5
    assert not torch.backends.cuda.matmul.allow_tf32


def test_many_batches_come_back_in_order(tiny_model_folder: Path):
    texts = [f"{text}{number}" for number in range(40) for text in TEXTS]
    told: list[tuple[int, int]] = []
    found = on("cuda", tiny_model_folder).encode(texts, batch_tokens=64, on_progress=lambda *seen: told.append(seen))
    assert np.abs(found - on("cpu", tiny_model_folder).encode(texts)).max() < 1e-5
    assert told[-1] == (len(texts), len(texts)) and len(told) > 1


@pytest.mark.parametrize("graph", [1, 100_000])
def test_gradients_are_those_of_the_cpu(tiny_model_folder: Path, batch: Batch, graph: int):
    here, there = (gradients(on(device, tiny_model_folder), batch, 200, graph) for device in ("cpu", "cuda"))
    scale = max(float(gradient.abs().max()) for gradient in here.values())
    assert here.keys() == there.keys() and scale > 0
    for name, gradient in here.items():
        torch.testing.assert_close(gradient, there[name], atol=1e-4 * scale, rtol=0, msg=name)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_gradients_in_16_bits_point_the_same_way(tiny_model_folder: Path, batch: Batch, precision: str):
    exact = gradients(on("cuda", tiny_model_folder), batch)
    model = on("cuda", tiny_model_folder, precision)
    rounded = gradients(model, batch)
    scale = Precision(precision, "").gradient_scale  # type: ignore[arg-type]
    left, right = (torch.cat([found[name].flatten() for name in exact]) for found in (exact, rounded))
    assert float(torch.nn.functional.cosine_similarity(left, right / scale, dim=0)) > 0.98


SHORT = pytest.param(
    short_attention and short_attention.attend,
    marks=pytest.mark.skipif(short_attention is None, reason="needs Triton, which comes with torch for CUDA on Linux"),
)


@pytest.mark.parametrize("width", [16, 32, 64])
def test_torchs_kernel_is_exact_in_float32(width: int):
    assert works(in_row, torch.device("cuda"), torch.float32, width)


@pytest.mark.parametrize("way", [in_row, SHORT])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("width", [16, 32, 64])
def test_kernels_give_what_each_text_gives_alone(way: Way, dtype: torch.dtype, width: int):
    for block in (16, 32, 64, 128):
        assert works(way, torch.device("cuda"), dtype, width, (3, block))
    lengths = (1, 3, 16, 17, 40, 33, 7, 100, 128)
    ends = torch.tensor([0, *np.cumsum(lengths)], dtype=torch.int32, device="cuda")
    *heads, gradient = torch.randn(4, 1, sum(lengths), 3, width, device="cuda", generator=torch.Generator("cuda"))
    found = []
    for kind in (dtype, torch.float32):
        given = [each.to(dtype).to(kind).requires_grad_(True) for each in heads]
        if kind == dtype:
            out = way(*given, ends, lengths, width**-0.5)
        else:
            each = zip(*(heads[0].transpose(0, 1).split(lengths, dim=1) for heads in given), strict=True)
            out = torch.cat([scaled_dot_product_attention(*text) for text in each], dim=1).transpose(0, 1)[None]
        found.append([out.detach(), *torch.autograd.grad(out, given, gradient.to(dtype).to(kind))])
    for half, exact in zip(*found, strict=True):
        assert float((half.float() - exact).norm() / exact.norm()) < 0.01


@pytest.mark.parametrize(
    ("precision", "many", "same"), [("bfloat16", 1, 1e-3), ("bfloat16", 10_000, 1e-3), ("float32", 1, 1e-5)]
)
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_texts_go_in_a_row_and_give_what_the_padded_batch_gives(
    tiny_model_folder: Path, batch: Batch, pooling: Literal["cls", "mean"], precision: str, many: int, same: float,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setattr(attention, "MANY_TOKENS", many)
    found, calls = [], []
    attend = AttentionInRow.attend
    monkeypatch.setattr(AttentionInRow, "attend", lambda *given, **named: calls.append(1) or attend(*given, **named))
    for known in (True, False):
        model = on("cuda", tiny_model_folder, precision)
        model.layout = replace(model.layout, pooling=pooling)
        model._unpadded._is_known = known
        assert model.pads is not known
        found.append((torch.from_numpy(model.encode(TEXTS)), gradients(model, batch), len(calls)))
    (row, of_row, in_row), (padded, of_padded, in_both) = found
    assert in_row == in_both > 2
    assert float((row * padded).sum(dim=1).min()) > 1 - same / 10
    assert of_row.keys() == of_padded.keys()
    left, right = (torch.cat([each[name].flatten() for name in of_row]) for each in (of_row, of_padded))
    assert float(torch.nn.functional.cosine_similarity(left, right, dim=0)) > 1 - same


def test_a_training_learns_and_an_interrupted_one_ends_the_same(
    toy: Callable[..., Any], tiny_model_folder: Path, tmp_path: Path
):
    whole, interrupted, resumed = (toy(folder=tmp_path / name) for name in ("whole", "parts", "parts"))
    for training in (whole, interrupted, resumed):
        training.model = on("cuda", tiny_model_folder)
    whole.train()
    losses = [event[3] for event in whole.record.told if event[0] == "step"]
    assert losses[-1] < losses[0]
    interrupted.record.on_step = lambda stage, step: signal.raise_signal(signal.SIGINT) if step == 3 else None
    assert interrupted.train().status == "interrupted"
    assert resumed.train().status == "done"
    ends = [training.model.state_dict() for training in (whole, resumed)]
    apart = max(float((left - right).abs().max()) for left, right in zip(*map(dict.values, ends), strict=True))
    assert apart < SAME_WEIGHTS * 3e-3 * 6


@pytest.fixture
def little_memory(tiny_model_folder: Path) -> Iterator[Callable[[int], None]]:
    """Sets how many bytes this process may have on the GPU from now on."""

    def allow(more_bytes: int) -> None:
        torch.cuda.empty_cache()
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + more_bytes) / whole)

    yield allow
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_where_memory_is_too_small_the_training_goes_on_in_parts(
    toy: Callable[..., Any], tiny_model_folder: Path, little_memory: Callable[[int], None]
):
    training = toy({"batch_queries": 2048, "batch_noise": 2048, "max_steps": 2, "mining": {}})
    training.model = on("cuda", tiny_model_folder)
    training.data = many(training.data)
    little_memory(150_000_000)
    assert training.train().status == "done"
    assert any(told[0] == "noted" and "memory was too small" in told[1] for told in training.record.told)


def many(data: TrainingData) -> TrainingData:
    """The same labels and noise, many times over in other words."""
    labels = [replace(example, text=f"{example.text}，{n}") for n in range(200) for example in data.labels]
    noise = [f"{text}，{n}" for n in range(200) for text in data.noise]
    return replace(data, labels=tuple(labels), noise=tuple(noise))


def test_the_budget_of_tokens_grows_with_the_card(
    tiny_model_folder: Path, recipe_of: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
):
    from faqtune.train import budget

    model, recipe, found = on("cuda", tiny_model_folder), recipe_of(), []
    for free in (100_000_000, 1_000_000_000, 80_000_000_000):
        monkeypatch.setattr(budget, "free_memory_bytes", lambda device, free=free: free)
        found.append(token_budget(model, recipe, 12 * sum(p.numel() for p in model.parameters())))
    assert found[0].graph < found[1].graph < found[2].graph
    assert all(CPU_AT_ONCE_TOKENS <= each.at_once <= min(GPU_AT_ONCE_TOKENS, each.graph) for each in found)


def test_nccl_carries_what_ranks_exchange(tiny_model_folder: Path, batch: Batch, monkeypatch: pytest.MonkeyPatch):
    """One rank is all that one GPU allows; its rows, sums and shares of the optimiser go through NCCL all the same."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}.items():
        monkeypatch.setenv(name, value)

    def learned(kind: type[torch.optim.AdamW]) -> dict[str, Tensor]:
        model = on("cuda", tiny_model_folder)
        unfreeze(model)
        # Biases of attention's keys have no gradient but rounding, which AdamW would make as large as any.
        trained = [p for name, p in model.named_parameters() if p.requires_grad and "key.bias" not in name]
        optimiser = kind([{"params": trained}], lr=1e-2)
        for _ in range(2):
            gradients(model, batch, 200, 1)
            update(optimiser, 1e-2, 1.0)
        return {name: tensor.cpu() for name, tensor in model.state_dict().items()}

    alone = learned(torch.optim.AdamW)
    with joined(Place(0, 1, 0)):
        assert torch.distributed.get_backend(torch.distributed.group.WORLD) != "gloo"
        together = learned(ShardedAdamW)
    for name, tensor in alone.items():
        torch.testing.assert_close(tensor, together[name], atol=1e-4, rtol=0, msg=name)
