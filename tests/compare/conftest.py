"""Weights of a tiny encoder, written to folders in every form that models come in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

Weights = dict[str, NDArray[np.generic]]
WIDTH, LAYERS, TOKENS = 8, 3, 40


@pytest.fixture
def weights() -> Weights:
    """float32, under the names of XLM-R."""
    random = np.random.default_rng(0)

    def some(*shape: int) -> NDArray[np.float32]:
        return random.normal(size=shape).astype(np.float32)

    made: Weights = {"embeddings.word_embeddings.weight": some(TOKENS, WIDTH)}
    made |= {"embeddings.position_embeddings.weight": some(16, WIDTH)}
    shapes = {
        "attention.self.query": (WIDTH, WIDTH), "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH), "attention.output.dense": (WIDTH, WIDTH),
        "intermediate.dense": (2 * WIDTH, WIDTH), "output.dense": (WIDTH, 2 * WIDTH), "output.LayerNorm": (WIDTH,),
    }  # fmt: skip
    for layer in range(LAYERS):
        for part, shape in shapes.items():
            made[f"encoder.layer.{layer}.{part}.weight"] = some(*shape)
            made[f"encoder.layer.{layer}.{part}.bias"] = some(shape[0])
    return made | {"pooler.dense.weight": some(WIDTH, WIDTH)}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes weights to a new folder, in `parts` files, each key with `prefix` in front."""

    def write(weights: Mapping[str, NDArray[np.generic]], name: str, *, parts: int = 1, prefix: str = "") -> Path:
        place = tmp_path / name
        place.mkdir()
        keyed = {f"{prefix}{key}": np.ascontiguousarray(values) for key, values in weights.items()}
        if parts == 1:
            save_file(keyed, place / "model.safetensors")
            return place
        file_of = {
            key: f"model-{number % parts + 1:05d}-of-{parts:05d}.safetensors" for number, key in enumerate(keyed)
        }
        for file in set(file_of.values()):
            save_file({key: values for key, values in keyed.items() if file_of[key] == file}, place / file)
        index = json.dumps({"metadata": {}, "weight_map": file_of})
        (place / "model.safetensors.index.json").write_text(index, encoding="utf-8")
        return place

    return write
