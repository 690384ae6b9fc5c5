"""How good a model is, with honest intervals.

An `EvaluationSet` (labelled queries, noise, catalogue) and an encoder give `Outcomes`; from
outcomes come the figures of SPEC §4, bootstrapped by conversation, as a `Scorecard`; from the
outcomes of two models on the same data a paired `Comparison`. `calibrate` sets the answer
threshold on the calibration part, `general_ability` shows what tuning costs on everyday sentences,
and `format_comparison` puts the figures into words.
"""

from faqtune.evaluate.examples import EvaluationSet, Negative, Positive
from faqtune.evaluate.figures import point_figures, right_by_entry
from faqtune.evaluate.garbage import garbage, with_garbage
from faqtune.evaluate.general import GeneralAbility, forgetting, general_ability, general_figures
from faqtune.evaluate.halves import halved
from faqtune.evaluate.outcomes import Outcomes, evaluate, indifferent
from faqtune.evaluate.probability import ProbabilityMap, probability_map
from faqtune.evaluate.sampled import Sampled, sampled, sampled_difference
from faqtune.evaluate.score import compare, compare_all, measure, scorecard
from faqtune.evaluate.table import (
    Table,
    difference_mark,
    format_comparison,
    format_models,
    format_scorecard,
    markdown,
    plain_text,
)
from faqtune.evaluate.thresholds import Thresholds, calibrate, threshold_for

__all__ = [
    "EvaluationSet",
    "GeneralAbility",
    "Negative",
    "Outcomes",
    "Positive",
    "ProbabilityMap",
    "Sampled",
    "Table",
    "Thresholds",
    "calibrate",
    "compare",
    "compare_all",
    "difference_mark",
    "evaluate",
    "forgetting",
    "format_comparison",
    "format_models",
    "format_scorecard",
    "garbage",
    "general_ability",
    "general_figures",
    "halved",
    "indifferent",
    "markdown",
    "measure",
    "plain_text",
    "point_figures",
    "probability_map",
    "right_by_entry",
    "sampled",
    "sampled_difference",
    "scorecard",
    "threshold_for",
    "with_garbage",
]
