"""The one thing every part of faqtune asks of a model. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""float32 (n, d), every row of length 1."""


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into unit vectors, so that a dot product is a cosine."""

    @property
    def name(self) -> str:
        """How the model is called in tables: a hub name, a folder or `builtin`."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d), rows of unit length, in the order of `texts`; (0, d) for no texts."""
        ...
