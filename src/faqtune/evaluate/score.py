"""From a model and an evaluation set to a Scorecard, and from two models to a Comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from faqtune.encoder import Encoder
from faqtune.errors import UserError
from faqtune.evaluate.curves import curves, mean_cosines
from faqtune.evaluate.examples import EvaluationSet
from faqtune.evaluate.figures import Measures, contributions, figures, supporting
from faqtune.evaluate.intervals import RESAMPLES, Plan, bootstrap, holm, interval, paired, plan, sign_flip_p
from faqtune.evaluate.mistakes import worst_accepted, worst_rejected
from faqtune.evaluate.notes import notes
from faqtune.evaluate.outcomes import Outcomes, evaluate
from faqtune.evaluate.probability import reliability
from faqtune.evaluate.slices import by_category, by_entry, units
from faqtune.evaluate.tallies import Figures, once
from faqtune.evaluate.thresholds import Thresholds, threshold_for
from faqtune.scorecard import STRATA, Comparison, Difference, Figure, Scorecard


def measure(
    encoder: Encoder,
    data: EvaluationSet,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    thresholds: Thresholds | None = None,
) -> Scorecard:
    """Scorecard of one model. Raises UserError as `evaluate` and `threshold_for` do, before anything is encoded."""
    threshold_cosine = threshold_for(thresholds, encoder.name, data) if thresholds else None
    outcomes = evaluate(encoder, data, threshold_cosine=threshold_cosine, details=True)
    outcomes = replace(outcomes, set_on=thresholds.set_on if thresholds else None)
    return scorecard(outcomes, resamples=resamples, seed=seed)


def scorecard(outcomes: Outcomes, *, resamples: int = RESAMPLES, seed: int = 0) -> Scorecard:
    """Figures with 95 % percentile bootstrap intervals, resampled by conversation and noise source."""
    return _scorecard(outcomes, _spread(outcomes, resamples, seed))


def compare(before: Outcomes, after: Outcomes, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Two models on the same data: see `compare_all`."""
    return compare_all([before, after], resamples=resamples, seed=seed)[0]


def compare_all(results: Sequence[Outcomes], *, resamples: int = RESAMPLES, seed: int = 0) -> list[Comparison]:
    """The first model against each of the others, every figure's difference on the same resamples.

    p is from the paired sign-flip test over conversations where the figure is a sum over rows
    (recall, MRR, shares at a threshold), from the bootstrap otherwise; `p_holm` is corrected for all figures of all
    models together. The scorecards are those that `scorecard` gives. Raises UserError if the models were measured on
    different data.
    """
    first, *others = results
    for other in others:
        if first.data.digest() != other.data.digest():
            raise UserError(
                f"{first.model} and {other.model} were measured on different data", "measure both on the same part"
            )
    spreads = [_spread(each, resamples, seed) for each in results]
    cards = [_scorecard(each, spread) for each, spread in zip(results, spreads, strict=True)]
    found = [
        _differences(cards[0], card, spreads[0], spread, _sign_flips(first, other, resamples, seed))
        for other, card, spread in zip(others, cards[1:], spreads[1:], strict=True)
    ]
    corrected = iter(holm([difference.p for differences in found for difference in differences.values()]))
    return [
        Comparison(
            before=cards[0],
            after=card,
            differences={
                name: each.model_copy(update={"p_holm": next(corrected)}) for name, each in differences.items()
            },
        )
        for card, differences in zip(cards[1:], found, strict=True)
    ]


def _differences(
    before: Scorecard, after: Scorecard, old: dict[str, Figures], new: dict[str, Figures], flipped: dict[str, float]
) -> dict[str, Difference]:
    return {
        name: paired(after.figures[name].value - figure.value, old[name], new[name], p=flipped.get(name))
        for name, figure in before.figures.items()
        if name in after.figures
    }


def _scorecard(outcomes: Outcomes, spread: dict[str, Figures]) -> Scorecard:
    data = outcomes.data
    card = Scorecard(
        model=outcomes.model,
        part=data.part,
        counts=_counts(data),
        excluded=dict(data.excluded),
        figures=_figures(outcomes, spread),
        means=mean_cosines(outcomes),
        curves=curves(outcomes),
        threshold_cosine=outcomes.threshold_cosine,
        threshold_set_on=outcomes.set_on,
        margin_cosine=outcomes.margin_cosine,
        reliability=reliability(outcomes),
        categories=by_category(outcomes),
        entries=by_entry(outcomes),
        confusions=list(outcomes.confusions),
        worst_accepted=worst_accepted(outcomes),
        worst_rejected=worst_rejected(outcomes),
        resamples=len(spread["recall@1"]),
        digest=data.digest(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return card.model_copy(update={"notes": notes(card)})


def _figures(outcomes: Outcomes, spread: dict[str, Figures]) -> dict[str, Figure]:
    """Figures that are defined on the measured data; the precision of a model that never answers is not."""
    found: dict[str, Figure] = {}
    for name, value in figures(outcomes, once(len(outcomes.ranks) + len(outcomes.noise_scores))).items():
        if not np.isnan(value[0]):
            low, high = interval(spread[name])
            if name == "ece":
                # Resamples add chance to chance: they lie above the value, by as much as it lies above the truth.
                low, high = max(0.0, 2 * float(value[0]) - high), max(float(value[0]), high)
            found[name] = Figure(value=float(value[0]), low=low, high=high, n=supporting(name, outcomes))
    return found


def _spread(outcomes: Outcomes, resamples: int, seed: int) -> dict[str, Figures]:
    """Every figure in every resample. Depends on the data only for the resamples, so that two models share them."""
    return bootstrap(Measures(outcomes), resampling_plan(outcomes.data), resamples=resamples, seed=seed)


def _sign_flips(before: Outcomes, after: Outcomes, resamples: int, seed: int) -> dict[str, float]:
    old, new = contributions(before), contributions(after)
    names = [name for name in old if name in new]
    change = np.stack([new[name] - old[name] for name in names], axis=1)
    found = sign_flip_p(change, resampling_plan(before.data), resamples=resamples, seed=seed)
    return dict(zip(names, found.tolist(), strict=True))


def resampling_plan(data: EvaluationSet) -> Plan:
    """Conversations with queries are one block; other noise is resampled within its stratum."""
    groups = [positive.group for positive in data.positives] + [negative.group for negative in data.negatives]
    return plan(groups, kinds_of(data))


def kinds_of(data: EvaluationSet) -> list[int]:
    """Of each row, queries first: 0 of a query, else that of its stratum."""
    return [0] * len(data.positives) + [1 + STRATA.index(negative.stratum) for negative in data.negatives]


def _counts(data: EvaluationSet) -> dict[str, int]:
    counts = {
        "entries": len(data.catalogue),
        "queries": len(data.positives),
        "conversations": units([positive.group for positive in data.positives]),
    }
    for stratum in STRATA:
        groups = [n.group for n in data.negatives if n.stratum == stratum and not n.generated]
        counts[stratum] = len(groups)
        counts[f"{stratum}/sources"] = units(groups)
    if made := len(data.negatives) - len(data.written_rows):
        counts["garbage/generated"] = made
    return counts
