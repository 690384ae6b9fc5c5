"""A large model's weights are cast for each product: autocast's numbers, without its copies."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from transformers import XLMRobertaConfig, XLMRobertaModel

from faqtune.model import Precision, TextModel, attach_lora, autocast, casting
from faqtune.model.casting import CastForEachProduct
from faqtune.model.memory import KNOWN

TEXTS = ["什么时候发货", "包邮吗", "When will my order ship? " * 3]
HALF = Precision("bfloat16", "asked for")


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(40, 24), nn.GELU(), nn.Linear(24, 40, bias=False))


def gradients(layers: nn.Module, batches: Sequence[Tensor], mode: AbstractContextManager[object]) -> list[Tensor]:
    """Of what `batches` give, of themselves and of all parameters that take gradients."""
    layers.zero_grad(set_to_none=True)
    batches = [batch.detach().clone().requires_grad_() for batch in batches]
    with torch.autocast("cpu", dtype=torch.bfloat16), mode:
        found = [layers(batch) for batch in batches]
    sum(each.float().square().sum() for each in found).backward()  # type: ignore[union-attr]
    of_layers = [p.grad for p in layers.parameters() if p.requires_grad]
    return [*(each.detach() for each in found), *(b.grad for b in batches), *of_layers]  # type: ignore[list-item]


@pytest.mark.parametrize("shape", [(5, 40), (2, 3, 40)])
def test_one_batch_has_autocasts_numbers_to_the_bit(shape: tuple[int, ...]):
    layers, x = mlp(), [torch.randn(shape)]
    expected = gradients(layers, x, nullcontext())
    found = gradients(layers, x, CastForEachProduct(torch.bfloat16))
    assert [each.dtype for each in found] == [each.dtype for each in expected]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


def test_gradients_of_several_batches_are_added_in_float32():
    layers = mlp()
    batches = [torch.randn(4, 40) for _ in range(8)]
    parameters = len(list(layers.parameters()))
    alone = [gradients(layers, [x], CastForEachProduct(torch.bfloat16))[-parameters:] for x in batches]
    expected = [sum(parts[1:], start=parts[0]) for parts in zip(*reversed(alone), strict=True)]
    found = gradients(layers, batches, CastForEachProduct(torch.bfloat16))[-parameters:]
    for ours, sums in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, sums, rtol=1e-6, atol=1e-6)
    autocasts = gradients(layers, batches, nullcontext())[-parameters:]
    assert not any(torch.allclose(theirs, sums, rtol=1e-4) for theirs, sums in zip(autocasts, expected, strict=True))


def kept_for_backward(layers: nn.Module, x: Tensor, mode: AbstractContextManager[object]) -> list[tuple[Any, ...]]:
    """Type and shape of what the graph keeps."""
    kept: list[tuple[Any, ...]] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append((tensor.dtype, *tensor.shape))
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor), torch.autocast("cpu", dtype=torch.bfloat16), mode:
        layers(x)
    return kept


@pytest.mark.parametrize("frozen", [True, False])
def test_the_graph_keeps_no_copy_of_a_weight(frozen: bool):
    layers, x = mlp().requires_grad_(not frozen), torch.randn(5, 40, requires_grad=True)
    weights = {(torch.bfloat16, *shape) for shape in ((24, 40), (40, 24))}
    assert weights & set(kept_for_backward(layers, x, nullcontext()))
    kept = kept_for_backward(layers, x, CastForEachProduct(torch.bfloat16))
    assert not weights & set(kept)
    assert ((torch.bfloat16, 5, 40) in kept) is not frozen  # an input is kept for the weight's gradient alone


def test_layers_with_the_same_input_share_a_copy_of_it():
    first, second = (nn.Linear(40, 24) for _ in range(2))
    x = torch.randn(5, 40, requires_grad=True)
    kept: list[Tensor] = []
    keep = saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor)
    with torch.autocast("cpu", dtype=torch.bfloat16), CastForEachProduct(torch.bfloat16), keep:
        both = first(x) + second(x)
        with torch.no_grad():
            x += 1
        both += first(x)
    copies = [tensor.data_ptr() for tensor in kept if tensor.shape == x.shape]
    assert len(copies) == 3 and copies[0] == copies[1] != copies[2]  # the numbers have changed before the third


def test_a_frozen_layer_gets_no_gradient_and_passes_one_on():
    layer = nn.Linear(4, 4).requires_grad_(False)
    x = torch.randn(2, 4, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16), CastForEachProduct(torch.bfloat16):
        layer(x).sum().backward()
    assert layer.weight.grad is None and x.grad is not None and x.grad.any()


@pytest.mark.parametrize("adapters", [False, True])
def test_a_large_model_has_the_gradients_of_a_small_one(
    tiny_model: TextModel, monkeypatch: pytest.MonkeyPatch, adapters: bool
):
    model = copy.deepcopy(tiny_model)
    if adapters:
        attach_lora(model, 2, 4.0, seed=0)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("lora_" in name)
    ids = model.tokenise(TEXTS)
    used = []
    enter = CastForEachProduct.__enter__
    monkeypatch.setattr(CastForEachProduct, "__enter__", lambda mode: used.append(mode) or enter(mode))

    def learned(is_large: bool) -> dict[str, Tensor]:
        monkeypatch.setattr(model, "_is_large", is_large)
        model.zero_grad(set_to_none=True)
        with autocast(model.device, HALF):
            vectors = model.embed_ids(ids)
        (vectors @ vectors.T).logsumexp(dim=1).sum().backward()
        return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    expected = learned(is_large=False)
    assert not used
    found = learned(is_large=True)
    assert len(used) == 1
    assert found.keys() == expected.keys() and len(found) > 1
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=0.02, atol=1e-3 * float(expected[name].abs().max()))


def test_nothing_is_done_without_a_graph_or_in_float32():
    cpu = torch.device("cpu")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert isinstance(casting.casting(is_large=True, device=cpu), CastForEachProduct)
        assert isinstance(casting.casting(is_large=False, device=cpu), nullcontext)
        with torch.no_grad():
            assert isinstance(casting.casting(is_large=True, device=cpu), nullcontext)
    assert isinstance(casting.casting(is_large=True, device=cpu), nullcontext)


def test_large_is_told_by_the_linear_layers_alone(monkeypatch: pytest.MonkeyPatch):
    layers = nn.Sequential(nn.Embedding(1000, 8), nn.Linear(8, 8))
    monkeypatch.setattr(casting, "LARGE_NUMBERS", 64)
    assert casting.without_copies(layers)
    monkeypatch.setattr(casting, "LARGE_NUMBERS", 65)
    assert not casting.without_copies(layers)


def test_bge_m3_is_large_and_the_builtin_model_is_not():
    for name, is_large in (("BAAI/bge-m3", True), ("builtin", False)):
        with torch.device("meta"):
            assert casting.without_copies(XLMRobertaModel(XLMRobertaConfig.from_dict(KNOWN[name]))) is is_large
