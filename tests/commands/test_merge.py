"""`merge A B`: a whole model folder, or one clear error and nothing written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from faqtune import UserError, Workspace, merge_models
from faqtune.model import ModelCard, load, save
from faqtune.runs import find_run

TEXTS = ["请问多久能发货？", "Can I get a refund?", "哈哈哈"]


@pytest.fixture
def pair(tiny_m3_folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A model and a copy of it with other weights and another prompt."""
    base = shutil.copytree(tiny_m3_folder, tmp_path / "base")
    model = load(base, max_length_tokens=48, prompt="ask: ", device="cpu")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.full_like(parameter, 0.01).cumsum(-1))
    save(model, tmp_path / "second", ModelCard())
    return base, tmp_path / "second"


def test_the_folder_is_whole_and_says_what_it_is(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, tuned = pair
    made = merge_models(Workspace(tmp_path), str(base), str(tuned), coefficient=0.25, out=tmp_path / "out")

    merged = load(tmp_path / "out", max_length_tokens=48, device="cpu")
    ends = [load(folder, max_length_tokens=48, device="cpu") for folder in pair]
    for name, tensor in merged.backbone.state_dict().items():
        one, other = (end.backbone.state_dict()[name].double() for end in ends)
        assert torch.equal(tensor, (0.75 * one + 0.25 * other).float())
    assert merged.prompt == "ask: "
    assert [note.split()[0] for note in made.notes] == ["prompt", "max_length_tokens"]
    known = SentenceTransformer(str(tmp_path / "out"), device="cpu")
    np.testing.assert_allclose(known.encode(TEXTS), merged.encode(TEXTS), atol=1e-6)
    assert (tmp_path / "out" / "sparse_linear.pt").read_bytes() == (base / "sparse_linear.pt").read_bytes()
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "# second, merged with faqtune" in card
    assert "0.75 times that of `base` plus 0.25 times that of `second`" in card
    assert "license: mit" in card and str(tmp_path) not in card


def test_a_run_goes_by_its_name(tuned_shop: Workspace, tmp_path: Path) -> None:
    folder = find_run(tuned_shop).model_path
    model = load(folder, max_length_tokens=32, device="cpu")
    with torch.no_grad():
        model.backbone.get_parameter("encoder.layer.0.output.dense.weight").add_(0.1)
    save(model, folder, ModelCard())
    base = tuned_shop.config().model.base
    made = merge_models(tuned_shop, base, "tuned", coefficient=0.5, out=tmp_path / "out")
    assert made.end == find_run(tuned_shop).name
    assert made.end in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("names", "coefficient", "problem"),
    [
        (("base", "second"), 1.5, "the coefficient 1.5"),
        (("base", "./base/"), 0.5, "are the same model"),
        (("base", "nowhere"), 0.5, "nowhere"),
        (("base", "second"), 0.5, "exists already"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_written(
    pair: tuple[Path, Path], tmp_path: Path, names: tuple[str, str], coefficient: float, problem: str
) -> None:
    out = tmp_path / ("second" if problem == "exists already" else "out")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=problem) as raised:
        merge_models(Workspace(tmp_path), *names, coefficient=coefficient, out=out)
    assert raised.value.next_step
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_leaves_nothing(pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(source: Path, destination: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full_disk)
    with pytest.raises(UserError, match="disk is full"):
        merge_models(Workspace(tmp_path), "base", "second", coefficient=0.5, out=tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "second"]


def test_the_command_line(
    cli: Callable[..., tuple[int, str, str]], pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = cli("merge", "base", "second", "--coefficient", "0.5", "--out", "out", "--json")
    assert code == 0
    assert json.loads(out)["coefficient"] == 0.5
    for arguments in (
        ("base",),
        ("base", "second"),
        ("base", "second", "--coefficient", "0.5"),
        ("base", "second", "tuned", "--coefficient", "0.5", "--out", "x"),
        ("base", "second", "--coefficient", "0.5", "--out", "x", "--sweep", "1"),
        ("--coefficient", "0.5"),
        ("--sweep", "a,b"),
    ):
        code, out, err = cli("merge", *arguments)
        assert (code, out, err.count("Next: ")) == (2, "", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "out", "second"]
