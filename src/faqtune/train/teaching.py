"""What a batch can teach: which losses find something to compare in it."""

from __future__ import annotations

from collections.abc import Iterable

from faqtune.recipe import Losses
from faqtune.train.batches import Batch


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
    return bool(losses.noise_ceiling.weight or (losses.rejection.weight and (own | batch.is_answered).any()))


def has_own_question(batch: Batch) -> bool:
    """Whether any query has a standard question among its positives, whose score the rejecting losses want."""
    return bool((batch.labels[:, batch.is_question] == 1).any())


def idle_losses(batches: Iterable[Batch], losses: Losses) -> list[str]:
    """Names of the losses with a weight that have nothing to compare in any of the batches."""
    idle = losses.active
    for batch in batches:
        idle = [name for name in idle if not _takes_part(name, batch, losses)]
        if not idle:
            break
    return idle


def _takes_part(name: str, batch: Batch, losses: Losses) -> bool:
    """Also of the losses that hold what there is, by which alone no stage learns."""
    if name == "positive_floor":
        return has_own_question(batch)
    return len(batch.noise) > 1 if name == "stay_near" else can_learn(batch, losses.only(name))
