"""Mining without a model, cut into many blocks, for rank.py: what is found must not depend on the number of ranks."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any
from unittest import mock

import numpy as np
import torch

from faqtune.recipe import Mining
from faqtune.train import TrainingData, search
from faqtune.train.mining import mine


class Letters:
    """An Encoder with a random vector for each text, the same in every process."""

    name = "letters"

    def encode(self, texts: Sequence[str]) -> Any:
        rows = np.stack([np.random.default_rng(zlib.crc32(text.encode())).normal(size=16) for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def search_alone(data: TrainingData) -> dict[str, Any]:
    """The arrays of `Mined`, as `weights`, and the figures."""
    settings = Mining(negatives_per_query=3, queries_per_query=2, relative_margin=0.9)
    with mock.patch.object(search, "BLOCK_SCORES", 40):
        mined, figures = mine(Letters(), data, settings)
    return {"weights": {name: torch.from_numpy(array) for name, array in mined.arrays().items()}, "figures": figures}
