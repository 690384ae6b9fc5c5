"""Where to answer: thresholds set on the calibration part, and never used on the data that set them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faqtune.errors import UserError
from faqtune.evaluate.examples import EvaluationSet
from faqtune.evaluate.outcomes import Outcomes
from faqtune.evaluate.slices import units
from faqtune.evaluate.tallies import first_row_accepting, once, rows_passing, tally
from faqtune.scorecard import SetOn


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Two cosines, of one model only, and what was observed when they were set.

    `threshold_cosine`: a query is answered from here on; at most `noise_percent` % of the
    calibration noise reaches it. It lies between two scores, so that no text stands on it.
    `accepting_cosine`: the highest score that at least `query_percent` % of the calibration
    queries reach. Where `accepting_cosine` is the lower of the two, both promises cannot be kept
    at once. Neither is a guarantee for data to come. `noise_accepted` of the `noise` sentences, from
    `noise_sources` sources, reach the threshold.
    """

    model: str
    threshold_cosine: float
    noise_percent: int
    accepting_cosine: float
    query_percent: int
    queries: int
    noise: int
    noise_accepted: int
    noise_sources: int
    calibration_digest: str

    @property
    def set_on(self) -> SetOn:
        """The noise behind `threshold_cosine`."""
        return SetOn(
            noise_percent=self.noise_percent,
            noise=self.noise,
            accepted=self.noise_accepted,
            sources=self.noise_sources,
        )


def calibrate(outcomes: Outcomes, *, noise_percent: int = 5, query_percent: int = 95) -> Thresholds:
    """Set the thresholds of one model on the calibration part.

    `threshold_cosine` lies halfway between the lowest score, of queries and noise together, that at
    most floor(`noise_percent` % of n) of the n noise sentences reach, as in `metrics.oscr`, and the
    noise below it; just above all scores if there is none. Raises UserError without noise, or for
    shares outside 0 to 99 % and 1 to 100 %.
    """
    if not (0 <= noise_percent < 100 and 0 < query_percent <= 100):
        raise UserError(
            f"at most {noise_percent} % of noise and at least {query_percent} % of queries cannot be asked for",
            "give the noise 0 to 99 and the queries 1 to 100",
        )
    if not len(outcomes.noise_scores):
        raise UserError(
            f"{outcomes.data.part}: there is no noise to set a threshold on",
            "add chatter under [noise] in faqtune.toml, or give this part a larger share of the split",
        )
    noise = tally(outcomes.noise_scores, once(len(outcomes.noise_scores)))
    queries = tally(outcomes.scores, once(len(outcomes.scores)))
    highest_stopped = noise.order.scores[rows_passing(noise, noise_percent)[0]]
    observed = np.union1d(queries.order.scores, noise.order.scores)
    reaching = observed[observed > highest_stopped]
    threshold_cosine = _between(highest_stopped, reaching[0] if len(reaching) else highest_stopped)
    return Thresholds(
        model=outcomes.model,
        threshold_cosine=threshold_cosine,
        noise_percent=noise_percent,
        accepting_cosine=float(queries.order.scores[first_row_accepting(queries, query_percent)[0]]),
        query_percent=query_percent,
        queries=len(outcomes.scores),
        noise=len(outcomes.noise_scores),
        noise_accepted=int((outcomes.noise_scores >= threshold_cosine).sum()),
        noise_sources=units([negative.group for negative in outcomes.data.negatives]),
        calibration_digest=outcomes.data.written_digest(),
    )


def _between(stopped: np.float32, reaching: np.float32) -> float:
    """Halfway from a score that is stopped to one that is not, and above the former in float32, as scores are.

    On a score itself, its own text could fall short when it is encoded among others, by the last digit.
    """
    just_above = np.nextafter(stopped, np.float32(np.inf))
    return float(max(just_above, stopped + (reaching - stopped) / 2))


def threshold_for(thresholds: Thresholds, model: str, data: EvaluationSet) -> float:
    """The answer threshold for `model` on `data`, as a cosine.

    Raises UserError if the threshold was set on this very data, or for another model: cosines
    of different models are not on one scale.
    """
    if thresholds.calibration_digest == data.written_digest():
        raise UserError(
            f"{data.part}: the threshold was set on this data, and figures on it would flatter",
            "measure on the test part, or calibrate on another part",
        )
    if thresholds.model != model:
        raise UserError(
            f"the threshold was set for {thresholds.model}, not for {model}",
            f"calibrate {model} on the calibration part",
        )
    return thresholds.threshold_cosine
