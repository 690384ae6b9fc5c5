"""From scores to probabilities: against scikit-learn, plain loops, and on data whose truth is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from faqtune.evaluate import EvaluationSet, Negative, Outcomes, Positive, scorecard
from faqtune.evaluate.probability import (
    CalibrationError,
    ProbabilityMap,
    half_and_half,
    platt,
    probability_map,
    reliability,
)
from faqtune.evaluate.tallies import once
from faqtune.records import Catalogue, Entry

CATALOGUE = Catalogue((Entry("ship", ("什么时候发货",), "48小时内"), Entry("return", ("怎么退货",), "七天")))


def drawn(queries: int, noise: int, seed: int) -> Outcomes:
    """Right with a chance that rises with the score; noise lower."""
    rng = np.random.default_rng(seed)
    scores = rng.random(queries).astype(np.float32)
    right = rng.random(queries) < scores
    positives = tuple(Positive(f"q{n}", "ship", f"c{n // 2}") for n in range(queries))
    negatives = tuple(Negative(f"n{n}", "chatter", f"s{n}") for n in range(noise))
    data = EvaluationSet(positives, negatives, CATALOGUE, "calibration")
    noise_scores = (rng.random(noise) * 0.6).astype(np.float32)
    return Outcomes("m", data, np.where(right, 1, 2), np.zeros(queries, int), scores, scores, noise_scores)


def test_the_sigmoid_is_that_of_a_logistic_regression_on_platts_targets():
    found = drawn(200, 300, 1)
    scores, right, weights = half_and_half(found)
    weights = weights * len(scores)
    slope, intercept = platt(scores, right, weights)
    positive, negative = weights @ right, weights @ (1 - right)
    target = np.where(right > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))
    # A target t is a right answer of weight t and a wrong one of weight 1 - t.
    theirs = LogisticRegression(C=1e12, tol=1e-12, max_iter=10_000).fit(
        np.r_[scores, scores][:, None],
        np.r_[np.ones(len(scores)), np.zeros(len(scores))],
        sample_weight=np.r_[weights * target, weights * (1 - target)],
    )
    assert slope == pytest.approx(theirs.coef_.item(), rel=1e-5)
    assert intercept == pytest.approx(theirs.intercept_.item(), rel=1e-5)


def test_perfectly_separate_scores_have_an_end_and_falling_ones_no_slope():
    scores, right = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0, 1, 1])
    slope, _ = platt(scores, right, np.ones(4))
    assert 0 < slope < 100
    slope, intercept = platt(scores, 1 - right, np.ones(4))
    assert slope == 0 and 1 / (1 + np.exp(-intercept)) == pytest.approx(0.5)


def test_few_texts_get_a_sigmoid_and_many_the_steps_of_scikit_learn():
    few = probability_map(drawn(100, 100, 2))
    assert few is not None and few.kind == "sigmoid"
    found = drawn(700, 700, 3)
    many = probability_map(found)
    assert many is not None and many.kind == "isotonic"
    scores, right, weights = half_and_half(found)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, right, sample_weight=weights)
    asked = np.linspace(-1, 1, 301)
    assert many.of(asked) == pytest.approx(theirs.predict(asked), abs=1e-9)
    assert np.all(np.diff(many.of(asked)) >= 0) and np.all(np.diff(few.of(asked)) >= 0)


def test_probabilities_come_true():
    """Set on one draw of 4,000, true on another to two points on average, and to ten in each bin."""
    made = probability_map(drawn(4000, 4000, 4))
    fresh = dataclasses.replace(drawn(20_000, 20_000, 5), probability=made)
    assert CalibrationError(fresh)(once(20_000), once(20_000)).item() < 0.02
    for each in reliability(fresh):
        assert each.low <= each.predicted <= each.high
        if each.observed.n > 500:
            assert each.observed.value == pytest.approx(each.predicted, abs=0.1)


def test_the_error_is_its_naive_twin():
    found = drawn(90, 60, 6)
    found = dataclasses.replace(found, probability=probability_map(drawn(90, 60, 7)))
    scores, right, weights = half_and_half(found)
    error = 0.0
    for low in np.arange(10) / 10:
        inside = [n for n, s in enumerate(scores) if low <= found.probability.of(np.array([s])).item() < low + 0.1]
        if inside:
            total = sum(weights[n] for n in inside)
            said = sum(weights[n] * found.probability.of(scores[n : n + 1]).item() for n in inside) / total
            true = sum(weights[n] * right[n] for n in inside) / total
            error += total * abs(said - true)
    assert CalibrationError(found)(once(90), once(60)).item() == pytest.approx(error, abs=1e-9)
    card = scorecard(found, resamples=100)
    figure = card.figures["ece"]
    assert figure.value == pytest.approx(error, abs=1e-9) and figure.low <= figure.value <= figure.high
    assert sum(each.observed.n for each in card.reliability) == 150


def test_without_noise_or_with_one_kind_of_answer_there_is_no_map():
    found = drawn(50, 50, 8)
    alone = dataclasses.replace(found, data=dataclasses.replace(found.data, negatives=()), noise_scores=np.zeros(0))
    assert probability_map(alone) is None
    assert probability_map(dataclasses.replace(found, ranks=np.full(50, 2))) is None


def test_a_map_survives_json():
    made = probability_map(drawn(700, 700, 9))
    assert made is not None and ProbabilityMap.model_validate_json(made.model_dump_json()) == made
