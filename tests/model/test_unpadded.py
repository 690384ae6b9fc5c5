"""A batch without its padding gives the vectors and gradients of the batch with it."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import (
    BertConfig,
    BertModel,
    MambaConfig,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from faqtune.model import Precision, TextModel, attach_lora, attention, freeze, unpadded
from faqtune.model.attention import AttentionByRun, AttentionInRow
from faqtune.model.pooling import pooled, pooled_rows
from faqtune.model.room import padded
from faqtune.model.unpadded import Unpadded

TEXTS = ["包邮吗", "When will my order ship? " * 2, "ok", "什么时候发货呢"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
PAD = 1
CPU = torch.device("cpu")
KINDS = {
    "bert": (BertModel, BertConfig(vocab_size=40, pad_token_id=PAD, **SIZES)),
    "roberta": (RobertaModel, RobertaConfig(vocab_size=40, pad_token_id=PAD, **SIZES)),
    "xlm-roberta": (XLMRobertaModel, XLMRobertaConfig(vocab_size=40, pad_token_id=PAD, **SIZES)),
}


def random_backbone(kind: str) -> PreTrainedModel:
    maker, config = KINDS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return maker(copy.deepcopy(config)).eval()


def texts(*lengths: int) -> list[list[int]]:
    """Ids of texts; the second token of the longest is written like padding."""
    chance = np.random.default_rng(1)
    ids = [chance.integers(2, 40, size=length).tolist() for length in lengths]
    ids[lengths.index(max(lengths))][1] = PAD
    return ids


def with_padding(backbone: PreTrainedModel, ids: list[list[int]]) -> Tensor:
    table, mask = map(torch.from_numpy, padded(ids, PAD))
    found: Tensor = backbone(input_ids=table, attention_mask=mask).last_hidden_state
    return found[mask.bool()]


def vectors(way: Unpadded, backbone: PreTrainedModel, *lengths: int) -> Tensor | None:
    return way.token_vectors(backbone, texts(*lengths), CPU)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_and_gradients_are_those_of_the_padded_batch(kind: str) -> None:
    backbone, ids = random_backbone(kind), texts(3, 9, 1, 6)
    twin = copy.deepcopy(backbone)
    expected = with_padding(twin, ids)
    found = Unpadded(backbone.config).token_vectors(backbone, ids, CPU)
    assert found is not None
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    for tokens in (expected, found):
        tokens.pow(3).sum().backward()
    pairs = [(p.grad, q.grad) for p, q in zip(backbone.parameters(), twin.parameters(), strict=True)]
    assert sum(p is not None and bool(p.any()) for p, _ in pairs) > 40
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_layers_see_the_tokens_alone() -> None:
    backbone = random_backbone("bert")
    seen = []
    for layer in backbone.encoder.layer:
        layer.intermediate.register_forward_hook(lambda _, given, __: seen.append(given[0].shape))
    assert vectors(Unpadded(backbone.config), backbone, 3, 9, 1, 6) is not None
    assert seen == [(1, 3 + 9 + 1 + 6, 16)] * 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_to_a_text_is_the_same_to_the_bit_whatever_it_is_beside(dtype: torch.dtype) -> None:
    """Padding to a longer neighbour moved the last digits of a cosine, and with it what is above a threshold."""
    lengths, chance = [3, 9, 9, 1, 6], torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 2, sum(lengths), 8, generator=chance).to(dtype) for _ in range(3))
    with AttentionByRun(lengths):
        found = functional.scaled_dot_product_attention(query, key, value)
    begins = np.cumsum([0, *lengths]).tolist()
    alone = [
        functional.scaled_dot_product_attention(*(each[:, :, begin:end] for each in (query, key, value)))
        for begin, end in pairwise(begins)
    ]
    assert torch.equal(found, torch.cat(alone, dim=2))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_text_has_the_same_vector_whatever_it_is_beside(tiny_model: TextModel, precision: Any) -> None:
    """But for how a product adds up, which on some CPUs depends on the number of its rows."""
    tiny_model.precision = Precision(precision, "")
    together = tiny_model.encode(TEXTS)
    alone = np.concatenate([tiny_model.encode([text]) for text in TEXTS])
    assert len({len(ids) for ids in tiny_model.tokenise(TEXTS)}) > 2 and not tiny_model.pads
    np.testing.assert_allclose(together, alone, rtol=0, atol=3e-7 if precision == "float32" else 1e-3)


def test_texts_that_are_only_encoded_are_not_padded_either(
    tiny_model: TextModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = tiny_model.encode(TEXTS)
    seen = []
    layer = tiny_model.backbone.encoder.layer[0].intermediate
    layer.register_forward_hook(lambda _, given, __: seen.append(tuple(given[0].shape[:2])))
    np.testing.assert_array_equal(tiny_model.encode(TEXTS), expected)
    monkeypatch.setattr(Unpadded, "is_for", lambda *given: False)
    np.testing.assert_allclose(tiny_model.encode(TEXTS), expected, rtol=0, atol=1e-5)
    lengths = [len(ids) for ids in tiny_model.tokenise(TEXTS)]
    assert seen == [(1, sum(lengths)), (len(TEXTS), max(lengths))]


def test_where_attention_goes_another_way_the_batch_stays_padded() -> None:
    known = random_backbone("bert")
    maker, config = KINDS["bert"]
    eager = maker._from_config(copy.deepcopy(config), attn_implementation="eager").eval()
    assert vectors(Unpadded(eager.config), eager, 3, 9) is None
    way = Unpadded(known.config)
    assert vectors(way, eager, 3, 9) is None
    # What went wrong once is not tried again.
    assert vectors(way, known, 3, 9) is None
    assert vectors(Unpadded(known.config), known, 3, 9) is not None


@pytest.mark.parametrize("kind", ["dropout", "causal", "mask"])
def test_other_kinds_of_attention_stay_padded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = random_backbone("bert")
    if kind == "dropout":
        backbone.train()
    elif kind == "causal":
        for layer in backbone.encoder.layer:
            layer.attention.self.is_causal = True
    else:
        mask = torch.ones(1, 1, 12, 12, dtype=torch.bool)
        module = sys.modules[type(backbone).__module__]
        monkeypatch.setattr(module, "create_bidirectional_mask", lambda **given: mask)
    assert vectors(Unpadded(backbone.config), backbone, 3, 9) is None


def test_relative_positions_stay_padded() -> None:
    backbone = random_backbone("bert")
    backbone.config.position_embedding_type = "relative_key"
    assert vectors(Unpadded(backbone.config), backbone, 3, 9) is None


def test_a_model_without_heads_is_asked_for_none() -> None:
    assert not Unpadded(MambaConfig()).is_for(torch.device("cuda"), torch.bfloat16)


def test_an_unknown_kind_of_model_stays_padded() -> None:
    backbone = random_backbone("bert")
    backbone.config.model_type = "mpnet"
    assert vectors(Unpadded(backbone.config), backbone, 3, 9) is None


def one_by_one(
    query: Tensor, key: Tensor, value: Tensor, ends: Tensor, lengths: tuple[int, ...], scale: float
) -> Tensor:
    """What a kernel computes on a GPU, text by text: heads (1, tokens, h, d)."""
    assert ends.dtype == torch.int32 and ends.tolist() == [0, *np.cumsum(lengths)]
    rows = []
    for begin, end in pairwise(ends.tolist()):
        queries, keys, values = (each[0, begin:end].transpose(0, 1) for each in (query, key, value))
        rows.append((queries @ keys.mT * scale).softmax(dim=-1) @ values)
    return torch.cat(rows, dim=1).transpose(0, 1).unsqueeze(0)


@pytest.mark.parametrize(
    ("many", "built", "is_half", "expected"),
    [
        (3, {4, 8}, True, ["short (3,)", "torch (9,)", "short (1, 6)"]),
        (5, {4, 8}, True, ["torch (3,)", "torch (9,)", "short (1, 6)"]),
        (3, {4}, True, ["short (3,)", "torch (9,)", "torch (1, 6)"]),
        (3, {4, 8}, False, ["torch (3,)", "torch (9,)", "torch (1, 6)"]),
    ],
)
def test_attention_of_a_gpu_is_told_where_texts_end(
    many: int, built: set[int], is_half: bool, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short are texts of up to 8 tokens here, in blocks of 4 and 8. In float32 their kernel is less exact."""
    called = []

    def way(name: str) -> Callable[..., Tensor]:
        return lambda *given: called.append(f"{name} {given[4]}") or one_by_one(*given)

    monkeypatch.setattr(attention, "MANY_TOKENS", many)
    monkeypatch.setattr(attention, "SHORT_TOKENS", 8)
    monkeypatch.setattr(attention, "in_row", way("torch"))
    short = SimpleNamespace(attend=way("short"))
    monkeypatch.setattr(attention, "_short_attention", lambda device, width: short)
    monkeypatch.setattr(attention, "LEAST_BLOCK", 4)
    monkeypatch.setattr(attention, "works", lambda way, device, dtype, width, lengths: lengths[1] in built)
    monkeypatch.setattr(Unpadded, "_attention", lambda way, lengths, device: AttentionInRow(lengths, device))
    backbone, ids = random_backbone("xlm-roberta"), texts(3, 9, 1, 6)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
        found = Unpadded(backbone.config).token_vectors(backbone, ids, CPU)
    assert found is not None
    near = 0.05 if is_half else 1e-5
    torch.testing.assert_close(found.float(), with_padding(backbone, ids), rtol=near, atol=near)
    assert called == expected * 3


