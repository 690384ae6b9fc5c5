"""Vectors of a project's texts, kept beside it: a text is encoded once per model, and what was encoded before somebody
stopped is not done again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from faqtune.atomic import atomic_file
from faqtune.encoder import Encoder, Vectors
from faqtune.progress import Reporter

AT_ONCE = 1024
"""Texts that are encoded together: the more, the fuller a model's batches; the fewer, the less is lost with an end."""
KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Shifted:
    """A Reporter that counts what one batch has done into the whole of `total`, of which `before` were done."""

    to: Reporter
    before: int
    total: int

    def say(self, text: str) -> None:
        self.to.say(text)

    def advance(self, what: str, done: int, total: int) -> None:
        self.to.advance(what, self.before + done, self.total)


class KeptVectors:
    """The file of a project's vectors of one model; `model` changes with it and with how it reads texts."""

    def __init__(self, path: Path, model: str) -> None:
        self.path, self.model = path, model

    def of(self, texts: Sequence[str], encoder: Callable[[Reporter], Encoder], reporter: Reporter) -> Vectors:
        """float32 (n, d) of distinct texts, in their order; those that are not kept are encoded, and kept.

        `encoder` makes an encoder that reports to what it is given. Whatever ends it (an error, a wish to stop),
        what was encoded before is there the next time.
        """
        keys = [_key(text) for text in texts]
        wanted = set(keys)
        known = {key: vector for key, vector in self._read().items() if key in wanted}
        missing = [text for key, text in zip(keys, texts, strict=True) if key not in known]
        kept = len(known)
        try:
            for first in range(0, len(missing), AT_ONCE):
                some = missing[first : first + AT_ONCE]
                vectors = encoder(Shifted(reporter, first, len(missing))).encode(some)
                known |= zip(map(_key, some), vectors, strict=True)
        finally:
            if len(known) > kept:
                self._write(known)
        return np.stack([known[key] for key in keys])

    def _read(self) -> dict[bytes, NDArray[np.float32]]:
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                if str(kept["model"]) != self.model:
                    return {}
                return {bytes(key): vector for key, vector in zip(kept["keys"], kept["vectors"], strict=True)}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            # Not there, of an earlier version, or damaged: everything can be encoded again.
            return {}

    def _write(self, known: dict[bytes, NDArray[np.float32]]) -> None:
        keys = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(len(known), KEY_BYTES)
        with atomic_file(self.path) as file:
            np.savez(file, model=np.array(self.model), keys=keys, vectors=np.stack(list(known.values())))


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()
