"""A search over the layers of a tuned model, and whether what it found holds up on data that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from faqtune.commands.mixing.tried import Tried, in_words, remembering
from faqtune.commands.project.models import ReportingEncoder
from faqtune.compare.descent import Coefficients, Values, descend, most_tried
from faqtune.evaluate import (
    EvaluationSet,
    GeneralAbility,
    compare,
    evaluate,
    forgetting,
    general_ability,
    point_figures,
)
from faqtune.evaluate.figures import supports_oscr
from faqtune.progress import Reporter, Silent
from faqtune.runs import Run
from faqtune.scorecard import Difference

if TYPE_CHECKING:
    from faqtune.compare.mix import LayerMix

GUARD = "recall@1"


APPLIED, NOT_CONFIRMED, NOTHING_HELPS, BASE_IS_BEST, FORGETS = (
    "applied", "not confirmed", "nothing helps", "the base is best", "forgets too much",
)  # fmt: skip
"""What can come of a search."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What the search found. `coefficients` by layer: 0 the base's weights, 1 the tuned ones.

    `before` and `after` are the figures of the tuned model and of the mixture on the half that was searched
    on (optimistic), `confirmed` their differences on the other half, after minus before, with 95 % intervals;
    empty where nothing was to be confirmed. `forgetting` is what the base has more of AUROC on everyday sentences than
    the mixture, `forgetting_before` than the tuned model.
    `run` is the new run, "" if there is none.
    """

    source: str
    base: str
    verdict: str
    metric: str
    coefficients: dict[str, float]
    tried: int
    searched_on: dict[str, int]
    before: dict[str, float]
    after: dict[str, float]
    confirmed_on: dict[str, int]
    confirmed: dict[str, dict[str, float]]
    forgetting: dict[str, float]
    forgetting_before: float
    forgetting_budget: float
    run: str = ""
    model: str = ""
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class LayerSearch:
    """One search: the `mix` that is moved, what is measured on which half, what the base's general ability is."""

    mix: LayerMix
    source: Run
    halves: tuple[EvaluationSet, EvaluationSet]
    ability: GeneralAbility
    budget: float
    resamples: int
    tried: Tried
    reporter: Reporter

    @property
    def metric(self) -> str:
        """OSCR@5%, or AUROC where the halves have too little noise for it."""
        enough = all(supports_oscr(5, len(half.negatives)) for half in self.halves)
        return "oscr@5" if enough else "auroc"

    def at(self, coefficients: Coefficients) -> ReportingEncoder:
        """The model with these coefficients."""
        return ReportingEncoder(self.mix.move_to(coefficients), Silent(), in_words(self.mix.layers, coefficients))

    def run(self) -> tuple[Coefficients, Applied]:
        """Search on the first half, confirm on the second. The outcome has no run yet."""
        layers = self.mix.layers
        most = most_tried(len(layers))
        if self.tried.values:
            self.reporter.say(f"going on after {len(self.tried.values)} mixtures")
        self.reporter.say(f"searching over {len(layers)} layers: at most {most} mixtures are measured")
        value, forgotten = remembering(
            self.tried, self._measured, self._forgotten, layers, self.metric, most, self.reporter
        )
        best = descend(len(layers), value, forgotten, self.budget)
        self.reporter.advance("mixtures measured", most, most)
        start = (1.0,) * len(layers)
        lost = forgetting(self.ability, general_ability(self.at(best)), resamples=self.resamples)
        outcome = Applied(
            source=self.source.name,
            base=self.source.base,
            verdict=self._unconfirmed(best, lost.value),
            metric=self.metric,
            coefficients=dict(zip(layers, best, strict=True)),
            tried=len(self.tried.values),
            searched_on=_counts(self.halves[0]),
            before=self._named(value(start)),
            after=self._named(value(best)),
            confirmed_on=_counts(self.halves[1]),
            confirmed={},
            forgetting=lost.model_dump(),
            forgetting_before=forgotten(start),
            forgetting_budget=self.budget,
        )
        return best, self._confirmed(best, outcome) if outcome.verdict == NOT_CONFIRMED else outcome

    def _unconfirmed(self, best: Coefficients, lost: float) -> str:
        if lost > self.budget:
            return FORGETS
        if all(coefficient == 1 for coefficient in best):
            return NOTHING_HELPS
        return NOT_CONFIRMED if any(best) else BASE_IS_BEST

    def _confirmed(self, best: Coefficients, outcome: Applied) -> Applied:
        self.reporter.say("confirming on the other half")
        tuned = evaluate(self.at((1.0,) * len(best)), self.halves[1])
        mixture = evaluate(self.at(best), self.halves[1])
        differences = compare(tuned, mixture, resamples=self.resamples).differences
        kept = {name: differences[name] for name in (self.metric, GUARD) if name in differences}
        is_held = holds_up(
            kept.get(self.metric), kept.get(GUARD), forgets_too_much=outcome.forgetting_before > self.budget
        )
        return replace(
            outcome,
            verdict=APPLIED if is_held else NOT_CONFIRMED,
            confirmed={name: found.model_dump() for name, found in kept.items()},
        )

    def _measured(self, coefficients: Coefficients) -> Values:
        from faqtune.train.selection import figure

        figures = point_figures(evaluate(self.at(coefficients), self.halves[0]))
        return figure(figures, self.metric), figure(figures, GUARD)

    def _named(self, values: Values) -> dict[str, float]:
        return dict(zip((self.metric, GUARD), values, strict=True))

    def _forgotten(self, coefficients: Coefficients) -> float:
        return self.ability.auroc - general_ability(self.at(coefficients)).auroc


def holds_up(metric: Difference | None, guard: Difference | None, *, forgets_too_much: bool) -> bool:
    """Whether a mixture is good on data that it was not chosen on: the metric higher, the guard not clearly lower.

    Where the tuned model forgets too much, it is enough that the metric is not clearly lower either.
    """
    if metric is None or (guard is not None and guard.high < 0):
        return False
    return metric.high >= 0 if forgets_too_much else metric.value > 0


def _counts(data: EvaluationSet) -> dict[str, int]:
    return {"queries": len(data.positives), "noise": len(data.negatives)}
