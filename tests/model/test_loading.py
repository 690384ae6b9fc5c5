from __future__ import annotations

import json
import logging
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from faqtune.errors import UserError
from faqtune.model import load
from faqtune.model.layout import read_layout


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that may be spoilt."""
    return shutil.copytree(tiny_model_folder, tmp_path / "model")


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def test_weights_are_float32_whatever_the_file_holds(folder: Path):
    half = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    edit(folder / "config.json", dtype="float16")
    model = load(folder, max_length_tokens=32)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert {p.dtype for p in load(folder, max_length_tokens=32, dtype=torch.bfloat16).parameters()} == {torch.bfloat16}
    assert not model.training


def test_an_old_pytorch_file_gives_the_same_vectors(folder: Path):
    before = load(folder, max_length_tokens=32).encode(["几天发货"])
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    np.testing.assert_array_equal(load(folder, max_length_tokens=32).encode(["几天发货"]), before)


class Trap:
    """A pickle that writes a file when it is read by an unsafe reader."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.path, "w"))


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_a_pickle_with_code_in_it_is_refused_and_not_run(folder: Path, tmp_path: Path, form: str):
    weights = {"embeddings.word_embeddings.weight": Trap(str(tmp_path / "sprung"))}
    if form == "torch":
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(weights, protocol=2))
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="the model cannot be loaded"):
        load(folder, max_length_tokens=32)
    assert not (tmp_path / "sprung").exists()


def test_a_model_with_code_of_its_own_is_refused_and_not_run(folder: Path, tmp_path: Path):
    code = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    (folder / "modeling_own.py").write_text(code, encoding="utf-8")
    edit(
        folder / "config.json",
        model_type="own",
        auto_map={"AutoConfig": "modeling_own.C", "AutoModel": "modeling_own.M"},
    )
    with pytest.raises(UserError, match="cannot be loaded"):
        load(folder, max_length_tokens=32)
    assert not (tmp_path / "sprung").exists()


def test_missing_weights_are_an_error_and_not_random_numbers(folder: Path):
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"1 weights are missing, encoder\.layer\.1\.output\.dense\.weight"):
        load(folder, max_length_tokens=32)


def test_layers_that_the_configuration_does_not_name_are_not_left_out_without_a_word(folder: Path):
    layers = json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"]
    edit(folder / "config.json", num_hidden_layers=layers - 1)
    with pytest.raises(UserError, match=rf"names {layers - 1} layers, but its weights hold {layers}"):
        load(folder, max_length_tokens=32)


def test_a_missing_pooler_is_dropped_and_one_that_is_there_stays_still(folder: Path, caplog: pytest.LogCaptureFixture):
    assert not any(p.requires_grad for p in load(folder, max_length_tokens=32).backbone.pooler.parameters())
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("pooler.")}
    assert len(kept) == len(weights) - 2
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with caplog.at_level(logging.WARNING):
        model = load(folder, max_length_tokens=32)
    assert model.backbone.pooler is None
    assert caplog.records == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00garbage!"),
        ("model.safetensors", b""),
        ("tokenizer.json", b'{"version": "1.0"'),
        ("config.json", b"[]"),
        ("config.json", b'{"model_type": "no-such-model"}'),
        ("modules.json", b'{"not": "a list"}'),
    ],
)
def test_a_damaged_folder_is_one_clear_error(folder: Path, name: str, content: bytes):
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=str(folder)) as caught:
        load(folder, max_length_tokens=32)
    assert "\n" not in str(caught.value) and caught.value.next_step


def test_an_encoder_decoder_is_refused(folder: Path):
    (folder / "config.json").write_text('{"model_type": "t5"}', encoding="utf-8")
    with pytest.raises(UserError, match="encoder-decoder"):
        load(folder, max_length_tokens=32)


def test_the_length_is_lowered_to_what_the_positions_and_the_makers_allow(folder: Path):
    assert load(folder, max_length_tokens=4096).max_length_tokens == 128
    edit(folder / "sentence_bert_config.json", max_seq_length=100)
    assert load(folder, max_length_tokens=4096).max_length_tokens == 100
    assert load(folder, max_length_tokens=99).max_length_tokens == 99
    edit(folder / "sentence_bert_config.json", max_seq_length=None)
    model = load(folder, max_length_tokens=4096)
    assert model.max_length_tokens == 128 and np.isfinite(model.encode(["长" * 500])).all()


def test_a_length_without_room_for_a_text_is_refused(tiny_model_folder: Path):
    with pytest.raises(UserError, match="leaves no room"):
        load(tiny_model_folder, max_length_tokens=9, prompt="query: ")


def test_a_plain_folder_needs_the_users_word_on_pooling(folder: Path):
    for name in ("modules.json", "1_Pooling", "2_Normalize"):
        shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()
    with pytest.raises(UserError, match=r"model\.pooling"):
        load(folder, max_length_tokens=32)
    assert load(folder, max_length_tokens=32, pooling="mean").pooling == "mean"
    assert load(folder.rename(folder.with_name("bge-tiny")), max_length_tokens=32).pooling == "cls"


def test_a_transformer_in_a_subfolder_is_found(folder: Path, tiny_model_folder: Path):
    (folder / "0_Transformer").mkdir()
    for path in [
        path for path in folder.iterdir() if path.is_file() and path.name not in ("modules.json", "README.md")
    ]:
        path.rename(folder / "0_Transformer" / path.name)
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    modules[0]["path"] = "0_Transformer"
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    expected = load(tiny_model_folder, max_length_tokens=32).encode(["能便宜点吗"])
    np.testing.assert_array_equal(load(folder, max_length_tokens=32).encode(["能便宜点吗"]), expected)


def test_the_length_of_a_text_is_read_where_sentence_transformers_keeps_it(tiny_model_folder: Path, tmp_path: Path):
    """Since version 6 with the tokenizer: read at the wrong place, a text of another length made another vector."""
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(tiny_model_folder), device="cpu")
    theirs.max_seq_length = 12
    theirs.save(str(tmp_path / "saved"))
    ours = load(tmp_path / "saved", max_length_tokens=64, device="cpu", precision="float32")
    assert ours.max_length_tokens == 12
    texts = ["我昨天拍的那件衣服怎么到现在都还没有发货，能不能帮我看看是什么情况", "发货"]
    again = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    vectors = again.encode(texts, normalize_embeddings=True)
    assert (ours.encode(texts) * vectors).sum(axis=1) == pytest.approx([1.0, 1.0], abs=1e-5)


def test_what_the_folder_says_of_the_length_comes_before_what_the_tokenizer_says(
    tiny_model_folder: Path, tmp_path: Path
):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_folder, folder)
    for told, tokenizer, expected in ((20, 12, 20), (None, 12, 12), (None, int(1e30), None), (None, None, None)):
        for name, key, value in (
            ("sentence_bert_config.json", "max_seq_length", told),
            ("tokenizer_config.json", "model_max_length", tokenizer),
        ):
            kept = json.loads((folder / name).read_text(encoding="utf-8")) if (folder / name).exists() else {}
            (folder / name).write_text(json.dumps({**kept, key: value}), encoding="utf-8")
        assert read_layout(folder, "model").max_length_tokens == expected
