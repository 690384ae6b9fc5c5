"""`trim`: seen texts stay as they are, new ones are never unknown, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from faqtune import UserError, Workspace, trim_model
from faqtune.commands.project.texts import project_texts
from faqtune.model import TextModel, load
from faqtune.model.pieces import cut_tokenizer
from faqtune.model.trim import ids_of, pieces_in_use

pytestmark = pytest.mark.xdist_group("trim")

NEW_TEXTS = [
    "我昨天下单的乌龙茶怎么还没有揽收，能不能帮我催一下物流？",
    "魑魅魍魉饕餮之徒",
    "Kilimanjaro's summit: 5,895 m! ☕️ 100 %",
    "冇問題嘅，聽日再傾",
    "a",
]


@pytest.fixture(scope="module")
def trimmed_folder(
    tuned_shop_folder: Path, builtin_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The built-in model cut for the tea shop."""
    out = tmp_path_factory.mktemp("trimmed") / "model"
    trim_model(Workspace(tuned_shop_folder), "builtin", out=out)
    return out


@pytest.fixture(scope="module")
def trimmed(trimmed_folder: Path) -> TextModel:
    return load(trimmed_folder, max_length_tokens=128, device="cpu")


def texts_of(folder: Path) -> list[str]:
    return list(dict.fromkeys(said.text for said in project_texts(Workspace(folder))))


def pieces(model: TextModel, texts: list[str]) -> list[list[str]]:
    return [model.tokenizer.convert_ids_to_tokens(ids) for ids in ids_of(model.tokenizer, texts)]


@pytest.mark.parametrize("prompt", ["", "query: "])
def test_every_text_of_the_project_has_the_same_pieces(
    tuned_shop_folder: Path, builtin_model: TextModel, trimmed: TextModel, prompt: str
) -> None:
    texts = [prompt + text for text in texts_of(tuned_shop_folder)]
    assert len(texts) > 150
    assert pieces(trimmed, texts) == pieces(builtin_model, texts)


def test_every_text_of_the_project_has_the_same_vector(
    tuned_shop_folder: Path, builtin_model: TextModel, trimmed: TextModel
) -> None:
    texts = texts_of(tuned_shop_folder)
    cosines = (builtin_model.encode(texts) * trimmed.encode(texts)).sum(axis=1)
    assert cosines.min() > 1 - 1e-6


def test_new_texts_of_the_scripts_are_never_unknown_and_equal_where_no_piece_is_missing(
    builtin_model: TextModel, trimmed: TextModel
) -> None:
    before, after = pieces(builtin_model, NEW_TEXTS), pieces(trimmed, NEW_TEXTS)
    for text, old, new in zip(NEW_TEXTS, before, after, strict=True):
        assert new.count("<unk>") == old.count("<unk>"), text
        assert "".join(new) == "".join(old)
        assert len(new) >= len(old)
    same = [row for row in range(len(NEW_TEXTS)) if before[row] == after[row]]
    assert same and len(same) < len(NEW_TEXTS), "texts of both kinds are tested"
    same_texts = [NEW_TEXTS[row] for row in same]
    cosines = (builtin_model.encode(same_texts) * trimmed.encode(same_texts)).sum(axis=1)
    assert cosines.min() > 1 - 1e-6


def test_the_rows_are_those_of_the_kept_pieces_to_the_bit(
    builtin_model_folder: Path, builtin_model: TextModel, trimmed: TextModel
) -> None:
    tokenizer = trimmed.tokenizer
    vocabulary = tokenizer.get_vocab()
    old = builtin_model.tokenizer.get_vocab()
    new_rows, old_rows = (m.backbone.get_input_embeddings().weight for m in (trimmed, builtin_model))
    assert len(vocabulary) == new_rows.shape[0] == trimmed.backbone.config.vocab_size < 25_000
    for piece in ("<s>", "<pad>", "</s>", "<unk>", "<mask>", "▁", "茶", "a"):
        assert torch.equal(new_rows[vocabulary[piece]], old_rows[old[piece]])
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id) == (1, len(vocabulary) - 1)


