"""An encoder that remembers some of the vectors that pass through it, so that no text is encoded twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Encoder, Vectors


class KeepingEncoder:
    """`encoder`, with the vectors of `wanted` texts kept: 4 kB each at 1024 dimensions."""

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
