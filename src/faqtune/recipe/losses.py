"""The losses of a Stage: weights and settings. The arithmetic is in `faqtune.train.losses`."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from faqtune.config import Section

LEAST_TEMPERATURE = 0.005
MOST = 1e6
"""Weights, shares and epochs above it are slips; arithmetic with them would overflow."""
LEAST = 1e-4
"""Of what cosines are divided by: with less, float32 holds no more of a softmax than its largest term."""
SPREAD_SHARE = 0.1
"""An open temperature is this share of the distance between related and unrelated cosines."""


class Part(Section):
    """Unknown keys, other types, infinity and NaN are refused; nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Loss(Part):
    weight: float = Field(default=0.0, ge=0, le=MOST, title="Share in the sum of losses; 0: off")


class RankingLoss(Loss):
    temperature: float | None = Field(
        default=None, ge=LEAST, title="Cosines are divided by it; unset: a tenth of the spread"
    )


class OnlineContrastiveLoss(Loss):
    margin: float = Field(
        default=0.3, gt=0, le=2, title="Negatives farther apart (1 - cosine) than this are left alone"
    )
    noise: bool = Field(default=False, title="Noise sentences of the batch are negatives of every query, too")


class NoiseCeilingLoss(Loss):
    ceiling_cosine: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        title="Noise below it is left alone; unset: the mean of unrelated cosines at the start",
    )
    of_the_mean: bool = Field(
        default=False,
        title="The square of the mean over a batch's noise, as in the older workflow, and not the mean of the squares",
    )


class PositiveFloorLoss(Loss):
    floor_cosine: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        title="Queries above it are left alone; unset: the mean of related cosines at the start",
    )


class RejectionLoss(Loss):
    temperature: float | None = Field(
        default=None, ge=LEAST, title="Score differences are divided by it; unset: a tenth of the spread"
    )


class NearRejectionLoss(RejectionLoss):
    near_cosine: float = Field(
        default=1.0,
        ge=-1,
        le=1,
        title="Entries with questions nearer to each other are no noise for each other; 1: all are",
    )


class Losses(Part):
    ranking: RankingLoss = RankingLoss()
    online_contrastive: OnlineContrastiveLoss = OnlineContrastiveLoss()
    noise_ceiling: NoiseCeilingLoss = NoiseCeilingLoss()
    positive_floor: PositiveFloorLoss = PositiveFloorLoss()
    rejection: RejectionLoss = RejectionLoss()
    near_rejection: NearRejectionLoss = NearRejectionLoss()
    stay_near: Loss = Loss()

    def resolved(self, related: float, unrelated: float) -> Losses:
        """The same with every open setting filled in from the base model's own cosines.

        `related` and `unrelated` are mean cosines at the start. Models differ tenfold in the spread
        between the two (multilingual-e5 0.09, MiniLM 0.5), so one temperature cannot serve them all.
        """
        temperature = max(SPREAD_SHARE * (related - unrelated), LEAST_TEMPERATURE)
        return self.model_copy(
            update={
                "ranking": _filled(self.ranking, temperature=temperature),
                "noise_ceiling": _filled(self.noise_ceiling, ceiling_cosine=unrelated),
                "positive_floor": _filled(self.positive_floor, floor_cosine=related),
                "rejection": _filled(self.rejection, temperature=temperature),
                "near_rejection": _filled(self.near_rejection, temperature=temperature),
            }
        )

    @property
    def active(self) -> list[str]:
        """Names of the losses that have a weight."""
        return [name for name in type(self).model_fields if getattr(self, name).weight > 0]

    def only(self, name: str) -> Losses:
        """The same without the others."""
        return Losses().model_copy(update={name: getattr(self, name)})


def _filled(loss: Any, **open_settings: float) -> Any:
    """A loss with the settings that are still open."""
    return loss.model_copy(update={n: v for n, v in open_settings.items() if getattr(loss, n) is None})