def test_the_folder_is_whole_and_smaller(trimmed_folder: Path, trimmed: TextModel, tuned_shop_folder: Path) -> None:
    known = SentenceTransformer(str(trimmed_folder), device="cpu")
    known.float()
    texts = texts_of(tuned_shop_folder)[:20]
    np.testing.assert_allclose(known.encode(texts), trimmed.encode(texts), atol=1e-5)
    assert (trimmed_folder / "model.safetensors").stat().st_size < 100_000_000
    card = (trimmed_folder / "README.md").read_text(encoding="utf-8")
    assert "trimmed with faqtune" in card and "of 250,037 pieces" in card
    assert "license: mit" in card and 'base_model: "intfloat/multilingual-e5-small"' in card
    config = json.loads((trimmed_folder / "config.json").read_text(encoding="utf-8"))
    assert config.get("dtype", config.get("torch_dtype")) == "float16"
    assert (config["pad_token_id"], config["eos_token_id"]) == (1, 2)


def test_what_new_texts_would_meet_is_told_honestly(tuned_shop: Workspace, tmp_path: Path) -> None:
    """More covered text can only make it less; without a split it is not known."""
    made = trim_model(tuned_shop, "builtin", out=tmp_path / "a").held_back
    assert made is not None
    assert 0 < made.tokens_otherwise < made.texts_otherwise <= 1
    assert 0 < made.texts < made.tokens
    everything = tmp_path / "all.txt"
    everything.write_text("\n".join(texts_of(tuned_shop.root)), encoding="gb18030")
    # The test part's own texts are in the file, so none of them is new any more.
    more = trim_model(tuned_shop, "builtin", out=tmp_path / "b", keep_texts=(everything,))
    assert more.held_back is None
    tuned_shop.split_path.unlink()
    assert trim_model(tuned_shop, "builtin", out=tmp_path / "c").held_back is None


def test_kept_texts_and_scripts_are_kept(tuned_shop: Workspace, builtin_model: TextModel, tmp_path: Path) -> None:
    file = tmp_path / "more.txt"
    file.write_text("Эй, где мой чай?\n\nWhere is Kilimanjaro?\n", encoding="utf-8")
    plain = trim_model(tuned_shop, "builtin", out=tmp_path / "plain")
    more = trim_model(tuned_shop, "builtin", out=tmp_path / "more", scripts=("han", "kana"), keep_texts=(file,))
    small, large = (load(tmp_path / name, max_length_tokens=64, device="cpu") for name in ("plain", "more"))
    asked = ["Эй, где мой чай?", "Where is Kilimanjaro?"]
    assert pieces(large, asked) == pieces(builtin_model, asked) != pieces(small, asked)
    assert more.texts == plain.texts + 2
    assert "<unk>" in pieces(small, ["ぞ"])[0] and "<unk>" not in pieces(large, ["ぞ"])[0]


@pytest.fixture
def tiny_m3_with_sentencepiece(tiny_m3_folder: Path, tmp_path: Path) -> Path:
    """In the layout of the hub's BGE-M3: another tokenizer class, sentencepiece's file, added tokens by number."""
    folder = shutil.copytree(tiny_m3_folder, tmp_path / "bge")
    (folder / "sentencepiece.bpe.model").write_bytes(b"all pieces")
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["tokenizer_class"] = "XLMRobertaTokenizer"
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    config["added_tokens_decoder"] = {str(number): {"content": name, **flags} for number, name in enumerate(names)}
    path.write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_the_layout_of_bge_m3(tuned_shop: Workspace, tiny_m3_with_sentencepiece: Path, tmp_path: Path) -> None:
    made = trim_model(tuned_shop, str(tiny_m3_with_sentencepiece), out=tmp_path / "out", scripts=("latin",))
    assert made.pieces_after < made.pieces_before / 2
    assert made.parameters_after < made.parameters_before
    assert made.megabytes_after < made.megabytes_before
    for name in ("sparse_linear.pt", "colbert_linear.pt"):
        assert (tmp_path / "out" / name).read_bytes() == (tiny_m3_with_sentencepiece / name).read_bytes()
    assert not (tmp_path / "out" / "sentencepiece.bpe.model").exists()
    before, after = (
        load(folder, max_length_tokens=64, device="cpu") for folder in (tiny_m3_with_sentencepiece, tmp_path / "out")
    )
    texts = texts_of(tuned_shop.root)
    np.testing.assert_array_equal(before.encode(texts), after.encode(texts))


