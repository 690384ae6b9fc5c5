"""A layer is put back to other weights and taken back again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from faqtune.compare import compare_weights
from faqtune.compare.revert import reverted, revertible, unmatched
from faqtune.compare.weights import open_weights
from faqtune.model import ModelCard, TextModel, load, save

TEXTS = ["什么时候发货", "Can I get a refund?", "哈哈"]


@pytest.fixture
def moved(tiny_model: TextModel, tmp_path: Path) -> TextModel:
    """The tiny model with its first layer far off, and its second a little."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in tiny_model.backbone.named_parameters():
            if "layer." in name:
                scale = 1.0 if "layer.0." in name else 0.01
                parameter.add_(scale * torch.randn(parameter.shape, generator=random))
    save(tiny_model, tmp_path / "moved", ModelCard())
    return load(tmp_path / "moved", max_length_tokens=64, device="cpu")


def test_all_layers_put_back_give_the_first_model_and_then_the_second_again(
    moved: TextModel, tiny_model_folder: Path
) -> None:
    base = load(tiny_model_folder, max_length_tokens=64, device="cpu")
    own = moved.encode(TEXTS)
    layers = revertible(compare_weights(tiny_model_folder, moved.source.folder))

    assert list(layers) == ["layer 0", "layer 1"]
    names = [name for found in layers.values() for name in found]
    with open_weights(tiny_model_folder) as stored, reverted(moved, names, stored):
        np.testing.assert_array_equal(moved.encode(TEXTS), base.encode(TEXTS))
    np.testing.assert_array_equal(moved.encode(TEXTS), own)


def test_an_error_meanwhile_leaves_the_model_as_it_was(moved: TextModel, tiny_model_folder: Path) -> None:
    own = moved.encode(TEXTS)
    layers = revertible(compare_weights(tiny_model_folder, moved.source.folder))

    with (
        open_weights(tiny_model_folder) as stored,
        pytest.raises(KeyboardInterrupt),
        reverted(moved, layers["layer 0"], stored),
    ):
        assert not np.array_equal(moved.encode(TEXTS), own)
        raise KeyboardInterrupt
    np.testing.assert_array_equal(moved.encode(TEXTS), own)


def test_keys_with_something_in_front_are_found(moved: TextModel, tiny_model_folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    prefixed = shutil.copytree(tiny_model_folder, tmp_path / "prefixed")
    weights = load_file(prefixed / "model.safetensors")
    save_file({f"roberta.{key}": values for key, values in weights.items()}, prefixed / "model.safetensors")
    layers = revertible(compare_weights(prefixed, moved.source.folder))

    assert unmatched(moved, layers["layer 0"]) == []
    assert unmatched(moved, ["encoder.layer.7.nothing"]) == ["encoder.layer.7.nothing"]
    with open_weights(prefixed) as stored, reverted(moved, layers["layer 0"], stored):
        own = moved.backbone.state_dict()["encoder.layer.0.output.dense.weight"]
        assert torch.equal(own, torch.from_numpy(weights["encoder.layer.0.output.dense.weight"]))
