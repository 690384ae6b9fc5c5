"""Layers that lie between two models, with weights from disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from faqtune.compare import compare_weights
from faqtune.compare import mix as mix_module
from faqtune.compare.mix import LayerMix
from faqtune.compare.revert import revertible
from faqtune.compare.weights import open_weights
from faqtune.model import ModelCard, TextModel, line_between, load, save

TEXTS = ["什么时候发货", "Can I get a refund?", "哈哈"]


@pytest.fixture
def moved_folder(tiny_model: TextModel, tmp_path: Path) -> Path:
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in tiny_model.backbone.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=random))
    save(tiny_model, tmp_path / "moved", ModelCard())
    return tmp_path / "moved"


@pytest.fixture
def mix(moved_folder: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LayerMix]:
    """In pieces of a few numbers, so that the ends of pieces are tested."""
    monkeypatch.setattr(mix_module, "PIECE_ELEMENTS", 1000)
    layers = revertible(compare_weights(tiny_model_folder, moved_folder))
    with open_weights(tiny_model_folder) as base, open_weights(moved_folder) as moved:
        yield LayerMix(load(moved_folder, max_length_tokens=64, device="cpu"), layers, base, moved)


def test_at_one_coefficient_for_all_it_is_the_line_between_the_two(
    mix: LayerMix, tiny_model_folder: Path, moved_folder: Path
) -> None:
    """Another way to the same weights: both models in memory."""
    line = line_between(*(load(f, max_length_tokens=64, device="cpu") for f in (tiny_model_folder, moved_folder)))

    assert mix.layers == ("embeddings", "layer 0", "layer 1")
    for coefficient in (0.5, 0.0, 0.25, 1.0):
        ours = mix.move_to([coefficient] * 3).backbone.state_dict()
        theirs = line.move_to(coefficient).backbone.state_dict()
        for name in theirs:
            if "pooler" not in name:
                assert torch.equal(ours[name], theirs[name]), (name, coefficient)


def test_one_layer_moves_alone_and_comes_back_bit_by_bit(
    mix: LayerMix, tiny_model_folder: Path, moved_folder: Path
) -> None:
    base, tuned = (load(folder, max_length_tokens=64, device="cpu") for folder in (tiny_model_folder, moved_folder))
    own = tuned.encode(TEXTS)

    weights = mix.move_to((1, 0, 1)).backbone.state_dict()
    for name, value in weights.items():
        source = base if "layer.0." in name else tuned
        assert torch.equal(value, source.backbone.state_dict()[name]), name
    assert not np.array_equal(mix.model.encode(TEXTS), own)
    np.testing.assert_array_equal(mix.move_to((1, 1, 1)).encode(TEXTS), own)


def test_another_number_of_coefficients_is_refused(mix: LayerMix) -> None:
    with pytest.raises(ValueError, match="zip"):
        mix.move_to((1, 1))
