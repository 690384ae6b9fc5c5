"""Between two models: the arithmetic, both ends to the last bit, and what cannot be merged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from faqtune.errors import UserError
from faqtune.model import TextModel, line_between, load


def model(folder: Path) -> TextModel:
    return load(folder, max_length_tokens=48, device="cpu")


def moved(folder: Path, by: float = 0.01) -> TextModel:
    """The tiny model with its encoder changed and its embeddings left alone."""
    made = model(folder)
    with torch.no_grad():
        for name, parameter in made.backbone.named_parameters():
            if name.startswith("encoder."):
                parameter.add_(torch.full_like(parameter, by).cumsum(-1))
    return made


def weights(of: TextModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in of.backbone.state_dict().items()}


@pytest.mark.parametrize("coefficient", [0.0, 0.1, 0.5, 0.75, 1.0])
def test_every_weight_is_that_of_a_plain_loop(tiny_model_folder: Path, coefficient: float) -> None:
    start, end = model(tiny_model_folder), moved(tiny_model_folder)
    one, other = weights(start), weights(end)
    found = weights(line_between(start, end).move_to(coefficient))
    for name in one:
        expected = [
            np.float32((1 - coefficient) * float(a) + coefficient * float(b))
            for a, b in zip(one[name].flatten()[:50].tolist(), other[name].flatten()[:50].tolist(), strict=True)
        ]
        np.testing.assert_array_equal(found[name].flatten()[:50].numpy(), np.array(expected, dtype=np.float32))


def test_both_ends_are_the_models_to_the_last_bit_in_any_order(tiny_model_folder: Path) -> None:
    start, end = model(tiny_model_folder), moved(tiny_model_folder)
    one, other = weights(start), weights(end)
    line = line_between(start, end)
    for coefficient, expected in ((0.3, None), (1.0, other), (0.7, None), (0.0, one)):
        found = weights(line.move_to(coefficient))
        if expected is not None:
            assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_halfway_by_hand(tiny_model_folder: Path) -> None:
    start, end = model(tiny_model_folder), moved(tiny_model_folder)
    name = "encoder.layer.0.attention.self.query.bias"
    with torch.no_grad():
        start.backbone.get_parameter(name).fill_(0.25)
        end.backbone.get_parameter(name).fill_(0.75)
    assert line_between(start, end).move_to(0.5).backbone.get_parameter(name)[0] == 0.5


def test_what_both_have_alike_is_not_held_twice(tiny_model_folder: Path) -> None:
    line = line_between(model(tiny_model_folder), moved(tiny_model_folder))
    assert line.ends and all(name.startswith("encoder.") for name in line.ends)


@pytest.mark.parametrize("coefficient", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_coefficient_beyond_the_ends_is_refused(tiny_model_folder: Path, coefficient: float) -> None:
    line = line_between(model(tiny_model_folder), moved(tiny_model_folder))
    with pytest.raises(UserError, match=r"from 0 .* to 1"):
        line.move_to(coefficient)


def test_the_same_weights_have_nothing_between_them(tiny_model_folder: Path) -> None:
    with pytest.raises(UserError, match="the same weights"):
        line_between(model(tiny_model_folder), model(tiny_model_folder))


def test_weights_that_are_not_numbers_are_refused(tiny_model_folder: Path) -> None:
    end = moved(tiny_model_folder)
    with torch.no_grad():
        end.backbone.get_parameter("encoder.layer.0.attention.self.query.bias")[3] = torch.nan
    with pytest.raises(UserError, match="not numbers"):
        line_between(model(tiny_model_folder), end)


def test_different_shapes_are_named(tiny_model_folder: Path) -> None:
    end = moved(tiny_model_folder)
    end.backbone.resize_token_embeddings(100)
    with pytest.raises(UserError, match=r"word_embeddings\.weight is \d+ x 32 in the one and 100 x 32 in the other"):
        line_between(model(tiny_model_folder), end)
    fewer = moved(tiny_model_folder)
    del fewer.backbone.encoder.layer[1]
    with pytest.raises(UserError, match=r"encoder\.layer\.1.* and nothing in the other"):
        line_between(model(tiny_model_folder), fewer)


def test_different_vocabularies_are_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(tiny_model_folder, tmp_path / "other")
    content = json.loads((other / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"]["vocab"][40][0], content["model"]["vocab"][41][0] = "Ω", "Ψ"
    (other / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="different vocabularies"):
        line_between(model(tiny_model_folder), moved(other))
