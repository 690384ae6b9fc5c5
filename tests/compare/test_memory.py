"""Two models of the size of BGE-M3 in bounded memory: weights are never held whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import faqtune

WIDTH, LAYERS = 1024, 24
MOST_GROWTH_MB = 400
PIECE = 1 << 20

COMPARE = """
import sys
def peak_mb():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
start = peak_mb()
import time
from pathlib import Path
from faqtune import Workspace, compare_models
began = time.monotonic()
made = compare_models(Workspace(Path(sys.argv[3])), sys.argv[1], sys.argv[2])
print(peak_mb() - start, time.monotonic() - began, made.weights.total.elements, made.weights.layers[0].change.relative)
"""


def shapes() -> dict[str, tuple[int, ...]]:
    """Every tensor of BGE-M3 under its name, 568 million numbers."""
    found: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (250002, WIDTH),
        "embeddings.position_embeddings.weight": (8194, WIDTH),
        "embeddings.token_type_embeddings.weight": (1, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    parts = {
        "attention.self.query": (WIDTH, WIDTH), "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH), "attention.output.dense": (WIDTH, WIDTH),
        "attention.output.LayerNorm": (WIDTH,), "intermediate.dense": (4 * WIDTH, WIDTH),
        "output.dense": (WIDTH, 4 * WIDTH), "output.LayerNorm": (WIDTH,),
    }  # fmt: skip
    for layer in range(LAYERS):
        for part, shape in parts.items():
            found[f"encoder.layer.{layer}.{part}.weight"] = shape
            found[f"encoder.layer.{layer}.{part}.bias"] = shape[:1]
    return found


def write(folder: Path, moved: float) -> None:
    """Random float32 weights, the same in every folder but for `moved` added to every second number."""
    folder.mkdir()
    header, offset = {}, 0
    for name, shape in shapes().items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    numbers: NDArray[np.float32] = np.random.default_rng(0).normal(scale=0.02, size=PIECE + 997).astype(np.float32)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for start in range(0, offset // 4, PIECE):
            # A different stretch for every piece: no two rows of a matrix are to be alike.
            piece = np.roll(numbers, start // PIECE * 31)[: min(PIECE, offset // 4 - start)].copy()
            piece[::2] += np.float32(moved)
            piece.tofile(file)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_two_models_of_the_size_of_bge_m3_take_little_memory(tmp_path: Path) -> None:
    if shutil.disk_usage(tmp_path).free < 6e9:
        pytest.skip("needs 6 GB of disk")
    write(tmp_path / "a", 0.0)
    write(tmp_path / "b", 1e-3)

    arguments = [sys.executable, "-c", COMPARE, str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path)]
    path = dict(os.environ, PYTHONPATH=str(Path(faqtune.__file__).parents[1]))
    started = time.monotonic()
    done = subprocess.run(arguments, env=path, capture_output=True, text=True, check=True)
    growth_mb, seconds, elements, relative = map(float, done.stdout.split())
    print(f"{growth_mb:.0f} MB, {seconds:.0f} s, {time.monotonic() - started:.0f} s with imports")

    assert growth_mb < MOST_GROWTH_MB
    assert elements == sum(int(np.prod(shape)) for shape in shapes().values())
    # Half of the numbers moved by 0.001, all of them with a standard deviation of 0.02.
    assert relative == pytest.approx(1e-3 * 0.5**0.5 / 0.02, rel=0.01)