def test_a_run_is_trimmed_by_its_name(tuned_shop: Workspace, tmp_path: Path) -> None:
    made = trim_model(tuned_shop, "tuned", out=tmp_path / "out")
    assert f"# {made.start}, trimmed with faqtune" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UserError, match="is needed"):
        trim_model(tuned_shop, str(tmp_path / "out"), out=tmp_path / "again")


def as_word_piece(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    words = [piece for piece, _ in content["model"]["vocab"]]
    content["model"] = {
        "type": "WordPiece", "unk_token": "<unk>", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": {piece: number for number, piece in enumerate(words)},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"model": "word-piece"}, "its tokenizer is WordPiece"),
        ({"model": "nowhere/at/all"}, "there is no folder"),
        ({"scripts": ("klingon",)}, "no script `klingon`"),
        ({"out": "there"}, "exists already"),
        ({"keep_texts": (Path("none.txt"),)}, r"none\.txt"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_written(
    tuned_shop: Workspace, tiny_model_folder: Path, tmp_path: Path, change: dict[str, object], problem: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    as_word_piece(shutil.copytree(tiny_model_folder, tmp_path / "word-piece"))
    (tmp_path / "there").mkdir()
    options = {"model": "tuned", "out": "out", **change}
    options["model"] = str(tmp_path / "word-piece") if options["model"] == "word-piece" else options["model"]
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=problem) as raised:
        trim_model(tuned_shop, **{**options, "out": tmp_path / str(options["out"])})  # type: ignore[arg-type]
    assert raised.value.next_step
    assert sorted(tmp_path.rglob("*")) == before


def test_before_ingest_the_next_step_is_named(new_shop: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="faqtune ingest"):
        trim_model(new_shop, new_shop.config().model.base, out=tmp_path / "out")


def test_a_tokenizer_that_would_change_a_text_is_never_written(
    tuned_shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should the cut be wrong for a reason that nobody thought of, the model is not written."""
    from faqtune.model import trim

    def wrong(content: dict[str, object], kept: list[int]) -> dict[str, object]:
        cut = cut_tokenizer(content, kept)
        vocabulary = cut["model"]["vocab"]
        one, other = (next(n for n, (piece, _) in enumerate(vocabulary) if piece == name) for name in "发货")
        vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
        return cut

    monkeypatch.setattr(trim, "cut_tokenizer", wrong)
    with pytest.raises(UserError, match="would be cut into other pieces"):
        trim_model(tuned_shop, "tuned", out=tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if path.name != "shop"]


def test_a_full_disk_leaves_nothing(tuned_shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(source: Path, destination: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full_disk)
    with pytest.raises(UserError, match="disk is full"):
        trim_model(tuned_shop, "tuned", out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_the_command_line(tuned_shop: Workspace, cli: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    project = ("--project", str(tuned_shop.root))
    code, out, _ = cli("trim", "tuned", "--out", str(tmp_path / "a"), *project)
    assert code == 0
    assert "pieces" in out and "same pieces as before" in out
    code, out, _ = cli("trim", "tuned", "--out", str(tmp_path / "b"), "--scripts", "latin", *project, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["scripts"] == ["latin"] and found["pieces_after"] < found["pieces_before"]


def test_the_tokenizer_in_use_is_a_unigram_too(tiny_model: TextModel) -> None:
    assert pieces_in_use(tiny_model)["model"]["type"] == "Unigram"
