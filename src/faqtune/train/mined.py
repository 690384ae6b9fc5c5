"""What a round of mining found, as batches draw from it and checkpoints keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faqtune.train.ragged import Ragged


@dataclass(frozen=True, slots=True)
class Mined:
    """What the model of a moment confuses; rows index `TrainingData.examples`.

    `hard` int32 (rows, k): the nearest question of each of the k nearest other entries, as numbers
    in `catalogue.questions`, nearest first; -1 where no more entry is usable. `near_queries` int32
    (rows, j): the nearest labels of other entries, as numbers in `labels`; -1 where there are fewer.
    Rows that the round did not look at hold -1, and no suspects.
    `suspects` of each row: entries that may be right although the label says another; they take no
    part. `noise_best` int32 (noise,): the question nearest to each noise sentence, -1 for
    those that were not compared. `noise_order` int32: numbers of the usable noise sentences,
    nearest first (to the catalogue, or to the stage's queries). `noise_cosines` float32 (noise,): mean
    cosine of each with all questions, NaN where not compared.
    """

    hard: NDArray[np.int32]
    near_queries: NDArray[np.int32]
    suspects: Ragged
    noise_best: NDArray[np.int32]
    noise_order: NDArray[np.int32]
    noise_cosines: NDArray[np.float32]

    @property
    def noise_similarity(self) -> float:
        """Mean cosine of all noise that was compared with all questions; 0.0 without any."""
        compared = self.noise_cosines[~np.isnan(self.noise_cosines)]
        return float(compared.mean(dtype=np.float64)) if len(compared) else 0.0

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays, by name, to be kept or sent."""
        return {
            "hard": self.hard,
            "near_queries": self.near_queries,
            "suspects": self.suspects.numbers,
            "suspects_starts": self.suspects.starts,
            "noise_best": self.noise_best,
            "noise_order": self.noise_order,
            "noise_cosines": self.noise_cosines,
        }

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Mined:
        """What `arrays` gave."""
        return cls(
            arrays["hard"],
            arrays["near_queries"],
            Ragged(arrays["suspects_starts"], arrays["suspects"]),
            arrays["noise_best"],
            arrays["noise_order"],
            arrays["noise_cosines"],
        )
