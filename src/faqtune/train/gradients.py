"""Gradients of embedding tables, which are a fraction of a percent full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

HAVE_SPARSE = frozenset({"cpu", "cuda"})
"""Kinds of devices on which torch can add sparse gradients."""


@contextmanager
def sparse_embedding_gradients(model: nn.Module) -> Iterator[None]:
    """Inside it, tables keep gradients of the rows that were looked up; when it ends each is a dense one again.

    torch otherwise fills a gradient of the whole table, 1 GB for BGE-M3, in each micro-batch, to
    add it to that of the others. The sums are the same.
    """
    tables = [
        module
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        and not module.sparse
        and module.weight.requires_grad
        and module.weight.device.type in HAVE_SPARSE
    ]
    for table in tables:
        table.sparse = True
    try:
        yield
    finally:
        for table in tables:
            table.sparse = False
        for table in tables:
            # May need more memory than there is, after which all else is as it was.
            if (gradient := table.weight.grad) is not None and gradient.is_sparse:
                table.weight.grad = gradient.to_dense()
