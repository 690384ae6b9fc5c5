from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from faqtune.errors import UserError
from faqtune.model import (
    ModelCard,
    TextModel,
    attach_heads,
    freeze,
    lexical_weights,
    load,
    save,
    token_vectors,
    unfreeze,
)

TEXTS = ["请问多久能发货？发货", "Can I get a refund?", "运费险怎么买", "\U0001f600"]


@pytest.fixture
def m3(tiny_m3_folder: Path) -> TextModel:
    return load(tiny_m3_folder, max_length_tokens=64, device="cpu")


def test_the_heads_of_the_folder_are_loaded(m3: TextModel, tiny_m3_folder: Path):
    heads = attach_heads(m3)
    state = torch.load(tiny_m3_folder / "colbert_linear.pt", weights_only=True)
    assert torch.equal(heads.multi_vector.weight, state["weight"]) and not heads.fresh and not heads.changed()
    assert attach_heads(m3, seed=9) is heads


def test_half_precision_in_the_files_becomes_float32(tiny_m3_folder: Path, tmp_path: Path):
    """BGE-M3's own are stored in float16."""
    folder = shutil.copytree(tiny_m3_folder, tmp_path / "m3")
    state = torch.load(folder / "sparse_linear.pt", weights_only=True)
    torch.save({key: tensor.half() for key, tensor in state.items()}, folder / "sparse_linear.pt")
    heads = attach_heads(load(folder, max_length_tokens=64))
    assert heads.sparse.weight.dtype == torch.float32
    assert torch.equal(heads.sparse.weight, state["weight"].half().float())


def test_without_files_they_are_made_from_the_seed_alone(tiny_model_folder: Path):
    state = torch.random.get_rng_state()
    one, same, other = (
        attach_heads(load(tiny_model_folder, max_length_tokens=64), seed).state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    assert one["multi_vector.weight"].shape == (32, 32) and one["sparse.weight"].shape == (1, 32)
    assert all(torch.equal(one[name], same[name]) and not torch.equal(one[name], other[name]) for name in one)
    # torch's own initialisation of a linear map: uniform up to 1 / sqrt(width).
    assert 0.9 * 32**-0.5 < one["multi_vector.weight"].abs().max() <= 32**-0.5


def test_a_head_that_is_not_there_gives_no_numbers(tiny_model: TextModel):
    """They would be those of a random one, and look like weights."""
    for ask, file in ((lexical_weights, "sparse_linear.pt"), (token_vectors, "colbert_linear.pt")):
        with pytest.raises(UserError, match=f"there is no {file}"):
            ask(tiny_model, TEXTS)


def test_one_text_is_not_taken_for_its_letters(m3: TextModel):
    with pytest.raises(UserError, match="is one text"):
        lexical_weights(m3, "几天发货")


def test_lexical_weights_and_token_vectors_are_the_formulas_of_the_paper(m3: TextModel):
    """W_lex, W_mul of arXiv 2402.03216 by hand, from transformers' own output."""
    heads = attach_heads(m3)
    for text, weights, vectors in zip(TEXTS, lexical_weights(m3, TEXTS), token_vectors(m3, TEXTS), strict=True):
        encoded = m3.tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            tokens = m3.backbone(**encoded).last_hidden_state[0]
            weight_of = (tokens @ heads.sparse.weight[0] + heads.sparse.bias).clamp(min=0).tolist()
            expected = tokens[1:] @ heads.multi_vector.weight.T + heads.multi_vector.bias
        naive: dict[int, float] = {}
        for number, weight in zip(encoded["input_ids"][0].tolist(), weight_of, strict=True):
            if number > 3 and weight > 0:
                naive[number] = max(weight, naive.get(number, 0.0))
        assert weights == pytest.approx(naive, abs=1e-5)
        np.testing.assert_allclose(vectors, (expected / expected.norm(dim=1, keepdim=True)).numpy(), atol=1e-5)


def test_tokens_do_not_depend_on_the_padding_of_their_batch(m3: TextModel):
    ids = m3.tokenise(TEXTS)
    vectors, tokens = m3.embed_ids_and_tokens(ids)
    torch.testing.assert_close(vectors, m3.embed_ids(ids), rtol=0, atol=0)
    alone = torch.cat([m3.embed_ids_and_tokens([text])[1] for text in ids])
    torch.testing.assert_close(tokens, alone, rtol=0, atol=1e-5)


def test_only_the_heads_that_are_named_are_trained(m3: TextModel):
    def free() -> set[str]:
        return {name for name, p in m3.named_parameters() if p.requires_grad and name.startswith("heads.")}

    attach_heads(m3)
    freeze(m3, embeddings=True, heads=("sparse",))
    assert free() == {"heads.sparse.weight", "heads.sparse.bias"}
    unfreeze(m3)
    assert len(free()) == 4


def test_a_random_head_comes_along_with_a_trained_one_and_is_called_so(tiny_model_folder: Path, tmp_path: Path):
    """FlagEmbedding reads both files or makes both anew."""
    model = load(tiny_model_folder, max_length_tokens=64)
    heads = attach_heads(model)
    save(model, tmp_path / "untrained", ModelCard())
    assert not list((tmp_path / "untrained").glob("*.pt"))
    with torch.no_grad():
        heads.sparse.bias.add_(1)
    save(model, tmp_path / "tuned", ModelCard())
    assert sorted(path.name for path in (tmp_path / "tuned").glob("*.pt")) == ["colbert_linear.pt", "sparse_linear.pt"]
    card = (tmp_path / "tuned" / "README.md").read_text(encoding="utf-8")
    assert "- **Random, of no use**, here since FlagEmbedding reads both heads or neither: `colbert_linear.pt`." in card
    again = attach_heads(load(tmp_path / "tuned", max_length_tokens=64))
    assert torch.equal(again.multi_vector.weight, heads.multi_vector.weight) and not again.fresh


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no zip", "cannot be read"),
        (torch.nn.Linear(8, 1).state_dict(), "does not fit token vectors of 32 numbers"),
        (torch.nn.Linear(32, 2).state_dict(), "gives 2 numbers"),
        (torch.nn.Linear(32, 1, bias=False).state_dict(), "not the state of one linear map"),
        ([1], "not the state of one linear map"),
        (Path("pickled"), "cannot be read"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused(tiny_m3_folder: Path, tmp_path: Path, content: object, why: str):
    folder = shutil.copytree(tiny_m3_folder, tmp_path / "m3")
    if isinstance(content, bytes):
        (folder / "sparse_linear.pt").write_bytes(content)
    else:
        torch.save(content, folder / "sparse_linear.pt")
    with pytest.raises(UserError, match=why):
        attach_heads(load(folder, max_length_tokens=64))


def test_a_tokenizer_without_special_tokens_is_refused(m3: TextModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(m3, "tokenizer", _Bare(m3.tokenizer))
    with pytest.raises(UserError, match="not put between special tokens"):
        attach_heads(m3)


class _Bare:
    def __init__(self, tokenizer: object) -> None:
        self._tokenizer = tokenizer

    def __call__(self, text: str) -> dict[str, list[int]]:
        return {"input_ids": []}

    def __getattr__(self, name: str) -> object:
        return getattr(self._tokenizer, name)
