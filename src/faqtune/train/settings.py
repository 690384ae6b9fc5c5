"""What a stage is run with: its settings, and a value for each that the recipe leaves open."""

from __future__ import annotations

from typing import Any

from faqtune.recipe import Stage
from faqtune.train import ranks
from faqtune.train.data import TrainingData
from faqtune.train.draws import queries_per_step
from faqtune.train.memory import budget_in_use
from faqtune.train.remarks import nested_below
from faqtune.train.state import Training


def settings_in_use(
    training: Training, stage: Stage, data: TrainingData, steps: int, measure_every: int
) -> dict[str, Any]:
    """For the log; to be asked on all ranks after the first mining of a stage, before its first step.

    `settings` is the stage as it is run, its batches grown (`faqtune.train.draws.with_its_batches`), with temperatures,
    ceiling, floor and the interval of measuring filled in, and without nested dimensions that the model does not have.
    Tokens are those that go through the encoder at once, and of how many a graph is kept (0: of none, gradients are
    cached).
    """
    progress, model = training.progress, training.model
    budget = budget_in_use(training)
    filled = {
        "losses": stage.losses.resolved(progress.related_at_start, progress.unrelated_at_start),
        "evaluate_every_steps": measure_every,
        "nested_dimensions": nested_below(stage, model.dimension),
    }
    return {
        "steps": steps,
        "queries_per_step": queries_per_step(stage, data),
        "sizes": data.sizes(),
        "micro_batch_tokens": budget.at_once,
        "graph_tokens": budget.graph,
        "device": str(model.device),
        "precision": model.precision.name,
        "processes": ranks.count(),
        "settings": stage.model_copy(update=filled).model_dump(),
    }