def test_a_way_of_attention_is_used_where_it_was_seen_to_work() -> None:
    def sums(query: Tensor, *given: Any) -> Tensor:
        return query + given[0] + given[1]

    def crosses_texts(query: Tensor, key: Tensor, value: Tensor, ends: Tensor, *given: Any) -> Tensor:
        return one_by_one(query, key, value, ends[[0, -1]], (10,), *given[1:])

    def lacks_a_gradient(*given: Any) -> Tensor:
        return one_by_one(given[0], given[1].detach(), *given[2:]) + 0 * given[1]

    def cannot_be_built(*given: Any) -> Tensor:
        raise RuntimeError("no compiler")

    with torch.inference_mode():
        assert attention.works(one_by_one, CPU, torch.float32, 16)
    assert attention.works(one_by_one, CPU, torch.bfloat16, 8)

    def is_good_for_few(
        query: Tensor, key: Tensor, value: Tensor, ends: Tensor, lengths: tuple[int, ...], scale: float
    ) -> Tensor:
        return one_by_one(query, key, value, ends, lengths, scale) * (max(lengths) < 20)

    def has_fewer_digits(*given: Any) -> Tensor:
        return one_by_one(*given) * 1.0005

    for way in (sums, crosses_texts, lacks_a_gradient, cannot_be_built, has_fewer_digits):
        assert not attention.works(way, CPU, torch.float32, 16)
    assert attention.works(has_fewer_digits, CPU, torch.bfloat16, 16)
    assert [attention.works(is_good_for_few, CPU, torch.float32, 16, (3, most)) for most in (16, 32)] == [True, False]


