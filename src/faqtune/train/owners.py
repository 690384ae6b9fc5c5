"""Which entries the columns of a batch belong to, asked for all columns at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray


class Owners:
    """The entries behind each column, flat, so that a query is compared with all columns at once."""

    def __init__(self, columns: Sequence[Collection[int]]) -> None:
        # A reply has no entry: -1, which no entry equals.
        rows = [sorted(column) or [-1] for column in columns]
        self._rows = np.array([row for group in rows for row in group], dtype=np.int64)
        self._starts = np.cumsum([0, *map(len, rows)])[:-1]

    def have(self, row: int) -> NDArray[np.bool_]:
        """bool (c,): columns that an entry has."""
        return np.logical_or.reduceat(self._rows == row, self._starts)

    def any_in(self, entries: NDArray[np.int32]) -> NDArray[np.bool_]:
        """bool (c,): columns that one of these entries has."""
        return np.logical_or.reduceat(np.isin(self._rows, entries), self._starts)
