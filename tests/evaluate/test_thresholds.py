"""Thresholds keep their promise on the data that set them, and are refused there as a measure."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, Negative, Positive, calibrate, evaluate, measure, threshold_for
from faqtune.evaluate.figures import figures
from faqtune.evaluate.outcomes import Outcomes
from faqtune.evaluate.slices import wilson
from faqtune.evaluate.tallies import once
from faqtune.records import Catalogue, Entry

CATALOGUE = Catalogue((Entry("ship", ("什么时候发货",), "48小时内"),))


def outcomes_of(queries, noise):
    data = EvaluationSet(
        tuple(Positive(f"q{row}", "ship") for row in range(len(queries))),
        tuple(Negative(f"n{row}", "chatter") for row in range(len(noise))),
        CATALOGUE,
        "calibration",
    )
    scores = np.array(queries, dtype=np.float32)
    first = np.ones(len(queries), dtype=int)
    return Outcomes("m", data, first, first - 1, scores, scores, np.array(noise, dtype=np.float32))


def test_by_hand():
    """20 noise sentences 0.05 … 1.0: one may pass. Halfway from the second, 0.95, to the query above it, 0.97."""
    found = calibrate(outcomes_of([0.97, 0.99, 0.5, 0.2], [row / 20 for row in range(1, 21)]), query_percent=75)
    assert found.threshold_cosine == pytest.approx(0.96)
    assert found.accepting_cosine == pytest.approx(0.5)
    assert (found.queries, found.noise, found.noise_percent, found.query_percent) == (4, 20, 5, 75)
    assert (found.noise_accepted, found.noise_sources) == (1, 20)


@pytest.mark.parametrize("noise", [12, 50, 313])
def test_the_range_that_is_told_holds_what_new_noise_does(noise):
    """Noise uniform in 0 to 1, so that the share of new noise which passes is 1 minus the threshold."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        found = calibrate(outcomes_of([0.0, 1.0], rng.random(noise)))
        share = wilson(found.noise_accepted, found.noise, found.noise_sources)
        held.append(share.low <= 1 - found.threshold_cosine <= share.high)
    assert np.mean(held) >= 0.92


def test_noise_of_one_source_counts_once():
    data = outcomes_of([0.9], [0.1, 0.2, 0.3, 0.4])
    negatives = [dataclasses.replace(n, group="" if row else "chat") for row, n in enumerate(data.data.negatives)]
    negatives[1] = dataclasses.replace(negatives[1], group="chat")
    found = calibrate(dataclasses.replace(data, data=dataclasses.replace(data.data, negatives=tuple(negatives))))
    assert found.noise_sources == 3 and found.set_on.sources == 3 and found.set_on.noise == 4


SCORES = st.lists(st.integers(-5, 5).map(lambda tenths: tenths / 10), min_size=1, max_size=30)


@given(SCORES, SCORES, st.integers(0, 99), st.integers(1, 100))
def test_both_promises_hold_on_the_calibration_data_and_no_better_score_keeps_them(queries, noise, few, many):
    found = calibrate(outcomes_of(queries, noise), noise_percent=few, query_percent=many)
    queries, noise = np.array(queries, dtype=np.float32), np.array(noise, dtype=np.float32)

    def let_through(threshold):
        return 100 * np.count_nonzero(noise >= threshold)

    def accepted(threshold):
        return 100 * np.count_nonzero(queries >= threshold)

    observed = {*queries.tolist(), *noise.tolist()}
    assert let_through(found.threshold_cosine) <= few * len(noise)
    assert all(let_through(score) > few * len(noise) for score in observed if score < found.threshold_cosine)
    assert accepted(found.accepting_cosine) >= many * len(queries)
    assert all(accepted(score) < many * len(queries) for score in observed if score > found.accepting_cosine)


@given(SCORES, SCORES, st.sampled_from([1, 5, 10]))
def test_at_its_own_threshold_a_model_answers_rightly_what_oscr_says(queries, noise, percent):
    before = outcomes_of(queries, noise * 100)
    found = calibrate(before, noise_percent=percent)
    at = dataclasses.replace(before, threshold_cosine=found.threshold_cosine)
    value = figures(at, once(len(queries) + 100 * len(noise)))
    assert value["answered"] == value[f"oscr@{percent}"], "every query is ranked rightly here"
    assert value["accepted"] <= percent / 100


@given(SCORES, SCORES)
def test_a_text_that_is_answered_still_is_when_its_cosine_moves_by_its_last_digit(queries, noise):
    found = calibrate(outcomes_of(queries, noise))
    scores = np.array([*queries, *noise], dtype=np.float32)
    nudged = np.nextafter(scores, np.float32(-1))
    np.testing.assert_array_equal(scores >= found.threshold_cosine, nudged >= found.threshold_cosine)


@pytest.mark.parametrize("query", [np.nextafter(np.float32(0.9), np.float32(1)), np.float32(1)])
def test_noise_is_stopped_however_near_the_query_above_it_is(query):
    found = calibrate(outcomes_of([query], [0.9]))
    assert np.float32(0.9) < found.threshold_cosine <= query


def test_when_no_score_keeps_the_promise_nothing_is_answered():
    found = calibrate(outcomes_of([0.5, 0.9], [0.9] * 10))
    assert found.threshold_cosine > np.float32(0.9)


def test_figures_at_a_threshold_are_refused_on_the_data_that_set_it(shop, base):
    thresholds = calibrate(evaluate(base, shop))
    base.encoded.clear()
    with pytest.raises(UserError, match="was set on this data"):
        measure(base, dataclasses.replace(shop, part="another name"), thresholds=thresholds)
    assert not base.encoded, "refused before any work"


def test_a_threshold_is_refused_for_another_model(shop, base, tuned):
    calibration = dataclasses.replace(shop, positives=shop.positives[:5], part="calibration")
    thresholds = calibrate(evaluate(base, calibration))
    assert threshold_for(thresholds, base.name, shop) == thresholds.threshold_cosine
    with pytest.raises(UserError, match=r"1-grams, not for 3-grams"):
        measure(tuned, shop, thresholds=thresholds)


def test_figures_at_a_threshold_set_elsewhere(shop, base):
    calibration = dataclasses.replace(shop, positives=shop.positives[:5], part="calibration")
    thresholds = calibrate(evaluate(base, calibration), noise_percent=20)
    card = measure(base, shop, resamples=50, thresholds=thresholds)
    assert card.threshold_cosine == thresholds.threshold_cosine
    assert card.figures["accepted"].value == 0.2
    found = evaluate(base, shop)
    answered = [score >= np.float32(thresholds.threshold_cosine) for score in found.scores]
    assert card.figures["answered"].value == sum(answered) / 10


def test_no_threshold_without_noise(shop, base):
    with pytest.raises(UserError, match="no noise"):
        calibrate(evaluate(base, dataclasses.replace(shop, negatives=())))


@pytest.mark.parametrize("shares", [{"noise_percent": 100}, {"noise_percent": -1}, {"query_percent": 0}])
def test_impossible_shares_are_refused(shop, base, shares):
    with pytest.raises(UserError, match="cannot be asked for"):
        calibrate(evaluate(base, shop), **shares)
