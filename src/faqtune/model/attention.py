"""Attention between tokens that lie in one row, text after text, where each attends to its own text.

Modes around an encoder, in which its layers' calls of `scaled_dot_product_attention` come here. They get heads of
tokens in a row, (1, h, tokens, d), and give the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby, pairwise
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from faqtune.errors import is_out_of_memory
from faqtune.model.device import sent

MANY_TOKENS = 4096
"""Of a row, from which on it is the time of attention that counts, and a second to build a kernel does not."""

SHORT_TOKENS = 128
"""Of a text that the kernel for short ones holds."""
SHORT_WIDTHS = frozenset({16, 32, 64})
"""Numbers of a head. With 128 it would take more of a multiprocessor's memory than many cards have."""
SHORT_CAPABILITY = (8, 0)
"""Ampere. For Turing the compiler was still at work after five minutes."""
LEAST_BLOCK = 16

SAME, SAME_IN_FLOAT32 = 0.02, 1e-4
"""How far from exact a way may be on this device, as a share; it is 0.003 in bfloat16. What is called float32 may be
products of fewer digits (TF32), which are 0.0005 off."""


class _Attention(TorchFunctionMode):
    """`calls` counts the layers that attended this way: those with a mask of their own, or that look back only, or
    drop some of their scores, go on as they would without this mode."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func is not functional.scaled_dot_product_attention or _is_other_kind(*args[3:], **named):
            return func(*args, **named)
        self.calls += 1
        query, key, value = args[:3]
        return self.attend(query, key, value, named.get("scale"))

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
        raise NotImplementedError


def _is_other_kind(
    attn_mask: Tensor | None = None, dropout_p: float = 0.0, is_causal: bool = False, **named: Any
) -> bool:
    return attn_mask is not None or dropout_p > 0 or is_causal


class AttentionByRun(_Attention):
    """Neighbours of equal length are compared together, so it is quickest for texts sorted by length."""

    def __init__(self, lengths: Sequence[int]) -> None:
        super().__init__()
        self._runs = [(length, len(list(texts))) for length, texts in groupby(lengths)]

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
        by_run = zip(*(self._by_run(each) for each in (query, key, value)), strict=True)
        found = [functional.scaled_dot_product_attention(q, k, v, scale=scale) for q, k, v in by_run]
        rows = [each.transpose(1, 2).flatten(0, 1) for each in found]
        return (rows[0] if len(rows) == 1 else torch.cat(rows)).transpose(0, 1).unsqueeze(0)

    def _by_run(self, heads: Tensor) -> list[Tensor]:
        """Of each run of texts of equal length, (n, h, l, d)."""
        rows = torch.split(heads[0].transpose(0, 1), [length * count for length, count in self._runs])
        return [
            each.view(count, length, *each.shape[1:]).transpose(1, 2)
            for each, (length, count) in zip(rows, self._runs, strict=True)
        ]


class AttentionInRow(_Attention):
    """On a GPU: a kernel is told where each text ends.

    torch's own kernel for it is made for long texts and compares 64 tokens with 64 at least; where that would take
    time in half precision, short texts go to one that is made for them (`faqtune.model.short_attention`). Neighbours
    that are all short, or all not, are one call, so it is quickest for texts sorted by length.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        super().__init__()
        groups = [tuple(texts) for _, texts in groupby(lengths, lambda length: length <= SHORT_TOKENS)]
        self._tokens = [sum(texts) for texts in groups]
        self._groups = [
            (
                texts,
                frozenset(map(block_of, texts)),
                sent(torch.from_numpy(np.cumsum([0, *texts], dtype=np.int32)), device),
            )
            for texts in groups
        ]

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
        # What the backbone made them from lies in memory as tokens, heads, numbers.
        rows = [heads.transpose(1, 2) for heads in (query, key, value)]
        scale = scale or query.shape[-1] ** -0.5
        # The gradient of a split is a copy, also where there is nothing to split.
        parts = [torch.split(each, self._tokens, dim=1) if len(self._tokens) > 1 else [each] for each in rows]
        found = [
            _way_of(queries, blocks)(queries, keys, values, ends, texts, scale)
            for (texts, blocks, ends), queries, keys, values in zip(self._groups, *parts, strict=True)
        ]
        return (found[0] if len(found) == 1 else torch.cat(found, dim=1)).transpose(1, 2)


