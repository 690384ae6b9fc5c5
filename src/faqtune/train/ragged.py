"""Rows of different lengths: what a table of mostly nothing holds, in the space of what is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Ragged:
    """Some numbers for each of n rows, ascending, end to end.

    `starts` int64 (n + 1,); `numbers` int32: those of a row are `numbers[starts[row] : starts[row + 1]]`.
    """

    starts: NDArray[np.int64]
    numbers: NDArray[np.int32]

    @classmethod
    def of(cls, rows: Iterable[Collection[int]]) -> Ragged:
        """
        >>> Ragged.of([{7, 2}, (), [5]])[0]
        array([2, 7], dtype=int32)
        """
        lists = [sorted(row) for row in rows]
        flat = np.fromiter((number for row in lists for number in row), dtype=np.int32)
        return cls(_starts(np.fromiter(map(len, lists), dtype=np.int64)), flat)

    @classmethod
    def of_pairs(cls, rows: Sequence[int], numbers: Sequence[int], count: int) -> Ragged:
        """From (row, number) in any order; `count` rows."""
        order = np.lexsort((numbers, rows))
        sizes = np.bincount(np.asarray(rows, dtype=np.int64), minlength=count)
        return cls(_starts(sizes), np.asarray(numbers, dtype=np.int32)[order])

    @classmethod
    def of_mask(cls, mask: NDArray[np.bool_]) -> Ragged:
        """The columns of each row of `mask` (n, m) that are true."""
        return cls(_starts(np.count_nonzero(mask, axis=1)), np.nonzero(mask)[1].astype(np.int32))

    @classmethod
    def joined(cls, parts: Sequence[Ragged]) -> Ragged:
        """The rows of all parts, one part after the other."""
        sizes = [part.sizes for part in parts]
        numbers = [part.numbers for part in parts]
        return cls(
            _starts(np.concatenate([*sizes, np.empty(0, dtype=np.int64)])),
            np.concatenate([*numbers, np.empty(0, dtype=np.int32)]),
        )

    def among(self, places: NDArray[np.int64], count: int) -> Ragged:
        """These rows at `places`, ascending, among `count` rows that are empty otherwise.

        >>> Ragged.of([[7]]).among(np.array([1]), 3).sizes
        array([0, 1, 0])
        """
        sizes = np.zeros(count, dtype=np.int64)
        sizes[places] = self.sizes
        return Ragged(_starts(sizes), self.numbers)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        return self.numbers[self.starts[row] : self.starts[row + 1]]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many numbers each row has."""
        return np.diff(self.starts)

    def pairs(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The numbers of these rows end to end, and before them for each the place in `rows` that it belongs to."""
        sizes = self.sizes[rows]
        places = np.repeat(np.arange(len(rows)), sizes)
        within = np.arange(len(places)) - np.repeat(_starts(sizes)[:-1], sizes)
        return places, self.numbers[np.repeat(self.starts[:-1][rows], sizes) + within]


def _starts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
