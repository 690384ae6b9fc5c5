"""Faster ways to the same results on a CPU, where torch's own choice is a slow one. Measured on Zen 5, one core:

- Products in float32 go to MKL, which leaves AVX-512 alone on AMD: 90 to 100 GFLOP/s. oneDNN, which
  torch ships as well and uses for bfloat16, reaches 180 to 230.
- The gradient of attention in bfloat16 takes 60 ms for 100 short texts, in float32 8 ms.
- Autocast keeps the weights that it has cast only where they take gradients and `inference_mode` is off. Otherwise
  each batch casts all of them again, and oneDNN lays them out again for its products.

All are put in by modes around the encoder, so that no model has to be rebuilt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


def can_use_onednn() -> bool:
    """Whether this build of torch has oneDNN's products, by the name that torch's own compiler calls them."""
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(there) and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class OneDnnLinear(TorchFunctionMode):
    """Inside it, linear layers of float32 on a CPU are computed by oneDNN, gradients included."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.linear and not kwargs and _is_float32_on_cpu(args):
            x, weight, *bias = args
            return _Linear.apply(x, weight, bias[0] if bias else None)  # type: ignore[no-untyped-call]
        return func(*args, **(kwargs or {}))


class Float32Attention(TorchFunctionMode):
    """Inside it, attention on a CPU runs in float32 and is rounded once, to the type that came in."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is not functional.scaled_dot_product_attention or args[0].device.type != "cpu":
            return func(*args, **kwargs)
        dtype = args[0].dtype
        if kwargs.get("attn_mask") is not None and kwargs["attn_mask"].is_floating_point():
            kwargs["attn_mask"] = kwargs["attn_mask"].float()
        with torch.autocast("cpu", enabled=False):
            return func(
                *(x.float() if isinstance(x, Tensor) and x.is_floating_point() else x for x in args), **kwargs
            ).to(dtype)


class KeptBfloat16Linear(TorchFunctionMode):
    """Inside it, linear layers on a CPU are computed in bfloat16 from copies of the weights made once, where autocast
    would make them anew each time. The numbers are those of autocast. The weights must not change meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[tuple[int, bool], tuple[Tensor, Tensor, Tensor | None]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is not functional.linear or kwargs or not _is_float32_on_cpu(args[1:]) or args[0].device.type != "cpu":
            return func(*args, **(kwargs or {}))
        x, weight, *bias = args
        if torch.is_grad_enabled() and not _is_kept_for_backward(x, weight, *bias):
            return func(x, weight, *bias)
        cast, cast_bias = self._cast(weight, bias[0] if bias else None, laid_out=not torch.is_grad_enabled())
        x = x.to(torch.bfloat16)
        return func(x, cast, cast_bias) if torch.is_grad_enabled() else _product(x, cast, cast_bias)

    def _cast(self, weight: Tensor, bias: Tensor | None, *, laid_out: bool) -> tuple[Tensor, Tensor | None]:
        key = id(weight), laid_out
        if key not in self._kept:
            cast = weight.detach().to(torch.bfloat16)
            if laid_out:
                cast = torch.ops.mkldnn._reorder_linear_weight(cast, None)
            # The weight itself is kept so that its id is given to no other.
            self._kept[key] = weight, cast, None if bias is None else bias.detach().to(torch.bfloat16)
        return self._kept[key][1:]


def _is_kept_for_backward(x: Tensor, *parameters: Tensor | None) -> bool:
    """Whether the graph keeps what a frozen weight is cast to, so that keeping it takes no more memory. What needs a
    gradient autocast keeps by itself; where nothing does, as in the lower layers of a frozen part, keeping costs."""
    return x.requires_grad and not any(p.requires_grad for p in parameters if p is not None)


def faster(precision: str, is_amd_avx512: bool) -> list[AbstractContextManager[object]]:
    """The modes that make a CPU faster in this precision; none where torch's own way is as good."""
    if precision == "float32":
        return [OneDnnLinear()] if is_amd_avx512 and can_use_onednn() else []
    keeps = precision == "bfloat16" and can_use_onednn() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return [Float32Attention(), KeptBfloat16Linear()] if keeps else [Float32Attention()]


def _is_float32_on_cpu(tensors: Sequence[Any]) -> bool:
    return all(t is None or (t.device.type == "cpu" and t.dtype == torch.float32) for t in tensors)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        rows = gradient.reshape(-1, gradient.shape[-1])
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t()) if needs_x else None,
            _product(rows.t(), x.reshape(-1, x.shape[-1]).t()) if needs_weight else None,
            rows.sum(dim=0) if needs_bias else None,
        )


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")  # type: ignore[no-any-return]