Way = Callable[[Tensor, Tensor, Tensor, Tensor, tuple[int, ...], float], Tensor]
"""Heads of tokens in a row, three times (1, tokens, h, d); int32 (texts + 1), where texts begin and the last ends;
their lengths; what scores are multiplied by. Gives (1, tokens, h, d)."""


def in_row(query: Tensor, key: Tensor, value: Tensor, ends: Tensor, lengths: tuple[int, ...], scale: float) -> Tensor:
    """By torch's memory-efficient kernel, which its own function for padded batches uses as well."""
    longest, keeps = max(lengths), torch.is_grad_enabled()
    found: Tensor = torch.ops.aten._efficient_attention_forward(
        query, key, value, None, ends, ends, longest, longest, 0.0, 0, keeps, scale=scale
    )[0]
    return found


def block_of(tokens: int) -> int:
    """The least power of two, from 16 on, that holds so many tokens.

    >>> [block_of(tokens) for tokens in (1, 16, 17, 128)]
    [16, 16, 32, 128]
    """
    return max(LEAST_BLOCK, 1 << (tokens - 1).bit_length())


def _way_of(heads: Tensor, blocks: frozenset[int]) -> Way:
    """The way for heads (1, tokens, h, d): that for short texts, if they are, and many, and it works here. Not in
    float32: its products would be of fewer digits."""
    tokens, width = heads.shape[1], heads.shape[-1]
    if (
        heads.dtype == torch.float32
        or tokens < MANY_TOKENS
        or max(blocks) > SHORT_TOKENS
        or (short := _short_attention(heads.device, width)) is None
    ):
        return in_row
    # A kernel for each size of block, of which a card may hold some only.
    does = all(works(short.attend, heads.device, heads.dtype, width, (3, block)) for block in blocks)
    return short.attend if does else in_row


@cache
def _short_attention(device: torch.device, width: int) -> ModuleType | None:
    if width not in SHORT_WIDTHS or torch.cuda.get_device_capability(device) < SHORT_CAPABILITY:
        return None
    try:
        from faqtune.model import short_attention
    except ImportError:  # Triton comes with torch for CUDA on Linux alone
        return None
    return short_attention


@cache
def works(way: Way, device: torch.device, dtype: torch.dtype, width: int, lengths: tuple[int, ...] = (3, 7)) -> bool:
    """Whether a way of heads of `width` numbers can be built and run on this device for texts of such `lengths`, and
    gives what it should, with its gradients. Tried once. Raises what torch raises where memory is too small to try."""
    # Neither the caller's modes nor its lack of a graph belong here.
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        numbers = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 1, sum(lengths), 2, width)))
        *heads, gradient = numbers.to(device, dtype)
        ends = torch.tensor([0, *np.cumsum(lengths)], dtype=torch.int32, device=device)
        try:
            found = _with_gradients(heads, gradient, lambda q, k, v: way(q, k, v, ends, lengths, width**-0.5))
        except Exception as error:  # of a compiler or driver, of any kind: what matters is that it does not work
            if is_out_of_memory(error):
                raise
            return False
        exact = _with_gradients([each.double() for each in heads], gradient.double(), _exact(lengths))
    same = SAME_IN_FLOAT32 if dtype == torch.float32 else SAME
    return all(
        float((left.double() - right).norm()) <= same * float(right.norm())
        for left, right in zip(found, exact, strict=True)
    )


def _with_gradients(heads: Sequence[Tensor], gradient: Tensor, way: Callable[..., Tensor]) -> list[Tensor]:
    given = [each.detach().requires_grad_(True) for each in heads]
    found = way(*given)
    return [found.detach(), *torch.autograd.grad(found, given, gradient)]


def _exact(lengths: Sequence[int]) -> Callable[..., Tensor]:
    def attend(*heads: Tensor) -> Tensor:
        rows = []
        for begin, end in pairwise([0, *np.cumsum(lengths).tolist()]):
            query, key, value = (each[0, begin:end].transpose(0, 1) for each in heads)
            rows.append(((query @ key.mT) * query.shape[-1] ** -0.5).softmax(dim=-1) @ value)
        return torch.cat(rows, dim=1).transpose(0, 1).unsqueeze(0)

    return attend
