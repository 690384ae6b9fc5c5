"""Where a model runs, and in which precision: bfloat16 only where the hardware is good at it.

A device that merely emulates bfloat16 is slower with it than with float32, and less exact.
Everywhere it moves a cosine by up to 0.002: enough to train and to label with, too much to measure
or to set a threshold with. Those run in float32 and give the same figures on every machine.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from faqtune.errors import UserError

PrecisionName = Literal["float32", "bfloat16"]

WantedPrecision = Literal["auto", "float32", "bfloat16"]
"""What a user asks for; `auto` is what the device is good at."""

FAST_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
"""CPU flags of instructions that multiply bfloat16 directly."""

FAST_BF16_CUDA = (8, 0)
"""Least CUDA compute capability with bfloat16 tensor cores (Ampere)."""


@dataclass(frozen=True, slots=True)
class Precision:
    """The number format of matrix products; weights, sums and losses stay in float32. `reason` is for people."""

    name: PrecisionName
    reason: str


EXACT = Precision("float32", "figures and thresholds are to be the same on every machine")
"""For measuring and matching."""


def pick_device(wanted: str | None = None) -> torch.device:
    """`wanted` ("cpu", "cuda", "cuda:1", "mps") or the best there is: CUDA, then Apple's MPS, then the CPU.

    Raises UserError if the wanted device is not there.
    """
    if wanted is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UserError(f"unknown device {wanted!r}", "use cpu, cuda, cuda:1 or mps") from None
    there = {
        "cpu": True,
        "cuda": (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise UserError(f"there is no device {wanted} on this machine", f"use {pick_device()}, or leave the device out")
    return device


def pick_precision(device: torch.device, wanted: WantedPrecision = "auto") -> Precision:
    """The wanted one, or bfloat16 on CUDA from Ampere on and on CPUs with AMX or AVX512-BF16; float32 elsewhere."""
    if wanted != "auto":
        return Precision(wanted, "asked for")
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        known = f"CUDA capability {capability[0]}.{capability[1]}"
        if capability >= FAST_BF16_CUDA:
            return Precision("bfloat16", f"{known} has bfloat16 tensor cores")
        return Precision("float32", f"{known} has no bfloat16 tensor cores")
    if device.type == "cpu":
        if fast := sorted(FAST_BF16_FLAGS & cpu_flags()):
            return Precision("bfloat16", f"the CPU has {', '.join(fast)}")
        return Precision("float32", "the CPU has neither amx_bf16 nor avx512_bf16")
    return Precision("float32", f"bfloat16 is not known to be fast on {device.type}")


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """A context in which matrix products run in `precision`. It remembers cast weights: leave it before they change."""
    if precision.name == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Instruction sets of the CPU by their Linux names; empty where the system does not tell."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())
