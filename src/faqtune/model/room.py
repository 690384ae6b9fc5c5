"""How many tokens are encoded at once: what suits the device, and what its memory turns out to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from faqtune.errors import UserError

CPU_BATCH_TOKENS = 4096
"""Measured with the built-in model on one core: 5 % more texts a second than with 2048, as many as with 8192. Where
texts are padded, in batches that end early (below), 1024 to 8192 are equal within the noise."""

FULL_ENOUGH_TOKENS = 512
LEAST_FILLED = 0.9
"""A batch of so many tokens ends before texts that would be less than so full: what padding costs
grows with the batch, what one more batch costs does not."""

ACCELERATOR_BATCH_TOKENS = 32768

MOST_SPREAD = 4
"""Times the tokens of a batch without padding that it would have with it: kernels set memory aside by the longest."""

KEPT_BATCHES = {"cpu": 1}
MOST_KEPT_BATCHES = 16
"""Of vectors that stay on an accelerator before they are fetched together: to fetch each would be a wait more."""


class Room:
    """What memory has held of a model's texts so far. `say` is told, once, when it turned out to be less."""

    def __init__(self) -> None:
        self.most_tokens: int | None = None
        """None: it never was too little."""
        self.say: Callable[[str], None] = lambda text: None
        self._is_news = False

    def budget(self, device: torch.device, wanted_tokens: int | None = None) -> int:
        """Tokens to encode at once, with padding if there is any: those wanted or what suits the device, at most what
        memory held."""
        tokens = wanted_tokens or (CPU_BATCH_TOKENS if device.type == "cpu" else ACCELERATOR_BATCH_TOKENS)
        return tokens if self.most_tokens is None else min(tokens, self.most_tokens)

    def shrink(self, lengths: Sequence[int], budget_tokens: int, device: torch.device, pads: bool = True) -> None:
        """Memory did not hold a batch of texts of these `lengths` in tokens: half as many at once from now on.

        Raises UserError where it was a single text.
        """
        if len(lengths) == 1:
            raise UserError(
                f"the memory of {device} is too small, even to encode a single text of {lengths[0]} tokens",
                "end other programs that use it, lower max_length_tokens or take a smaller base under [model] in "
                "faqtune.toml",
            )
        self.most_tokens = min(budget_tokens, len(lengths) * max(lengths) if pads else sum(lengths)) // 2
        self._is_news = True

    def went_through(self) -> None:
        """Memory held what was encoded; says so if less than before had to be tried."""
        if self._is_news:
            self._is_news = False
            self.say(
                f"memory was too small to encode as many texts at once; going on with {self.most_tokens} tokens at "
                "once, which changes nothing but the time"
            )


def batches(
    ids: Sequence[Sequence[int]], rows: Iterable[int], batch_tokens: int, pads: bool = True
) -> Iterator[list[int]]:
    """Rows of `ids` in batches, longest first, so that one that does not fit into memory shows itself at once.

    What counts is tokens, those of padding included unless the model `pads` none; those may be four times as many.

    >>> list(batches([[7] * length for length in (2, 9, 3, 3)], range(4), batch_tokens=6))
    [[1], [2, 3], [0]]
    >>> list(batches([[7] * length for length in (2, 9, 3, 3)], range(4), batch_tokens=12, pads=False))
    [[1, 2], [3, 0]]
    """
    batch: list[int] = []
    filled = 0
    for row in sorted(rows, key=lambda row: -len(ids[row])):
        length = len(ids[row])
        longest = len(ids[batch[0]]) if batch else length
        is_full = filled + (longest if pads else length) > batch_tokens
        is_full = is_full or (len(batch) + 1) * longest > MOST_SPREAD * batch_tokens
        if batch and (is_full or (pads and filled >= FULL_ENOUGH_TOKENS and length < LEAST_FILLED * longest)):
            yield batch
            batch, filled, longest = [], 0, length
        batch.append(row)
        filled += longest if pads else length
    if batch:
        yield batch


def padded(ids: Sequence[Sequence[int]], pad_token_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One batch as a table (n, longest), and of the same shape where it has tokens, 1, and where padding, 0.

    >>> [table.tolist() for table in padded([[7, 8], [9]], pad_token_id=1)]
    [[[7, 8], [9, 1]], [[1, 1], [1, 0]]]
    """
    length = max(map(len, ids))
    table = np.full((len(ids), length), pad_token_id, dtype=np.int64)
    mask = np.zeros_like(table)
    for row, tokens in enumerate(ids):
        table[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return table, mask
