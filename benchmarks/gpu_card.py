"""One GPU as its benchmarks use it: what it could do, what its memory held, and faqtune's model on it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from common import gpu_clock
from faqtune.model import TextModel, load

MAX_LENGTH_TOKENS = 128
MATMUL_SIZE = 8192


def matmul_rate() -> float:
    """Operations a second of a product of two large matrices in bfloat16, on random numbers."""
    left, right = (torch.randn(MATMUL_SIZE, MATMUL_SIZE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    seconds = []
    for _ in range(12):
        started = gpu_clock()
        left @ right
        seconds.append(gpu_clock() - started)
    return float(2 * MATMUL_SIZE**3 / median(seconds[2:]))


def ours(folder: Path, precision: str) -> TextModel:
    return load(folder, max_length_tokens=MAX_LENGTH_TOKENS, prompt="", device="cuda", precision=precision)  # type: ignore[arg-type]


def alone(work: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """Run `work` with the GPU's memory empty; its peak is added to what it found."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    found = work(*given)
    return found | {"peak_bytes": torch.cuda.max_memory_allocated()}
