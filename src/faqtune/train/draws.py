"""Which queries and noise sentences a step takes: pure functions of sizes, seed, stage number and step."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from faqtune.recipe import Stage
from faqtune.train.data import TrainingData
from faqtune.train.mining import Mined

SOURCES = ("labels", "catalogue", "dialogues")
"""What is most precious comes first."""

NEAR_SHARE = 10
"""A tenth of the noise counts as near to the catalogue."""


def queries_per_step(stage: Stage, data: TrainingData) -> dict[str, int]:
    """Queries of each source in a step; the share of an empty source goes to the others. Empty if all are."""
    sizes = data.sizes()
    shares = {source: share for source, share in stage.data.shares.items() if sizes[source]}
    total = sum(shares.values())
    counts = {source: max(1, round(stage.batch_queries * share / total)) for source, share in shares.items()}
    return {source: min(count, sizes[source]) for source, count in counts.items()}


def steps_of(stage: Stage, data: TrainingData) -> int:
    """Steps that take every label `epochs` times, but at most `max_steps`; 0 if there is nothing to take.

    A stage without labels counts its standard questions, or else its dialogues. Logs are far larger
    than what is labelled of them: an epoch of dialogues would decide the length of every training.
    """
    counts = queries_per_step(stage, data)
    counted = next((source for source in SOURCES if source in counts), None)
    if counted is None:
        return 0
    return min(stage.max_steps, math.ceil(stage.epochs * data.sizes()[counted] / counts[counted]))


def queries_of_step(
    stage: Stage, data: TrainingData, seed: int, stage_number: int, step: int
) -> dict[str, NDArray[np.int64]]:
    """Numbers of the queries of a step by source: each epoch is a fresh order of the source, cut into steps."""
    sizes = data.sizes()
    drawn = {}
    for source, count in queries_per_step(stage, data).items():
        epochs, places = np.divmod(np.arange(step * count, (step + 1) * count), sizes[source])
        orders = [
            np.random.default_rng([seed, stage_number, SOURCES.index(source), int(epoch)]).permutation(sizes[source])
            for epoch in range(epochs[0], epochs[-1] + 1)
        ]
        drawn[source] = np.array(
            [orders[epoch - epochs[0]][place] for epoch, place in zip(epochs, places, strict=True)]
        )
    return drawn


def noise_of_step(mined: Mined, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of `count` different noise sentences: half from those nearest to the catalogue, half from all others."""
    order = mined.noise_order
    count = min(count, len(order))
    near = rng.choice(order[: max(count, len(order) // NEAR_SHARE)], size=count // 2, replace=False)
    others = np.setdiff1d(order, near)
    return np.concatenate([near, rng.choice(others, size=count - len(near), replace=False)]).astype(np.int64)
