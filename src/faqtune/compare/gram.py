"""How many directions a change is spread over, from d x d sums of products instead of singular values.

The participation ratio (sum s^2)^2 / sum s^4 of the singular values s of a matrix D: 1 for a change along one
direction, d for one that is equal in all of d. It is the exponential of the Rényi entropy of order 2 of s^2 /
sum s^2. sum s^2 is the trace of the Gram matrix D^T D, sum s^4 its squared Frobenius norm, so that no
eigenvalues are needed: those of a 1024-wide matrix take longer than reading it, and BGE-M3 has 144 of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

MOST_SIDE = 2048
"""Longest short side of a matrix that is ranked: 34 MB of doubles, twice."""

MOST_HELD_ELEMENTS = 1 << 23
"""Wide matrices are held whole (67 MB of doubles at most), since their short side runs across the pieces."""


class Gram:
    """Takes the rows of a matrix from top to bottom, in pieces. Does nothing where the matrix cannot be ranked."""

    def __init__(self, rows: int, columns: int, *, ranks: bool) -> None:
        self.ranks = ranks
        self._is_wide = columns > rows
        self._at = 0
        side = columns if ranks and not self._is_wide else 0
        self._products: Matrix = np.zeros((side, side))
        self._held: Matrix = np.zeros((rows, columns) if ranks and self._is_wide else (0, 0))

    @classmethod
    def for_shape(cls, shape: tuple[int, ...]) -> Gram:
        """For a tensor of this shape; only matrices of at least two rows and columns have a rank worth telling."""
        if len(shape) != 2 or not 2 <= min(shape) <= MOST_SIDE:
            return cls(0, 0, ranks=False)
        rows, columns = shape
        return cls(rows, columns, ranks=rows >= columns or rows * columns <= MOST_HELD_ELEMENTS)

    def skip(self, rows: int) -> None:
        """Rows that are zero."""
        self._at += rows

    def add(self, rows: Matrix) -> None:
        """The next rows, float64 (r, columns)."""
        if self.ranks and self._is_wide:
            self._held[self._at : self._at + len(rows)] = rows
        elif self.ranks:
            self._products += rows.T @ rows
        self._at += len(rows)

    def powers(self) -> tuple[float, float]:
        """Sum of the second and of the fourth powers of the singular values; (0, 0) where there is no rank."""
        products = self._held @ self._held.T if self._is_wide else self._products
        return float(np.trace(products)), float(np.vdot(products, products))
