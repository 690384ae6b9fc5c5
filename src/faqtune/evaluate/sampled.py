"""One figure of a model with its resamples, for models that are measured at different times on the same data."""

from __future__ import annotations

from dataclasses import dataclass

from faqtune.evaluate.figures import Measures
from faqtune.evaluate.intervals import bootstrap, interval, paired
from faqtune.evaluate.outcomes import Outcomes
from faqtune.evaluate.score import resampling_plan
from faqtune.evaluate.tallies import Figures, once
from faqtune.scorecard import Difference

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Sampled:
    """`value`, and float64 (b,) of the same figure in each of b resamples, which follow from the data alone: the
    resamples of two models on the same data belong together one by one."""

    value: float
    resampled: Figures

    @property
    def interval(self) -> tuple[float, float]:
        """95 %."""
        return interval(self.resampled)


def sampled(outcomes: Outcomes, figure: str = "oscr@5", *, resamples: int = RESAMPLES, seed: int = 0) -> Sampled | None:
    """A figure of `faqtune.evaluate.figures` by its name; None where there is too little noise for it."""
    measures = Measures(outcomes)
    whole = measures(once(len(outcomes.ranks) + len(outcomes.noise_scores)))
    if figure not in whole:
        return None
    found = bootstrap(measures, resampling_plan(outcomes.data), resamples=resamples, seed=seed)
    return Sampled(float(whole[figure][0]), found[figure])


def sampled_difference(before: Sampled, after: Sampled) -> Difference:
    """After minus before, paired over the resamples."""
    return paired(after.value - before.value, before.resampled, after.resampled)
