"""The weights of a model folder, read piece by piece: a tensor of any size costs the memory of one piece."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import FileIO
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faqtune.errors import UserError

SAFETENSORS, PICKLED = "model.safetensors", "pytorch_model.bin"
NAMES = (SAFETENSORS, f"{SAFETENSORS}.index.json", PICKLED, f"{PICKLED}.index.json")
"""In the order in which transformers prefers them."""

MOST_HEADER_BYTES = 100_000_000
"""The limit that the safetensors library sets."""

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "?", "U8": "u1", "I8": "i1",
    "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8", "I64": "<i8",
}  # fmt: skip
"""What numpy reads each type of safetensors as; it has no bfloat16, whose bits are widened by `_upcast`."""

GET_ANEW = "get the model folder anew"


class StoredTensor(Protocol):
    """A tensor that lies on disk. `dtype` is called as safetensors does: F32, F16, BF16, I64 ..."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> str: ...

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Elements [start, stop) of the flattened tensor; half precisions widened to float32, which is exact."""
        ...


@dataclass(frozen=True, slots=True)
class SafeTensor:
    """A tensor of a safetensors file. Plain reads: the pages of a mapped file would count as memory in use."""

    shape: tuple[int, ...]
    dtype: str
    path: Path
    file: FileIO
    offset: int

    def read(self, start: int, stop: int) -> NDArray[Any]:
        values = np.empty(stop - start, dtype=DTYPES[self.dtype])
        self.file.seek(self.offset + start * values.itemsize)
        if self.file.readinto(values.view(np.uint8).data) != values.nbytes:
            raise UserError(f"{self.path}: it ended while it was read", "leave the model alone meanwhile")
        return _upcast(values, self.dtype)


@contextmanager
def open_weights(folder: Path) -> Iterator[dict[str, StoredTensor]]:
    """Every tensor of a model folder by the key it is stored under, in one file or in parts, to be read until closed.

    Raises UserError where there are no weights, or a file is missing, cut off or damaged.
    """
    with ExitStack() as opened:
        try:
            yield {_modern(key): tensor for key, tensor in _tensors(weights_file(folder), opened).items()}
        except OSError as error:
            place = error.filename or folder
            raise UserError(f"{place}: {error.strerror or error}", "check the file and its permissions") from error


def weights_file(folder: Path) -> Path:
    """Where the weights of a model folder begin; before sentence-transformers 2 they lie in a subfolder."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", "check the path")
    for place in (folder, *sorted(path for path in folder.iterdir() if path.name.endswith("_Transformer"))):
        for name in NAMES:
            if (place / name).is_file():
                return place / name
    raise UserError(
        f"{folder} is not a model folder: it has no weights ({SAFETENSORS} or {PICKLED})",
        "give the folder that the model's config.json lies in",
    )


def _tensors(path: Path, opened: ExitStack) -> dict[str, StoredTensor]:
    if path.name.endswith(".index.json"):
        found: dict[str, StoredTensor] = {}
        for part in _parts(path):
            if not part.is_file():
                raise UserError(f"{path} names {part.name}, which is not there", GET_ANEW)
            found |= _tensors(part, opened)
        return found
    if path.suffix == ".safetensors":
        return _safetensors(path, opened.enter_context(FileIO(str(path))))
    from faqtune.compare.pickled import pickled_tensors

    return dict(pickled_tensors(path))


def _parts(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        # By the last part of the name: an index reaches nowhere outside its folder.
        parts = [index.with_name(Path(name).name) for name in names]
        if not parts or any(part.suffix not in (".safetensors", ".bin") for part in parts):
            raise ValueError("it names no files of weights")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{index} is damaged ({error})", GET_ANEW) from error
    return parts


def _safetensors(path: Path, file: FileIO) -> dict[str, StoredTensor]:
    """Parse the header: u64 length of a JSON object, that object (name to dtype, shape and place), then the values."""
    size = path.stat().st_size
    try:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MOST_HEADER_BYTES):
            raise ValueError("its header is cut off, or this is no safetensors file")
        header: Mapping[str, Any] = json.loads(file.read(length))
        entries = {key: entry for key, entry in header.items() if key != "__metadata__"}
        return {key: _tensor(key, entry, path, file, 8 + length) for key, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error})", GET_ANEW) from error


def _tensor(key: str, entry: Mapping[str, Any], path: Path, file: FileIO, start: int) -> SafeTensor:
    dtype, shape, size = entry["dtype"], tuple(entry["shape"]), path.stat().st_size
    first, last = entry["data_offsets"]
    if dtype not in DTYPES:
        raise UserError(f"{path}: {key} is stored as {dtype}, which is not supported", "save it as F32 or BF16")
    if first < 0 or min(shape, default=1) < 0 or last - first != prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise ValueError(f"{key} is not as long as its shape says")
    if start + last > size:
        raise ValueError(f"it is cut off: {key} ends at byte {start + last:,}, the file at {size:,}")
    return SafeTensor(shape, dtype, path, file, start + first)


def _upcast(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    if dtype == "BF16":
        # A bfloat16 is the upper half of a float32. By hand: torch would take 220 MB of memory for it.
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32) if dtype == "F16" else values


def _modern(key: str) -> str:
    """Before 2019 a layer norm's weight and bias were called gamma and beta; transformers reads both.

    >>> _modern("encoder.layer.0.output.LayerNorm.gamma")
    'encoder.layer.0.output.LayerNorm.weight'
    """
    key = re.sub(r"(?<=LayerNorm\.)gamma$", "weight", key)
    return re.sub(r"(?<=LayerNorm\.)beta$", "bias", key)
