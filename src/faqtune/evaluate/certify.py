"""A threshold with promises that hold for data to come, with a stated confidence.

Each promise bounds a risk that lies between 0 and 1: noise of one kind that is answered, answers that are
wrong, questions that are rejected. The threshold is chosen on calibration data so that the bound holds with
probability 1 - delta over the draw of that data: risk-controlling prediction sets (Bates et al. 2021, arXiv
2101.02703) for risks that only fall as the threshold rises, and fixed-sequence testing (Learn then Test,
Angelopoulos et al. 2021, arXiv 2110.01052) for wrong answers, whose share may rise and fall, with a part of the doubt
for the loosest threshold by itself. Where one of several
margins between the best and the second entry may be chosen, everything is shown for each of them with its part of
the doubt (Bonferroni), so that it holds for whichever is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from faqtune.errors import UserError
from faqtune.evaluate.outcomes import Outcomes
from faqtune.evaluate.risk import NOISE, PROMISABLE, REJECTED, WRONG, Risk, needed_units, upper_bound

MARGINS_COSINE = (0.0, 0.01, 0.02, 0.05, 0.1)
"""Margins that are tried where the best of several is asked for: fixed before any data are seen."""

ONE_SIDE = 0.025
"""Doubt on either side of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A promise and what became of it. `bound`: what the risk is at most at this threshold;
    `observed`: its mean over the `units` of the calibration data; `needed`: units without a single failure
    that would be enough to promise it, where there are fewer (0: there are enough)."""

    what: str
    at_most: float
    observed: float
    bound: float
    units: int
    needed: int = 0

    @property
    def is_kept(self) -> bool:
        return self.bound <= self.at_most


@dataclass(frozen=True, slots=True)
class Certified:
    """The lowest threshold that keeps what can be kept. Together all kept promises hold with `confidence`.

    `margin_cosine`: what the best entry must lead the second by, chosen among `margins_tried`; `answered`, `right`:
    shares of the calibration questions that are answered, and answered rightly.
    """

    threshold_cosine: float
    confidence: float
    promises: tuple[Kept, ...]
    answered: float
    margin_cosine: float = 0.0
    margins_tried: tuple[float, ...] = (0.0,)
    right: float = 0.0

    @property
    def is_certified(self) -> bool:
        return all(promise.is_kept for promise in self.promises)


def certify(
    outcomes: Outcomes, at_most: Mapping[str, float], confidence: float = 0.95, margins_cosine: Sequence[float] = (0.0,)
) -> Certified:
    """The lowest threshold at which every promise of `at_most` (what to share) holds with `confidence`.

    `outcomes` of the calibration part. The allowed doubt is shared out evenly among the promises, and among
    `margins_cosine`, of which the one that keeps all and answers most questions rightly is taken (without looking at
    any data, give one, or `MARGINS_COSINE`). Noise says how low the threshold may be; wrong answers are tested there
    and from the strictest one downwards (`Risk.kept_from`). `rejected` is judged at the
    threshold that noise wants, which no question had a say in. A promise that no threshold can keep comes
    back as not kept. Raises UserError for shares that are none, a kind of noise that is not there,
    where nothing is promised, and for wrong and rejected at once: the same questions cannot both set a
    threshold and say what it rejects.
    """
    refuse_promises(at_most, confidence, margins_cosine)
    _refuse_without_data(outcomes, at_most)
    doubt = (1 - confidence) / len(at_most) / len(margins_cosine)
    tried = tuple(float(margin) for margin in margins_cosine)
    found = [_with_margin(outcomes, at_most, confidence, doubt, margin, tried) for margin in tried]
    # Of equals the first, the smallest margin if they are given in order.
    return max(found, key=lambda each: (each.is_certified, each.right))


def _with_margin(
    outcomes: Outcomes,
    at_most: Mapping[str, float],
    confidence: float,
    doubt: float,
    margin: float,
    tried: tuple[float, ...],
) -> Certified:
    noise = [
        Risk(outcomes, what, margin).lowest_threshold(share, doubt)
        for what, share in at_most.items()
        if what not in (WRONG, REJECTED)
    ]
    threshold, doubts = max(noise, default=-1.0), dict.fromkeys(at_most, doubt)
    if WRONG in at_most:
        threshold, doubts[WRONG] = Risk(outcomes, WRONG, margin).kept_from(threshold, at_most[WRONG], doubt)
    promises = tuple(
        _kept(Risk(outcomes, what, margin), share, threshold, doubts[what]) for what, share in at_most.items()
    )
    answered = (outcomes.scores >= threshold) & Risk(outcomes, REJECTED, margin).leads
    right = float(np.mean(answered & (outcomes.ranks == 1)))
    return Certified(threshold, confidence, promises, float(answered.mean()), margin, tried, right)


def _kept(risk: Risk, share: float, threshold: float, doubt: float) -> Kept:
    losses = risk.at(threshold)
    needed = needed_units(share, doubt)
    return Kept(
        risk.what,
        share,
        float(losses.mean()) if len(losses) else 1.0,
        upper_bound(losses, doubt, single=risk.single),
        len(losses),
        needed if needed > len(losses) else 0,
    )


def refuse_promises(at_most: Mapping[str, float], confidence: float, margins_cosine: Sequence[float]) -> None:
    """What no data could keep. Raises UserError."""
    if not margins_cosine or not all(0 <= margin <= 2 for margin in margins_cosine):
        raise UserError("a margin is a difference of two cosines", "give a number from 0 to 2, or `auto`")
    if not at_most:
        raise UserError("nothing is promised", "promise something, for example --chatter 5")
    if not 0 < confidence < 1:
        raise UserError(f"a confidence of {confidence:.0%} is none", "give --confidence 50 to 99.9")
    if {WRONG, REJECTED} <= at_most.keys():
        raise UserError(
            "wrong answers and rejected questions cannot be promised at once: the same questions would set the "
            "threshold and judge it",
            "promise one of the two",
        )
    for what, share in at_most.items():
        if what not in PROMISABLE and not what.startswith(f"{NOISE}/"):
            raise UserError(
                f"nothing can be promised of `{what}`", f"promise one of {', '.join(PROMISABLE)}, {NOISE}/ and its kind"
            )
        if not 0 < share < 1:
            raise UserError(f"{what}: at most {100 * share:g} % is no promise", "give more than 0 and less than 100 %")


def _refuse_without_data(outcomes: Outcomes, at_most: Mapping[str, float]) -> None:
    known = {*PROMISABLE, *(f"{NOISE}/{stratum}" for stratum in outcomes.data.noise_rows)}
    for what in at_most:
        if what not in known or (what == NOISE and not len(outcomes.data.written_rows)):
            raise UserError(
                f"{outcomes.data.part}: there is no {what.partition('/')[2] or 'noise'} to set a threshold on",
                "promise nothing about it, or add such noise and run `faqtune split`",
            )


def on_other_data(
    outcomes: Outcomes, promised: Iterable[str], threshold: float, margin_cosine: float = 0.0
) -> dict[str, tuple[float, float, float]]:
    """What becomes of promises in data that had no say in them: the mean over conversations or sources, as they are
    promised, with its 95 % interval, the bounds of which are those of `upper_bound`. Nothing of what the data lacks."""
    found = {}
    for what in promised:
        stratum = what.partition("/")[2]
        if stratum and stratum not in outcomes.data.noise_rows:
            continue
        risk = Risk(outcomes, what, margin_cosine)
        if len(losses := risk.at(threshold)):
            low = 1 - upper_bound(1 - losses, ONE_SIDE, single=risk.single)
            found[what] = (float(losses.mean()), low, upper_bound(losses, ONE_SIDE, single=risk.single))
    return found


def contradicted(
    at_most: Mapping[str, float], seen: Mapping[str, tuple[float, float, float]]
) -> dict[str, tuple[float, float, float]]:
    """Of promises `what` to largest share, those that other data speak against: what was `seen` there
    (`on_other_data`) lies above the promise with its whole interval.

    >>> contradicted({"wrong": 0.1, "noise": 0.2}, {"wrong": (0.25, 0.125, 0.5), "noise": (0.25, 0.125, 0.5)})
    {'wrong': (0.25, 0.125, 0.5)}
    """
    return {what: seen[what] for what, most in at_most.items() if what in seen and seen[what][1] > most}
