"""What is said once where a stage begins, because the recipe alone would make one expect something else."""

from __future__ import annotations

import math
from collections.abc import Iterator

from faqtune.recipe import Stage
from faqtune.train.data import TrainingData
from faqtune.train.draws import labels_drawn, queries_per_step, steps_of, steps_per_epoch

FEW_STEPS, FEW_LABELS = 20, 200
"""A stage of fewer steps is over before it has learned much; with fewer labels it is for want of them."""


def nested_below(stage: Stage, width: int) -> list[int]:
    """The stage's nested dimensions that a model has whose vectors are `width` numbers long."""
    return [length for length in stage.nested_dimensions if length < width]


def remarks(stage: Stage, number: int, usable: TrainingData, every: TrainingData, width: int) -> Iterator[str]:
    """Notes of the stage with this number. `usable` is what it learns from, of `every`thing there is to train on;
    the model's vectors are `width` numbers long."""
    place = f"stage {number} ({stage.name})"
    there = {source: len(usable.numbers_of(source)) > 0 for source in stage.data.shares}
    if missing := [source for source in ("human_labels", "weak_labels") if there.get(source) is False]:
        drawn = ", ".join(source for source, is_there in there.items() if is_there)
        yield f"{place}: nothing in training counts as {' or '.join(missing)}, so all queries are drawn from {drawn}"
    if few := _few_labels(stage, number, usable, len(labels_drawn(stage, every))):
        yield f"{place}: {few}"
    kept = nested_below(stage, width)
    if left_out := [length for length in stage.nested_dimensions if length not in kept]:
        rest = ", ".join(map(str, kept)) if kept else "none"
        yield (
            f"{place}: this model's vectors are {width} numbers long, so of nested_dimensions "
            f"{', '.join(map(str, left_out))} {'is' if len(left_out) == 1 else 'are'} left out; trained on besides the "
            f"whole: {rest}"
        )


def _few_labels(stage: Stage, number: int, data: TrainingData, of: int) -> str:
    """That few labels make a short stage, and what to do about it; "" where they do not. `of`: labels of its sources,
    sure or not."""
    labels, steps = len(labels_drawn(stage, data)), steps_of(stage, data)
    if not 0 < labels < FEW_LABELS or steps >= min(FEW_STEPS, stage.max_steps):
        return ""
    queries = queries_per_step(stage, data)
    passes = {source: math.ceil(len(data.numbers_of(source)) / queries[source]) for source in queries}
    wanted = max(FEW_STEPS, passes.get("catalogue", 0))
    epochs = math.ceil(wanted / steps_per_epoch(stage, data))
    there_are = f"there {'is' if labels == 1 else 'are'} {labels}"
    sure = f"{there_are}, of {of} the only sure ones (minimum_confidence)" if labels < of else there_are
    once = ", as many as take every standard question once" if wanted == passes.get("catalogue") else ""
    return (
        f"{steps} step{'s' * (steps != 1)} in all, which is little to learn in: an epoch counts labels, and {sure}. "
        f"Label more, or set stage.{number}.epochs={epochs} for about {wanted} steps{once}"
    )
