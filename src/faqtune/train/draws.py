"""Which queries and noise sentences a step takes: pure functions of sizes, seed, stage number and step."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from faqtune.recipe import SOURCES, Stage
from faqtune.train.data import TrainingData
from faqtune.train.mined import Mined

LABELS = ("human_labels", "weak_labels", "labels")

NEAR_SHARE = 10
"""A tenth of the noise counts as near, unless a stage says how many."""

FIRST_LOOK = 20_000
"""So many examples tell what queries find, and how a model's cosines lie, as well as a million."""

MOST_TIMES = 8.0
"""As large as what a stage names a batch gets at most. Whole trainings were measured to 2.7 times, the first third of
one to 7 (docs/experiments.md)."""

FIFTHS, OFTENEST_STEPS, SELDOMEST_STEPS = 5, 10, 1000
"""Unless a stage says otherwise it is measured five times an epoch, but not after every few steps."""


def usable(stage: Stage, data: TrainingData, seed: int) -> TrainingData:
    """What a stage learns from: labels that are sure enough, and no more of them than `most_pairs` allows.

    That limit leaves out none of the labels that it does not draw: what they say of a text still keeps it from being a
    negative.
    """
    given = stage.data
    kept = data.confident(given.minimum_confidence, given.minimum_human_confidence)
    if not given.most_pairs:
        return kept
    # Its positive and one sentence of noise belong to a label's pairs besides its mined entries.
    labels = max(1, given.most_pairs // (stage.mining.negatives_per_query + 2))
    return kept.at_most(labels, labels_drawn(stage, kept), seed)


def labels_drawn(stage: Stage, data: TrainingData) -> NDArray[np.int64]:
    """Numbers of the labels that a stage draws queries from, ascending; none if it draws from other sources only."""
    drawn = [data.numbers_of(source) for source in stage.data.shares if source in LABELS]
    return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *drawn]))


def queries_per_step(stage: Stage, data: TrainingData) -> dict[str, int]:
    """Queries of each source in a step: at least one of each, and no more than it has. What an empty or a small source
    leaves of its share goes to the others, in proportion to theirs. Empty if all sources are."""
    sizes = {source: len(data.numbers_of(source)) for source in SOURCES}
    shares = {source: share for source, share in stage.data.shares.items() if sizes[source]}
    whole: dict[str, int] = {}
    while open_shares := {source: share for source, share in shares.items() if source not in whole}:
        left, total = stage.batch_queries - sum(whole.values()), sum(open_shares.values())
        counts = {source: max(1, round(left * share / total)) for source, share in open_shares.items()}
        small = {source: sizes[source] for source, count in counts.items() if count > sizes[source]}
        if not small:
            whole |= counts
            break
        whole |= small
    return {source: whole[source] for source in shares}


def steps_per_epoch(stage: Stage, data: TrainingData) -> float:
    """Steps that take every label once; 0.0 if there is nothing to take.

    Of several kinds of labels the one that takes longest counts. A stage without labels counts its
    standard questions, or else its dialogues. Logs are far larger than what is labelled of them: an
    epoch of dialogues would decide the length of every training.
    """
    counts = queries_per_step(stage, data)
    lengths = {source: len(data.numbers_of(source)) / count for source, count in counts.items()}
    of_labels = [lengths[source] for source in LABELS if source in lengths]
    return max(of_labels) if of_labels else next((lengths[source] for source in SOURCES if source in lengths), 0.0)


def steps_of(stage: Stage, data: TrainingData) -> int:
    """Steps of `epochs` epochs, but at most `max_steps`; 0 if there is nothing to take."""
    return min(stage.max_steps, math.ceil(stage.epochs * steps_per_epoch(stage, data)))


