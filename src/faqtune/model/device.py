"""Where a model runs, and in which precision: bfloat16 only where the hardware is good at it.

A device that merely emulates bfloat16 is slower with it than with float32, and less exact.
Everywhere it moves a cosine by up to 0.002: enough to train and to label with, too much to measure
or to set a threshold with. Those run in float32 and give the same figures on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from faqtune.errors import UserError
from faqtune.model.cpu import faster

PrecisionName = Literal["float32", "bfloat16", "float16"]

WantedPrecision = Literal["auto", "float32", "bfloat16", "float16"]
"""What a user asks for; `auto` is what the device is good at, which is never float16."""

FLOAT16_SCALE = 2.0**12
"""A power of two, so that scaling loses no digit. Losses of a batch have gradients well below 1."""

FLOAT16_WARNING = (
    "float16 was asked for: gradients may overflow or vanish; bfloat16 is safer, and as fast where the device has it"
)

FAST_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
"""CPU flags of instructions that multiply bfloat16 directly."""

GPU_ATTENTION = (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)
"""Not cuDNN's, torch's first choice on Hopper: it plans anew for every shape, 2 ms on the CPU for each layer, and
batches of texts come in a new shape each time. Seen in a profile on an H200."""

FAST_BF16_CUDA = (8, 0)
"""Least CUDA compute capability with bfloat16 tensor cores (Ampere)."""


@dataclass(frozen=True, slots=True)
class Precision:
    """The number format of matrix products; weights, sums and losses stay in float32. `reason` is for people."""

    name: PrecisionName
    reason: str

    @property
    def dtype(self) -> torch.dtype:
        return getattr(torch, self.name)  # type: ignore[no-any-return]

    @property
    def gradient_scale(self) -> float:
        """What gradients are multiplied by on their way through the encoder: float16 ends at 6e-8, and they do not."""
        return FLOAT16_SCALE if self.name == "float16" else 1.0


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
    """The wanted one, or bfloat16 on CUDA from Ampere on and on CPUs with AMX or AVX512-BF16; float32 elsewhere.

    Raises UserError for one that there is not.
    """
    if wanted not in get_args(WantedPrecision):
        raise UserError(f"unknown precision {wanted!r}", f"use one of {', '.join(get_args(WantedPrecision))}")
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


@contextmanager
def autocast(device: torch.device, precision: Precision) -> Iterator[None]:
    """A context in which matrix products run in `precision`, in the fastest way that the device has.

    It remembers cast weights: leave it before they change.
    """
    with ExitStack() as stack:
        if precision.name != "float32":
            stack.enter_context(torch.autocast(device.type, dtype=precision.dtype))
        if device.type == "cuda":
            stack.enter_context(sdpa_kernel(list(GPU_ATTENTION)))
        if device.type == "cpu":
            for mode in faster(precision.name, is_amd_avx512()):
                stack.enter_context(mode)
        yield


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor, which is of the CPU, on `device`. To a GPU it goes by way of page-locked memory: a copy from any
    other would make the CPU wait until the GPU has done all that it was told before."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def free_memory(device: torch.device) -> None:
    """Give back what was set aside for tensors that are gone."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def is_amd_avx512(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU is AMD's and has AVX-512."""
    return "avx512f" in cpu_flags() and cpu_vendor(cpuinfo) == "AuthenticAMD"


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Instruction sets of the CPU by their Linux names; empty where the system does not tell."""
    return frozenset(_of_cpuinfo("flags", cpuinfo).split())


def cpu_vendor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """`GenuineIntel`, `AuthenticAMD` and others; "" where the system does not tell."""
    return _of_cpuinfo("vendor_id", cpuinfo).strip()


@cache
def _of_cpuinfo(name: str, cpuinfo: Path) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2] for line in lines if line.startswith(name)), "")
