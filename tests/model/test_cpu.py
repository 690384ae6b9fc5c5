"""The faster ways of a CPU give what torch gives."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from faqtune.model import Precision, TextModel, autocast, device
from faqtune.model.cpu import Float32Attention, OneDnnLinear, can_use_onednn

TEXTS = ["什么时候发货", "包邮吗", "When will my order ship? " * 3]

onednn = pytest.mark.skipif(not can_use_onednn(), reason="this torch has no oneDNN")


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
