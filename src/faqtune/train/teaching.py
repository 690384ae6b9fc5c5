"""What a batch can teach: which losses find something to compare in it."""

from __future__ import annotations

from collections.abc import Sequence

from faqtune.recipe import Losses
from faqtune.train.batches import Batch

HOLDING = ("positive_floor", "stay_near")
"""Losses that hold what there is; no stage learns by them alone."""


def can_learn(batch: Batch, losses: Losses) -> bool:
    """Whether at least one of the stage's losses has something to compare in the batch."""
    positive, negative = batch.labels == 1, batch.labels == 0
    if (losses.ranking.weight or losses.online_contrastive.weight) and (positive.any(1) & negative.any(1)).any():
        return True
    own, others = positive[:, batch.is_question].any(1), negative[:, batch.is_question].any(1)
    if losses.near_rejection.weight and (own & others).any():
        return True
    if not len(batch.noise) or not batch.is_question.any():
        return False
    # Where no query has a question of its own, its answer stands for it.
    return bool(losses.noise_ceiling.weight or (losses.rejection.weight and (own | positive.any(1) & others).any()))


def has_own_question(batch: Batch) -> bool:
    """Whether any query has a standard question among its positives, whose score the rejecting losses want."""
    return bool((batch.labels[:, batch.is_question] == 1).any())


def idle_losses(batches: Sequence[Batch], losses: Losses) -> list[str]:
    """Names of the losses with a weight that have nothing to compare in any of the batches. Those that teach nothing
    by themselves, as a floor, are not asked."""
    asked = [name for name in losses.active if name not in HOLDING]
    return [name for name in asked if not any(can_learn(batch, losses.only(name)) for batch in batches)]
