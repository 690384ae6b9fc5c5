"""Adafactor in the place of AdamW, for who has too little memory for AdamW's averages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

EPSILON = 1e-15
"""Least mean square of a gradient that is told from 0; its square is a float32 still. torch's own 1.2e-7 is far above
what a gradient of length 1 has in a large model, and would make all steps as long as they can be."""
LEAST_SIZE = 1e-3
"""Weights that are smaller on average count as this large, as in the paper."""


class Adafactor(torch.optim.Adafactor):
    """Adafactor (arXiv 1804.04235) with learning rates that are absolute, as AdamW's.

    Of each matrix it remembers one number a row and one a column, where AdamW remembers two for each weight.
    torch's takes the learning rate, and with it the weight decay, relative to the root mean square of a tensor's
    weights; here that is divided out. With steady gradients its steps are as long as AdamW's at the same rate; with
    gradients that change their signs it has no average of them to shorten the steps. Where the weights are tiny, as
    of a bias, the step of number t is at most their size (0.001 at least) divided by the root of t.
    """

    def __init__(self, groups: Sequence[Mapping[str, Any]], lr: float) -> None:
        alone = [{**group, "params": [parameter]} for group in groups for parameter in group["params"]]
        super().__init__(alone or [{"params": []}], lr=lr, eps=(EPSILON, LEAST_SIZE), foreach=False)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        with self._relative():
            super().step(closure)  # type: ignore[no-untyped-call]

    @contextmanager
    def _relative(self) -> Iterator[None]:
        """Learning rate and decay of each tensor as torch's class wants them."""
        absolute = [(group["lr"], group["weight_decay"]) for group in self.param_groups]
        for group in self.param_groups:
            for parameter in group["params"]:
                size = max(LEAST_SIZE, float(parameter.norm(2)) / parameter.numel() ** 0.5)
                group["lr"], group["weight_decay"] = group["lr"] / size, group["weight_decay"] * size
        try:
            yield
        finally:
            for group, (rate, decay) in zip(self.param_groups, absolute, strict=True):
                group["lr"], group["weight_decay"] = rate, decay