@pytest.mark.parametrize(("capability", "width"), [((7, 5), 64), ((9, 0), 128)])
def test_the_kernel_for_short_texts_is_not_tried_where_it_is_known_not_to_fit(
    capability: tuple[int, int], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setitem(sys.modules, "faqtune.model.short_attention", SimpleNamespace())
    assert attention._short_attention.__wrapped__(CPU, width) is None
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert attention._short_attention.__wrapped__(CPU, 32) is not None


def test_too_little_memory_to_try_a_way_says_nothing_about_it() -> None:
    errors = [torch.OutOfMemoryError("CUDA out of memory")]

    def full_at_first(*given: Any) -> Tensor:
        if errors:
            raise errors.pop()
        return one_by_one(*given)

    with pytest.raises(torch.OutOfMemoryError):
        attention.works(full_at_first, CPU, torch.float32, 16)
    assert attention.works(full_at_first, CPU, torch.float32, 16)


def test_on_a_gpu_texts_go_in_a_row_where_its_kernel_works(
    tiny_model: TextModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, way = torch.device("cuda"), tiny_model._unpadded
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(TextModel, "device", gpu)
    monkeypatch.setattr(unpadded, "works", lambda *given: asked.append(given) or works)
    works = False
    assert tiny_model.pads and way.token_vectors(tiny_model.backbone, [[2, 3], [2]], gpu) is None
    assert set(asked) == {(attention.in_row, gpu, torch.float32, 16)}
    works = True
    assert not tiny_model.pads
    tiny_model.precision = Precision("bfloat16", "")
    assert not tiny_model.pads and asked[-1] == (attention.in_row, gpu, torch.bfloat16, 16)
    assert unpadded._dtype_of_products(gpu) == torch.float32
    with patch("torch.is_autocast_enabled", return_value=True):
        assert way.is_for(gpu, unpadded._dtype_of_products(gpu))
        works = False
        assert tiny_model.pads and not way.is_for(gpu, torch.float16)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_vectors_of_texts_are_those_of_the_padded_batch(pooling: Literal["cls", "mean"], device: str) -> None:
    """`meta` stands for a GPU: nothing is computed, but shapes and types are."""
    lengths = [3, 9, 1, 6]
    table = torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(9) < torch.tensor(lengths)[:, None]).long()
    expected = pooled(table, mask, pooling)
    found = pooled_rows(table[mask.bool()].to(device), lengths, pooling)
    if device == "meta":
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    else:
        assert torch.equal(found, expected)


@pytest.mark.parametrize("change", ["none", "adapters", "frozen"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_model_learns_the_same_without_padding(
    tiny_model: TextModel, pooling: Literal["cls", "mean"], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_model.layout = replace(tiny_model.layout, pooling=pooling)
    if change == "adapters":
        attach_lora(tiny_model, rank=2, alpha=4.0, seed=0)
    if change == "frozen":
        freeze(tiny_model, embeddings=True, lower_layers=1)
    ids = tiny_model.tokenise(TEXTS)
    found, ways = [], []
    go = Unpadded.token_vectors
    monkeypatch.setattr(Unpadded, "token_vectors", lambda *given: ways.append(go(*given)) or ways[-1])
    for leaves_out in (False, True):
        monkeypatch.setattr(Unpadded, "is_for", lambda *given, leaves_out=leaves_out: leaves_out)
        tiny_model.zero_grad(set_to_none=True)
        vectors, tokens = tiny_model.embed_ids_and_tokens(ids)
        ((vectors @ vectors.T).square().sum() + tokens.square().sum() / 100).backward()
        gradients = {name: p.grad for name, p in tiny_model.named_parameters() if p.grad is not None}
        found.append((torch.cat([vectors, tokens]).detach(), gradients))
    (with_it, expected), (without, gradients) = found
    assert [way is None for way in ways] == [True, False]
    torch.testing.assert_close(without, with_it, rtol=1e-5, atol=1e-6)
    assert gradients.keys() == expected.keys() and gradients
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5)