def with_its_batches(stage: Stage, data: TrainingData) -> Stage:
    """The stage as it is run: where it would take more steps than `larger_batches_above_steps`, as many queries in
    fewer and larger ones, at most `MOST_TIMES` as large and no larger than every source can fill, so that their shares
    stay; as many times the noise, and the square root of it times the learning rate, as Adam's steps want it (Malladi
    et al., arXiv 2205.10287)."""
    limit, steps, counts = stage.larger_batches_above_steps, steps_of(stage, data), queries_per_step(stage, data)
    if not 0 < limit < steps:
        return stage
    fillable = min(len(data.numbers_of(source)) / count for source, count in counts.items())
    times = min(MOST_TIMES, steps / limit, fillable)
    sizes = {name: round(times * getattr(stage, name)) for name in ("batch_queries", "batch_noise")}
    larger = stage.model_copy(update={**sizes, "larger_batches_above_steps": 0})
    grown = sum(queries_per_step(larger, data).values()) / sum(counts.values())
    if grown <= 1:
        return stage
    rate = float(f"{math.sqrt(grown) * stage.learning_rate:.3g}")
    return larger.model_copy(update={"learning_rate": rate, "max_steps": math.ceil(steps / grown)})


def evaluate_every(stage: Stage, data: TrainingData) -> int:
    """Steps between two measurements."""
    fifth = int(steps_per_epoch(stage, data) / FIFTHS)
    return stage.evaluate_every_steps or min(SELDOMEST_STEPS, max(OFTENEST_STEPS, fifth))


def queries_of_step(
    stage: Stage, data: TrainingData, seed: int, stage_number: int, step: int
) -> dict[str, NDArray[np.int64]]:
    """Numbers of the queries of a step by source, as `TrainingData.numbers_of` has them: each epoch is a fresh
    order of the source, cut into steps."""
    counts = queries_per_step(stage, data)
    steps = range(step, step + 1)
    return {source: _drawn(source, count, data, (seed, stage_number), steps) for source, count in counts.items()}


def examples_drawn(stage: Stage, data: TrainingData, seed: int, stage_number: int, steps: range) -> NDArray[np.int64]:
    """Numbers of the examples, labels and standard questions, that some steps draw, ascending."""
    counts = {source: count for source, count in queries_per_step(stage, data).items() if source != "dialogues"}
    drawn = [_drawn(source, count, data, (seed, stage_number), steps) for source, count in counts.items()]
    return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *drawn]))


def first_look(count: int, seed: tuple[int, ...]) -> NDArray[np.int64]:
    """Numbers of the examples that a stage's first round looks at, of `count`, whether or not they are drawn."""
    if count <= FIRST_LOOK:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, size=FIRST_LOOK, replace=False))


def _drawn(source: str, count: int, data: TrainingData, place: tuple[int, int], steps: range) -> NDArray[np.int64]:
    """What steps in a row draw from one source, step after step; `place`: seed and number of the stage."""
    size = len(data.numbers_of(source))
    epochs, places = np.divmod(np.arange(steps.start * count, steps.stop * count), size)
    drawn = np.empty(len(places), dtype=np.int64)
    for epoch in np.unique(epochs):
        order = data.order_of(source, (*place, SOURCES.index(source), int(epoch)))
        drawn[epochs == epoch] = order[places[epochs == epoch]]
    return drawn


def near_noise(mined: Mined, stage: Stage) -> tuple[NDArray[np.int32], int]:
    """Numbers of the noise sentences that count as near, nearest first, and how many of them a step takes.

    It takes none where noise similarity is not above the stage's limit.
    """
    mining, order = stage.mining, mined.noise_order
    count = min(stage.batch_noise, len(order))
    taken = round(count * mining.near_noise) if mined.noise_similarity > mining.above_noise_similarity else 0
    return order[: max(taken, mining.nearest_noise or max(count, len(order) // NEAR_SHARE))], taken


def noise_of_step(mined: Mined, stage: Stage, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of different noise sentences: the stage's share of the nearest, the rest from all others."""
    count = min(stage.batch_noise, len(mined.noise_order))
    nearest, taken = near_noise(mined, stage)
    near = rng.choice(nearest, size=taken, replace=False)
    is_other = np.zeros(len(mined.noise_cosines), dtype=np.bool_)
    is_other[mined.noise_order], is_other[near] = True, False
    others = np.flatnonzero(is_other)
    return np.concatenate([near, rng.choice(others, size=count - len(near), replace=False)]).astype(np.int64)
