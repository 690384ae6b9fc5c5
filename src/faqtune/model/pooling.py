"""From the vectors of tokens to the vector of a text. In float32, whatever the backbone's precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from faqtune.model.device import sent
from faqtune.model.layout import Pooling


def pooled(tokens: Tensor, attention_mask: Tensor, pooling: Pooling) -> Tensor:
    """Unit vectors of texts, float32 (n, d), from vectors of their tokens, (n, l, d).

    `attention_mask` int64 (n, l), 1 where a token is.
    """
    if pooling == "cls":
        return functional.normalize(tokens[:, 0].float(), dim=-1)
    weights = attention_mask.unsqueeze(-1).float()
    # The length of the sum drops out when the vector is scaled to unit length, so a mean needs no division.
    return functional.normalize((tokens.float() * weights).sum(dim=1), dim=-1)


def pooled_rows(rows: Tensor, lengths: Sequence[int], pooling: Pooling) -> Tensor:
    """The same from vectors of tokens in one row, (sum of lengths, d), text after text."""
    if pooling == "cls":
        starts = torch.from_numpy(np.cumsum([0, *lengths[:-1]]))
        return functional.normalize(rows[sent(starts, rows.device)].float(), dim=-1)
    # Summed as with padding, to the last digit: adding rows up where they belong would take another order each time.
    count, longest = len(lengths), max(lengths)
    padded = rows.new_zeros(count * longest, rows.shape[1]).index_copy(
        0, places_with_padding(lengths, rows.device), rows
    )
    return functional.normalize(padded.view(count, longest, -1).float().sum(dim=1), dim=-1)


def places_with_padding(lengths: Sequence[int], device: torch.device) -> Tensor:
    """int64 (sum of lengths,): where the tokens of texts in one row lie in their table (n, longest), flat."""
    longest = max(lengths)
    places = [np.arange(row * longest, row * longest + length) for row, length in enumerate(lengths)]
    return sent(torch.from_numpy(np.concatenate(places)), device)
