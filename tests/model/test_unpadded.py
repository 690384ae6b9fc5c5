"""A batch without its padding gives the vectors and gradients of the batch with it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from faqtune.model import TextModel, attach_lora, freeze, unpadded
from faqtune.model.unpadded import Unpadded

TEXTS = ["包邮吗", "When will my order ship? " * 2, "ok", "什么时候发货呢"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
PAD = 1
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


def batch(*lengths: int) -> tuple[Tensor, Tensor]:
    """Ids and mask; the second token of the longest text is written like padding."""
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(2, 40, mask.shape, generator=torch.Generator().manual_seed(1)).masked_fill(~mask, PAD)
    ids[lengths.index(max(lengths)), 1] = PAD
    return ids, mask.long()


def with_padding(backbone: PreTrainedModel, ids: Tensor, mask: Tensor) -> Tensor:
    found: Tensor = backbone(input_ids=ids, attention_mask=mask).last_hidden_state
    return found * mask.unsqueeze(-1)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_and_gradients_are_those_of_the_padded_batch(kind: str) -> None:
    backbone, (ids, mask) = random_backbone(kind), batch(3, 9, 1, 6)
    twin = copy.deepcopy(backbone)
    expected = with_padding(twin, ids, mask)
    found = Unpadded(backbone.config).token_vectors(backbone, ids, mask)
    assert found is not None
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    for tokens in (expected, found):
        tokens.pow(3).sum().backward()
    pairs = [(p.grad, q.grad) for p, q in zip(backbone.parameters(), twin.parameters(), strict=True)]
    assert sum(p is not None and bool(p.any()) for p, _ in pairs) > 40
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_layers_see_the_tokens_alone() -> None:
    backbone, (ids, mask) = random_backbone("bert"), batch(3, 9, 1, 6)
    seen = []
    for layer in backbone.encoder.layer:
        layer.intermediate.register_forward_hook(lambda _, given, __: seen.append(given[0].shape))
    assert Unpadded(backbone.config).token_vectors(backbone, ids, mask) is not None
    assert seen == [(1, 3 + 9 + 1 + 6, 16)] * 3


def test_a_batch_with_little_padding_stays_as_it_is() -> None:
    backbone = random_backbone("bert")
    way = Unpadded(backbone.config)
    assert way.token_vectors(backbone, *batch(10, 10, 9)) is None
    assert way.token_vectors(backbone, *batch(10, 10, 7)) is not None


def test_what_is_only_encoded_keeps_its_digits() -> None:
    backbone = random_backbone("bert")
    way, given = Unpadded(backbone.config), batch(3, 9)
    with torch.inference_mode():
        assert way.token_vectors(backbone, *given) is None
    with torch.no_grad():  # the first pass of a training that caches gradients
        assert way.token_vectors(backbone, *given) is not None


def test_where_attention_goes_another_way_the_batch_stays_padded() -> None:
    known, given = random_backbone("bert"), batch(3, 9)
    maker, config = KINDS["bert"]
    eager = maker._from_config(copy.deepcopy(config), attn_implementation="eager").eval()
    assert Unpadded(eager.config).token_vectors(eager, *given) is None
    way = Unpadded(known.config)
    assert way.token_vectors(eager, *given) is None
    # What went wrong once is not tried again.
    assert way.token_vectors(known, *given) is None
    assert Unpadded(known.config).token_vectors(known, *given) is not None


def test_relative_positions_stay_padded() -> None:
    backbone = random_backbone("bert")
    backbone.config.position_embedding_type = "relative_key"
    assert Unpadded(backbone.config).token_vectors(backbone, *batch(3, 9)) is None


def test_an_unknown_kind_of_model_stays_padded() -> None:
    backbone = random_backbone("bert")
    backbone.config.model_type = "mpnet"
    assert Unpadded(backbone.config).token_vectors(backbone, *batch(3, 9)) is None


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
    for least in (2.0, 0.0):
        monkeypatch.setattr(unpadded, "WORTH_LEAVING_OUT", least)
        tiny_model.zero_grad(set_to_none=True)
        vectors, tokens = tiny_model.embed_ids_and_tokens(ids)
        ((vectors @ vectors.T).square().sum() + tokens.square().sum() / 100).backward()
        gradients = {name: p.grad for name, p in tiny_model.named_parameters() if p.grad is not None}
        found.append((torch.cat([vectors, tokens]).detach(), gradients))
    (padded, expected), (alone, gradients) = found
    assert [way is None for way in ways] == [True, False]
    torch.testing.assert_close(alone, padded, rtol=1e-5, atol=1e-6)
    assert gradients.keys() == expected.keys() and gradients
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5)
