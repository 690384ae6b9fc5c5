from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from sentence_transformers import SentenceTransformer

from faqtune.errors import UserError
from faqtune.model import ModelCard, TextModel, load, save
from faqtune.model import save as save_function  # the function, under a name that no module takes
from faqtune.model.card import read_licence
from faqtune.scorecard import Figure

TEXTS = ["请问多久能发货？", "Can I get a refund?", "运费险怎么买", "哈哈哈", "长" * 90]

CARD = ModelCard(
    recipe='{"stages": [{"name": "rank"}]}',
    data={"queries": 1200, "catalogue questions": 154},
    figures={"oscr@5": Figure(value=0.71, low=0.66, high=0.75, n=400), "auroc": 0.9315},
    figures_before={"oscr@5": Figure(value=0.52, low=0.47, high=0.57, n=400)},
    measured_on="the test part",
    languages=("zh", "en"),
)


def trained(folder: Path, **options: str) -> TextModel:
    """The tiny model after a step, so that it is no longer its base."""
    model = load(folder, max_length_tokens=48, device="cpu", **options)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.full_like(parameter, 0.01).cumsum(-1))
    return model


@pytest.mark.parametrize("options", [{}, {"prompt": "query: ", "pooling": "mean"}, {"prompt": ""}])
def test_sentence_transformers_loads_it_and_gives_the_same_vectors(
    tiny_model_folder: Path, tmp_path: Path, options: dict[str, str]
):
    model = trained(tiny_model_folder, **options)
    base = load(tiny_model_folder, max_length_tokens=48, **options).encode(TEXTS)  # type: ignore[arg-type]
    save(model, tmp_path / "tuned", CARD)
    tuned = SentenceTransformer(str(tmp_path / "tuned"), device="cpu")
    expected = model.encode(TEXTS)
    for encode in (tuned.encode, tuned.encode_query, tuned.encode_document):
        assert (encode(TEXTS) * expected).sum(axis=1).min() > 0.9999
    assert (base * expected).sum(axis=1).max() < 0.99
    again = load(tmp_path / "tuned", max_length_tokens=512)
    assert (again.prompt, again.pooling, again.max_length_tokens) == (model.prompt, model.pooling, 48)
    np.testing.assert_array_equal(again.encode(TEXTS), expected)


def test_the_heads_of_m3_are_carried_along_and_recorded(tiny_m3_folder: Path, tmp_path: Path):
    base = shutil.copytree(tiny_m3_folder, tmp_path / "base")
    (base / "notes.txt").write_text("from the makers", encoding="utf-8")
    for name in ("pytorch_model.bin", "model.onnx", "modeling.py", ".gitattributes"):
        (base / name).write_bytes(b"stale")
    save(load(base, max_length_tokens=48), tmp_path / "tuned", CARD)
    heads = ["colbert_linear.pt", "notes.txt", "sparse_linear.pt"]
    for name in heads:
        assert (tmp_path / "tuned" / name).read_bytes() == (base / name).read_bytes()
    assert json.loads((tmp_path / "tuned" / "faqtune_heads.json").read_text(encoding="utf-8"))["not_retrained"] == heads
    assert "`sparse_linear.pt`" in (tmp_path / "tuned" / "README.md").read_text(encoding="utf-8")
    left = {"pytorch_model.bin", "model.onnx", "modeling.py", ".gitattributes"}
    assert not left & {path.name for path in (tmp_path / "tuned").iterdir()}


def test_saving_a_saved_model_carries_the_heads_again(tiny_m3_folder: Path, tmp_path: Path):
    save(load(tiny_m3_folder, max_length_tokens=48), tmp_path / "one", CARD)
    save(load(tmp_path / "one", max_length_tokens=48), tmp_path / "two", CARD)
    names = [sorted(path.name for path in (tmp_path / folder).iterdir()) for folder in ("one", "two")]
    assert names[0] == names[1] and "sparse_linear.pt" in names[0]


def test_a_model_can_be_saved_over_its_own_base(tiny_m3_folder: Path, tmp_path: Path):
    folder = shutil.copytree(tiny_m3_folder, tmp_path / "model")
    model = trained(folder)
    save(model, folder, CARD)
    np.testing.assert_array_equal(load(folder, max_length_tokens=48).encode(TEXTS), model.encode(TEXTS))
    assert (folder / "sparse_linear.pt").is_file()


def test_nothing_is_lost_when_the_disk_fills_up(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    target = tmp_path / "tuned"
    save(load(tiny_model_folder, max_length_tokens=48), target, CARD)
    before = {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()}
    model = trained(tiny_model_folder)

    def full_disk(source: Path, destination: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full_disk)
    with pytest.raises(UserError, match="disk is full"):
        save_function(model, target, CARD)
    assert {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["tuned"]


def test_a_base_that_has_gone_is_an_error(tiny_model_folder: Path, tmp_path: Path):
    model = load(shutil.copytree(tiny_model_folder, tmp_path / "base"), max_length_tokens=48)
    shutil.rmtree(tmp_path / "base")
    with pytest.raises(UserError, match="has gone"):
        save(model, tmp_path / "tuned", CARD)


def test_the_card_says_what_the_model_is(tiny_model_folder: Path, tmp_path: Path):
    save(load(tiny_model_folder, max_length_tokens=48), tmp_path / "tuned", CARD)
    text = (tmp_path / "tuned" / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "mit" and front["language"] == ["zh", "en"]
    assert front["library_name"] == "sentence-transformers"
    assert "| oscr@5 | 0.520 (0.470 to 0.570) | 0.710 (0.660 to 0.750) |" in text
    assert "| auroc |  | 0.931 |" in text or "| auroc |  | 0.932 |" in text
    assert '````json\n{"stages": [{"name": "rank"}]}\n````' in text
    assert "| queries | 1,200 |" in text and "the test part" in text
    assert str(tmp_path) not in text and str(tiny_model_folder) not in text


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlicense: apache-2.0\n---\n# x", {"license": "apache-2.0"}),
        ("---\ntags:\n- a\nlicense: other\nlicense_name: acme\nlicense_link: LICENSE\n---\n", None),
        ("# no front matter\nlicense: mit\n", {}),
        ("---\nlicense: mit\n", {}),
    ],
)
def test_the_licence_is_passed_through(tmp_path: Path, readme: str, licence: dict[str, str] | None):
    (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    if licence is None:
        licence = {"license": "other", "license_name": "acme", "license_link": "LICENSE"}
    assert read_licence(tmp_path / "README.md") == licence
    assert read_licence(tmp_path / "none") == {}
