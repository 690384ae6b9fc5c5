"""`pytorch_model.bin`, the form before safetensors. The one file that needs torch to read weights."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from faqtune.errors import UserError

NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.bool: "BOOL",
    torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16", torch.int32: "I32", torch.int64: "I64",
}  # fmt: skip
MADV_DONTNEED = 4


@dataclass(frozen=True, slots=True)
class PickledTensor:
    """A tensor of a mapped file."""

    tensor: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> str:
        return NAMES[self.tensor.dtype]

    def read(self, start: int, stop: int) -> NDArray[Any]:
        piece = self.tensor.reshape(-1)[start:stop]
        is_half = piece.dtype in (torch.float16, torch.bfloat16)
        values: NDArray[Any] = (piece.float() if is_half else piece.clone()).numpy()
        _forget(piece)
        return values


def pickled_tensors(path: Path) -> Iterator[tuple[str, PickledTensor]]:
    """Tensors of a file by key. Only plain tensors are unpickled, no code; the file is mapped, not read.

    Raises UserError for anything else, and for tensors of a kind that is not supported.
    """
    for key, tensor in _load(path).items():
        if isinstance(tensor, torch.Tensor):
            if tensor.dtype not in NAMES:
                raise UserError(f"{path}: {key} is stored as {tensor.dtype}, which is not supported", "save it anew")
            yield key, PickledTensor(tensor.detach())


def _load(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    # zip, pickle and torch each raise their own kinds; to the user they mean one thing.
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise UserError(
            f"{path} cannot be read ({lines[0]})", "get the model folder anew, best with model.safetensors"
        ) from error
    if not isinstance(state, dict):
        raise UserError(f"{path} holds no weights", "get the model folder anew")
    weights: dict[str, Any] = state.get("state_dict", state)
    return weights


def _forget(piece: torch.Tensor) -> None:
    """Let go of the pages of a mapped file that have been read, which would count as memory in use.

    Whole pages within the piece only, never its neighbours': they are unchanged, so that the system may read
    them again. Where it cannot be asked, nothing happens.
    """
    if sys.platform != "linux":
        return
    first = -(-piece.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    length = (piece.data_ptr() + piece.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE - first
    if length > 0:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), MADV_DONTNEED)
