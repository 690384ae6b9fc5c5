"""Every form that weights come in, and one clear error for every way in which they are damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from faqtune import UserError
from faqtune.compare import compare_weights
from faqtune.compare.weights import open_weights

Weights = dict[str, NDArray[np.generic]]
Folder = Callable[..., Path]
NAME = "encoder.layer.0.output.dense.weight"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int64])
@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_values_are_those_that_torch_reads(dtype: torch.dtype, form: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    tensor = (100 * torch.randn(6, 5, generator=torch.manual_seed(0))).to(dtype)
    if form == "bin":
        torch.save({NAME: tensor}, tmp_path / "pytorch_model.bin")
    else:
        save_file({NAME: tensor}, tmp_path / "model.safetensors")

    with open_weights(tmp_path) as found:
        read = found[NAME].read(7, 23)

    assert read.astype(np.float64).tolist() == tensor.double().ravel()[7:23].tolist()


def test_an_old_file_of_torch_is_compared_with_a_new_one(weights: Weights, folder: Folder, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    state = {f"roberta.{name}": torch.from_numpy(values.copy()) for name, values in weights.items()}
    state["roberta.encoder.layer.0.output.LayerNorm.gamma"] = state.pop(
        "roberta.encoder.layer.0.output.LayerNorm.weight"
    )
    torch.save(state, old / "pytorch_model.bin")

    found = compare_weights(old, folder(weights, "new"))

    assert not found.total.changed
    assert (found.only_a, found.only_b) == ((), ())
    # Pages of the file are let go of once they are read; they must come back whole.
    with open_weights(old) as stored:
        tensor = stored["roberta.embeddings.word_embeddings.weight"]
        assert tensor.read(0, 320).tolist() == tensor.read(0, 320).tolist()


def test_weights_in_a_subfolder_are_found(weights: Weights, folder: Folder, tmp_path: Path) -> None:
    inner = folder(weights, "inner")
    (tmp_path / "outer").mkdir()
    inner.rename(tmp_path / "outer" / "0_Transformer")

    with open_weights(tmp_path / "outer") as found:
        assert found.keys() == weights.keys()


def _header(file: Path, change: Callable[[dict[str, dict[str, object]]], object]) -> None:
    """Write a safetensors file anew with a changed header."""
    content = file.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    change(header)
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + content[end:])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut off": (lambda file: file.write_bytes(file.read_bytes()[:-100]), "it is cut off"),
    "empty": (lambda file: file.write_bytes(b""), "its header is cut off"),
    "header cut off": (lambda file: file.write_bytes(file.read_bytes()[:60]), "its header is cut off"),
    "no json": (lambda file: file.write_bytes((9).to_bytes(8, "little") + b"nonsense!"), "damaged"),
    "brackets": (lambda file: file.write_bytes((90_000).to_bytes(8, "little") + b"[" * 90_000), "damaged"),
    "a list": (lambda file: file.write_bytes((2).to_bytes(8, "little") + b"[]"), "damaged"),
    "a page": (lambda file: file.write_text("<html>404 not found</html>"), "no safetensors file"),
    "a longer shape": (lambda f: _header(f, lambda h: h[NAME].update(shape=[9, 9])), "not as long as its shape"),
    "backwards": (lambda f: _header(f, lambda h: h[NAME].update(shape=[-8, -16])), "not as long as its shape"),
    "no offsets": (lambda f: _header(f, lambda h: h[NAME].pop("data_offsets")), "data_offsets"),
    "dtype": (lambda f: _header(f, lambda h: h[NAME].update(dtype="F8_E4M3")), "F8_E4M3, which is not supported"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_one_clear_error(weights: Weights, folder: Folder, damage: str) -> None:
    do, said = DAMAGES[damage]
    broken = folder(weights, "broken")
    do(broken / "model.safetensors")

    with pytest.raises(UserError, match=said) as error:
        compare_weights(folder(weights, "whole"), broken)

    assert str(broken) in str(error.value)
    assert error.value.next_step


def test_a_missing_part_is_named(weights: Weights, folder: Folder) -> None:
    parts = folder(weights, "parts", parts=3)
    (parts / "model-00002-of-00003.safetensors").unlink()

    with pytest.raises(UserError, match=r"model-00002-of-00003\.safetensors, which is not there"):
        compare_weights(parts, folder(weights, "whole"))


@pytest.mark.parametrize(
    "index", ["", "[]", '{"weight_map": 3}', '{"weight_map": {}}', '{"weight_map": {"a": "../x"}}']
)
def test_a_damaged_index_is_one_clear_error(weights: Weights, folder: Folder, index: str) -> None:
    parts = folder(weights, "parts", parts=2)
    (parts / "model.safetensors.index.json").write_text(index, encoding="utf-8")

    with pytest.raises(UserError, match="damaged"):
        compare_weights(parts, folder(weights, "whole"))


def test_what_is_no_model_is_refused(weights: Weights, folder: Folder, tmp_path: Path) -> None:
    whole = folder(weights, "whole")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x", encoding="utf-8")

    for place, said in (("empty", "is not a model folder"), ("file", "no folder"), ("nowhere", "no folder")):
        with pytest.raises(UserError, match=said):
            compare_weights(whole, tmp_path / place)


def test_a_pickle_with_code_in_it_is_not_run(weights: Weights, folder: Folder, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"a": Evil()}, evil / "pytorch_model.bin")

    with pytest.raises(UserError, match="cannot be read"):
        compare_weights(folder(weights, "whole"), evil)
    assert not (tmp_path / "ran").exists()
