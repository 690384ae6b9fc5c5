"""The one thing every part of faqtune asks of a model. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from faqtune.errors import UserError

Vectors = NDArray[np.float32]
"""float32 (n, d), every row of length 1."""


def as_texts(texts: Iterable[str]) -> list[str]:
    """The texts as a list. Raises UserError for a single text, which Python would take for a list of its letters."""
    if isinstance(texts, str):
        raise UserError(f"{texts!r:.60} is one text where several are asked for", "give a list of texts: [text]")
    return list(texts)


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


class KeepingEncoder:
    """`encoder`, with the vectors of `wanted` texts kept, so that none of them is encoded twice: 4 kB each at 1024
    dimensions. Of a model that learns it is of use only until the next step."""

    def __init__(self, encoder: Encoder, wanted: Iterable[str]) -> None:
        self._encoder, self._wanted = encoder, frozenset(wanted)
        self._kept: dict[str, NDArray[np.float32]] = {}

    @property
    def name(self) -> str:
        return self._encoder.name

    def encode(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d) of `texts`, encoding only those that have not been kept."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._kept]
        found = self._encoder.encode(missing)
        new = dict(zip(missing, found, strict=True))
        self._kept.update((text, vector.copy()) for text, vector in new.items() if text in self._wanted)
        if len(missing) == len(texts):
            return found
        return np.array([new[text] if text in new else self._kept[text] for text in texts], dtype=np.float32)
