"""The faster ways of a CPU give what torch gives."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.profiler import profile

from faqtune.model import Precision, TextModel, autocast, device
from faqtune.model.cpu import Float32Attention, KeptBfloat16Linear, OneDnnLinear, can_use_onednn

TEXTS = ["什么时候发货", "包邮吗", "When will my order ship? " * 3]

onednn = pytest.mark.skipif(not can_use_onednn(), reason="this torch has no oneDNN")
bfloat16 = pytest.mark.skipif(
    not can_use_onednn() or not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="oneDNN has no bfloat16 here"
)


@onednn
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 8)])
def test_onednn_gives_values_and_gradients_of_torch(shape: tuple[int, ...], bias: bool):
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(8, 6, bias=bias), torch.randn(shape, requires_grad=True)
    twin, same_x = copy.deepcopy(layer), x.detach().clone().requires_grad_()
    expected = twin(same_x)
    with OneDnnLinear():
        found = layer(x)
    for value in (expected, found):
        value.square().sum().backward()
    pairs = [
        (found, expected),
        (x.grad, same_x.grad),
        *((p.grad, q.grad) for p, q in zip(layer.parameters(), twin.parameters(), strict=True)),
    ]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@onednn
def test_a_frozen_weight_gets_no_gradient():
    layer = torch.nn.Linear(4, 4).requires_grad_(False)
    x = torch.randn(2, 4, requires_grad=True)
    with OneDnnLinear():
        layer(x).sum().backward()
    assert layer.weight.grad is None and x.grad is not None


@onednn
def test_other_types_are_left_to_torch():
    layer = torch.nn.Linear(4, 4, dtype=torch.float64)
    with OneDnnLinear():
        assert layer(torch.ones(1, 4, dtype=torch.float64)).dtype == torch.float64


def test_attention_in_bfloat16_is_that_of_float32_rounded_once():
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, 5, 4, dtype=torch.bfloat16) for _ in range(3))
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])[:, None, None, :]
    attention = torch.nn.functional.scaled_dot_product_attention
    expected = attention(query.float(), key.float(), value.float(), attn_mask=mask)
    with torch.autocast("cpu", dtype=torch.bfloat16), Float32Attention():
        found = attention(query, key, value, attn_mask=mask)
    assert torch.equal(found, expected.bfloat16())


@bfloat16
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_kept_bfloat16_weights_give_values_and_gradients_of_autocast(frozen: bool, bias: bool):
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(40, 24, bias=bias).requires_grad_(not frozen), torch.randn(3, 5, 40, requires_grad=True)

    def values_and_gradients(mode: AbstractContextManager[object]) -> list[Tensor | None]:
        layer.zero_grad(set_to_none=True)
        x.grad = None
        with torch.autocast("cpu", dtype=torch.bfloat16), mode:
            with torch.no_grad():
                still = [layer(x), layer(x)]
            moving = layer(x)
        moving.float().square().sum().backward()
        return [*still, moving.detach(), x.grad, *(p.grad for p in layer.parameters())]

    expected, found = values_and_gradients(nullcontext()), values_and_gradients(KeptBfloat16Linear())
    for theirs, ours in zip(expected, found, strict=True):
        assert (theirs is None) == (ours is None) == (frozen and theirs is None)
        if theirs is not None and ours is not None:
            assert ours.dtype == theirs.dtype
            torch.testing.assert_close(ours, theirs, rtol=0.01, atol=0.01)


@bfloat16
@pytest.mark.parametrize("context", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_weights_without_gradient_are_cast_once_for_all_batches(context: Callable[[], AbstractContextManager[None]]):
    layer = torch.nn.Linear(48, 40).requires_grad_(False)
    batches = [torch.randn(rows, 48, requires_grad=True) for rows in (3, 5, 7)]
    with (
        context(),
        torch.autocast("cpu", dtype=torch.bfloat16),
        KeptBfloat16Linear(),
        profile(record_shapes=True) as seen,
    ):
        for batch in batches:
            layer(batch)
    casts = [e for e in seen.events() if e.name == "aten::_to_copy" and list(e.input_shapes[0]) == [40, 48]]
    assert len(casts) == 1


@bfloat16
def test_in_training_no_cast_is_kept_that_no_gradient_needs():
    layer = torch.nn.Linear(48, 40).requires_grad_(False)
    mode = KeptBfloat16Linear()
    with torch.autocast("cpu", dtype=torch.bfloat16), mode:
        layer(torch.randn(3, 48))
    assert mode._kept == {}


def test_only_amd_with_avx512_is_helped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for vendor, flags, helped in (
        ("AuthenticAMD", {"avx2", "avx512f"}, True),
        ("AuthenticAMD", {"avx2"}, False),
        ("GenuineIntel", {"avx512f"}, False),
    ):
        path = tmp_path / f"{vendor}{helped}"
        path.write_text(f"vendor_id\t: {vendor}\n")
        monkeypatch.setattr(device, "cpu_flags", lambda flags=flags: frozenset(flags))
        assert device.is_amd_avx512(path) is helped
    assert device.cpu_vendor(tmp_path / "none") == ""


@onednn
def test_a_model_gives_the_same_vectors_and_gradients_with_onednn(
    tiny_model: TextModel, monkeypatch: pytest.MonkeyPatch
):
    def vectors_and_gradient() -> tuple[Tensor, Tensor]:
        tiny_model.zero_grad(set_to_none=True)
        with autocast(tiny_model.device, Precision("float32", "")):
            vectors = tiny_model.embed_ids(tiny_model.tokenise(TEXTS))
        vectors[:, 0].sum().backward()
        gradient = tiny_model.backbone.encoder.layer[0].intermediate.dense.weight.grad
        return vectors.detach(), gradient

    expected = vectors_and_gradient()
    monkeypatch.setattr(device, "is_amd_avx512", lambda: True)
    for ours, theirs in zip(vectors_and_gradient(), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
