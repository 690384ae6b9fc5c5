"""What two tensors add up to, piece by piece in double precision, and the figures that follow from the sums.

Sums of tensors are added to those of a layer, so that a layer's figures are those of its tensors laid end to end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.compare.gram import Gram
from faqtune.compare.weights import StoredTensor

PIECE_ELEMENTS = 1 << 19
"""Read at once: 2 MB of float32 per side. Two models like BGE-M3: 16 s; with a quarter of it 28 s, since every piece
costs the addition of a Gram matrix, and with four times as much 15 s and 57 MB more."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sums:
    """Of `a` and `b` before and after: squares, products, squared differences, elements that differ, the largest
    difference (with its sign) and where it is; `ranked` and `spread` are what effective ranks are made of."""

    elements: int = 0
    aa: float = 0.0
    bb: float = 0.0
    ab: float = 0.0
    dd: float = 0.0
    changed: int = 0
    largest: float = 0.0
    largest_at: tuple[str, tuple[int, ...]] | None = None
    ranked: float = 0.0
    """Squared differences of the matrices that were ranked."""
    spread: float = 0.0
    """Squared Frobenius norm of their Gram matrices: the sum of the fourth powers of their singular values."""


@dataclass(frozen=True, slots=True)
class Change:
    """How far one tensor, or all tensors of a layer laid end to end, moved from A to B.

    `relative` is ||B - A|| / ||A||, `cosine` that of the flattened weights, `largest` the element of B - A that
    is farthest from zero, at `largest_at` (tensor, index), `changed_share` the share of elements that differ at
    all. `effective_rank`: over how many directions the change is spread, see `compare.gram`; of a layer, that of
    its matrices as blocks of one. None where there is none: vectors, what is unchanged, matrices with both sides
    above `gram.MOST_SIDE`. The others are None where they are no finite number: if weights are none, and by
    division if all of A's are zero.
    """

    elements: int
    changed: bool
    relative: float | None
    cosine: float | None
    largest: float | None
    largest_at: tuple[str, tuple[int, ...]] | None
    changed_share: float
    effective_rank: float | None


def change(sums: Sums) -> Change:
    """Figures from sums. Weights that are all zero and stay so have moved by 0."""
    length_a, length_b, moved = math.sqrt(sums.aa), math.sqrt(sums.bb), math.sqrt(sums.dd)
    both = length_a * length_b
    return Change(
        elements=sums.elements,
        changed=sums.changed > 0,
        relative=finite(moved / length_a if length_a else (math.inf if moved else 0.0)),
        cosine=max(-1.0, min(1.0, sums.ab / both)) if both and math.isfinite(sums.ab / both) else None,
        largest=finite(sums.largest),
        largest_at=sums.largest_at,
        changed_share=sums.changed / sums.elements if sums.elements else 0.0,
        effective_rank=finite(sums.ranked**2 / sums.spread) if sums.spread > 0 else None,
    )


def finite(value: float) -> float | None:
    """JSON knows no NaN and no infinity."""
    return value if math.isfinite(value) else None


def added(parts: Iterable[Sums]) -> Sums:
    """The sums of all parts together."""
    total = Sums()
    for part in parts:
        larger = max(total, part, key=_size_of_largest)
        total = Sums(
            total.elements + part.elements,
            total.aa + part.aa,
            total.bb + part.bb,
            total.ab + part.ab,
            total.dd + part.dd,
            total.changed + part.changed,
            larger.largest,
            larger.largest_at,
            total.ranked + part.ranked,
            total.spread + part.spread,
        )
    return total


def sum_up(name: str, a: StoredTensor, b: StoredTensor) -> tuple[Sums, Vector]:
    """The sums of two tensors of one shape, and the relative change of each row, float64 (rows,).

    Of a vector every element is a row; a single number is one. A row of zeros that changed has moved infinitely.
    """
    rows, width = (a.shape[0] if a.shape else 1), math.prod(a.shape[1:])
    step = max(1, PIECE_ELEMENTS // max(1, width))
    gram = Gram.for_shape(a.shape)
    moved = np.zeros(rows)
    pieces = []
    for first in range(0, rows, step) if width else ():
        last = min(rows, first + step)
        before, after = a.read(first * width, last * width), b.read(first * width, last * width)
        if _same(before, after):
            pieces.append(_unchanged(before))
            gram.skip(last - first)
            continue
        before, after = before.astype(np.float64), after.astype(np.float64)
        # Infinite minus infinite is no number, which is what the figures then say.
        with np.errstate(invalid="ignore", over="ignore"):
            difference = after - before
            moved[first:last] = _relative_rows(difference.reshape(-1, width), before.reshape(-1, width))
            pieces.append(_changed(name, a.shape, first * width, before, after, difference))
            gram.add(difference.reshape(-1, width))
    total = added(pieces)
    ranked, spread = gram.powers() if total.changed else (0.0, 0.0)
    return added([total, Sums(ranked=ranked, spread=spread)]), moved


def _same(before: NDArray[np.generic], after: NDArray[np.generic]) -> bool:
    """Equal in value; what is no number in the same places counts as equal."""
    both_floats = before.dtype.kind == after.dtype.kind == "f"
    return np.array_equal(before, after) or (both_floats and np.array_equal(before, after, equal_nan=True))


def _unchanged(values: NDArray[np.generic]) -> Sums:
    flat = values.astype(np.float64)
    square = float(np.dot(flat, flat))
    return Sums(elements=len(flat), aa=square, bb=square, ab=square)


def _changed(name: str, shape: tuple[int, ...], start: int, before: Vector, after: Vector, difference: Vector) -> Sums:
    # What was no number and still is none has not changed; np.nan != np.nan would say that it has.
    differ = (before != after) & ~(np.isnan(before) & np.isnan(after))
    at = int(np.abs(difference).argmax())
    index = tuple(int(place) for place in np.unravel_index(start + at, shape)) if shape else ()
    return Sums(
        elements=len(before),
        aa=float(np.dot(before, before)),
        bb=float(np.dot(after, after)),
        ab=float(np.dot(before, after)),
        dd=float(np.dot(difference, difference)),
        changed=int(np.count_nonzero(differ)),
        largest=float(difference[at]),
        largest_at=(name, index),
    )


def _relative_rows(difference: Vector, before: Vector) -> Vector:
    moved = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    length = np.sqrt(np.einsum("ij,ij->i", before, before))
    unmeasured = np.where(moved > 0, np.inf, 0.0)
    relative: Vector = np.divide(moved, length, out=unmeasured, where=length > 0)
    return relative


def _size_of_largest(sums: Sums) -> float:
    """NaN is the largest of all: it must not be hidden by what is merely large."""
    return math.inf if math.isnan(sums.largest) else abs(sums.largest)
