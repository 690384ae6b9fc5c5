"""What is said once where a stage begins, because the recipe alone would make one expect something else."""

from __future__ import annotations

import math
from collections.abc import Iterator

from faqtune.recipe import Stage
from faqtune.train import ranks
from faqtune.train.data import TrainingData
from faqtune.train.draws import labels_drawn, queries_per_step, steps_of, steps_per_epoch, with_its_batches
from faqtune.train.state import Training

FEW_STEPS, FEW_LABELS = 20, 200
"""A stage of fewer steps is over before it has learned much; with fewer labels it is for want of them."""


NOTHING_FOUND = "found nothing to compare"
"""Of losses, where a stage begins and where it has gone on for a while."""


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
    larger = with_its_batches(stage, usable)
    if larger is not stage:
        small, large = (sum(queries_per_step(one, usable).values()) for one in (stage, larger))
        yield (
            f"{place}: {steps_of(stage, usable):,} steps of {small} queries are taken as "
            f"{steps_of(larger, usable):,} of {large}, with {larger.batch_noise} noise sentences and a learning rate "
            f"of {larger.learning_rate:g} (larger_batches_above_steps)"
        )
    elif few := _few_labels(stage, number, usable, every):
        yield f"{place}: {few}"
    kept = nested_below(stage, width)
    if left_out := [length for length in stage.nested_dimensions if length not in kept]:
        rest = ", ".join(map(str, kept)) if kept else "none"
        yield (
            f"{place}: this model's vectors are {width} numbers long, so of nested_dimensions "
            f"{', '.join(map(str, left_out))} {'is' if len(left_out) == 1 else 'are'} left out; trained on besides the "
            f"whole: {rest}"
        )


def remark_on_silence(training: Training, stage: Stage, steps: int) -> None:
    """After so many steps of a stage: which of its losses have had no part in any. What keeps them silent may be the
    vectors, of which nobody knows anything where a stage begins."""
    progress = training.progress
    if progress.step != steps or not ranks.is_writer():
        return
    events = [event for event in training.log.read() if event["stage"] == progress.stage]
    said = " ".join(event["text"] for event in events if event["event"] == "noted" and NOTHING_FOUND in event["text"])
    heard = {name for event in events if event["event"] == "step" for name in event["parts"]}
    for name in stage.losses.active:
        if name not in heard and name not in said:
            near = stage.losses.near_rejection.near_cosine
            why = (
                f": hardly any two entries have questions less near to each other than near_cosine, {near:g}"
                if name == "near_rejection" and near < 1
                else ""
            )
            training.note(f"stage {progress.stage} ({stage.name}): in {steps} steps {name} {NOTHING_FOUND}{why}")


def _few_labels(stage: Stage, number: int, data: TrainingData, every: TrainingData) -> str:
    """That few labels make a short stage, and what to do about it; "" where they do not. `every`: also those that are
    not sure enough, or more than the stage may have."""
    labels, steps = len(labels_drawn(stage, data)), steps_of(stage, data)
    if not 0 < labels < FEW_LABELS or steps >= min(FEW_STEPS, stage.max_steps):
        return ""
    queries = queries_per_step(stage, data)
    passes = {source: math.ceil(len(data.numbers_of(source)) / queries[source]) for source in queries}
    wanted = max(FEW_STEPS, passes.get("catalogue", 0))
    epochs = math.ceil(wanted / steps_per_epoch(stage, data))
    there_are = f"there {'is' if labels == 1 else 'are'} {labels}"
    of, given = len(labels_drawn(stage, every)), stage.data
    sure = len(labels_drawn(stage, every.confident(given.minimum_confidence, given.minimum_human_confidence)))
    if labels < sure:
        there_are += f", which is what most_pairs, {given.most_pairs}, leaves of {sure}"
    elif sure < of:
        there_are += f", of {of} the only sure ones (minimum_confidence)"
    more = "Raise it" if labels < sure else "Label more"
    once = ", as many as take every standard question once" if wanted == passes.get("catalogue") else ""
    return (
        f"{steps} step{'s' * (steps != 1)} in all, which is little to learn in: an epoch counts labels, and "
        f"{there_are}. {more}, or set stage.{number}.epochs={epochs} for about {wanted} steps{once}"
    )
