"""Promises that hold for data to come, as often as they say."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta

from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, Negative, Outcomes, Positive
from faqtune.evaluate.certify import MARGINS_COSINE, certify, contradicted, on_other_data
from faqtune.evaluate.risk import Risk, needed_units, p_value, upper_bound
from faqtune.records import Catalogue, Entry

CATALOGUE = Catalogue((Entry("ship", ("什么时候发货",), "48小时内"), Entry("return", ("怎么退货",), "七天")))


def outcomes_of(
    scores: np.ndarray,
    right: np.ndarray,
    noise: np.ndarray,
    groups: list[str] | None = None,
    stratum: str = "chatter",
    margins: tuple[np.ndarray, np.ndarray] | None = None,
) -> Outcomes:
    positives = tuple(Positive(f"q{n}", "ship", f"c{n}") for n in range(len(scores)))
    named = groups or [f"s{n}" for n in range(len(noise))]
    negatives = tuple(Negative(f"n{n}", stratum, group) for n, group in enumerate(named))  # type: ignore[arg-type]
    data = EvaluationSet(positives, negatives, CATALOGUE, "calibration")
    scores, noise = scores.astype(np.float32), noise.astype(np.float32)
    ranks = np.where(right, 1, 2).astype(np.int64)
    leads = {} if margins is None else {"margins": margins[0], "noise_margins": margins[1]}
    return Outcomes("model", data, ranks, np.zeros(len(scores), np.int64), scores, scores, noise, **leads)


def test_a_bound_on_coins_is_that_of_clopper_and_pearson():
    for failures, count in ((0, 59), (1, 100), (7, 40)):
        losses = np.r_[np.ones(failures), np.zeros(count - failures)]
        exact = beta.ppf(0.95, failures + 1, count - failures)
        assert upper_bound(losses, 0.05, single=True) == pytest.approx(exact, abs=1e-6)


def test_units_of_several_rows_get_the_wider_bound_even_where_all_their_losses_are_whole():
    losses = np.r_[np.ones(3), np.zeros(97)]
    assert upper_bound(losses, 0.05, single=False) > upper_bound(losses, 0.05, single=True)
    # No failure at all: both bounds are that of (1 - share)^n.
    assert p_value(np.zeros(50), 0.1, single=False) == pytest.approx(p_value(np.zeros(50), 0.1, single=True))


def test_the_rule_of_three():
    # 0 of 300: at most 1 % with 95 % confidence; and 299 are the least for it.
    assert upper_bound(np.zeros(300), 0.05, single=True) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert needed_units(0.01, 0.05) == 299
    assert p_value(np.zeros(299), 0.01, single=True) <= 0.05 < p_value(np.zeros(298), 0.01, single=True)


def test_a_bound_on_means_of_groups_is_wider_than_none_and_narrower_than_one():
    losses = np.array([0.5, 0.0, 0.25, 0.0] * 25)
    bound = upper_bound(losses, 0.05, single=False)
    assert losses.mean() < bound < 0.35
    assert p_value(losses, bound, single=False) == pytest.approx(0.05, abs=1e-3)


def test_the_threshold_lets_through_as_much_noise_as_can_be_promised_worked_out_by_hand():
    # 100 sentences with scores 0.00 to 0.99. At most 10 % with 95 %: binom.cdf(k, 100, 0.1) <= 0.05 for k <= 4.
    noise = np.arange(100) / 100
    found = certify(outcomes_of(np.array([0.9, 0.97]), np.array([True, True]), noise), {"noise/chatter": 0.1})
    (promise,) = found.promises
    assert found.threshold_cosine == pytest.approx(0.95, abs=1e-6) and found.threshold_cosine > np.float32(0.95)
    assert promise.observed == 0.04 and promise.is_kept and found.is_certified
    assert promise.bound == pytest.approx(beta.ppf(0.95, 5, 96))
    assert found.answered == 0.5


def test_a_promise_that_too_little_data_can_support_says_how_much_is_needed():
    noise = np.linspace(0, 1, 20)
    found = certify(outcomes_of(np.array([0.5]), np.array([True]), noise), {"noise/chatter": 0.01})
    (promise,) = found.promises
    assert not promise.is_kept and promise.needed == 299 and promise.units == 20
    assert promise.bound == pytest.approx(1 - 0.05 ** (1 / 20))
    assert promise.observed == 0.0  # nothing seen passes


def test_doubt_is_shared_out_among_promises():
    noise = np.arange(400) / 400
    scores, right = np.full(300, 0.99), np.ones(300, bool)
    alone = certify(outcomes_of(scores, right, noise), {"noise": 0.1}).threshold_cosine
    both = certify(outcomes_of(scores, right, noise), {"noise": 0.1, "wrong": 0.1}).threshold_cosine
    assert both > alone


def test_right_answers_set_a_threshold_where_wrong_ones_score_low():
    scores = np.linspace(0, 1, 500)
    found = certify(outcomes_of(scores, scores > 0.4, np.array([0.1])), {"wrong": 0.05})
    assert 0.3 < found.threshold_cosine < 0.45 and found.is_certified
    assert Risk(outcomes_of(scores, scores > 0.4, np.array([0.1])), "wrong").at(0.9).sum() == 0


def test_a_model_that_is_mostly_wrong_is_not_certified():
    scores = np.linspace(0, 1, 200)
    found = certify(outcomes_of(scores, np.arange(200) % 2 == 0, np.array([0.1])), {"wrong": 0.05})
    assert not found.is_certified and found.promises[0].bound > 0.05


def test_rejected_questions_are_judged_at_the_threshold_of_the_others():
    noise = np.arange(200) / 400  # up to 0.5
    scores = np.linspace(0.4, 1, 300)
    found = certify(outcomes_of(scores, np.ones(300, bool), noise), {"noise": 0.05, "rejected": 0.3})
    by_name = {promise.what: promise for promise in found.promises}
    assert by_name["rejected"].observed == pytest.approx(np.mean(scores.astype(np.float32) < found.threshold_cosine))
    assert by_name["rejected"].is_kept
    strict = certify(outcomes_of(scores, np.ones(300, bool), noise), {"noise": 0.05, "rejected": 0.01})
    assert not strict.is_certified


@pytest.mark.parametrize("rows_per_source", [1, 4])
def test_the_bound_on_noise_holds_as_often_as_promised(rows_per_source: int):
    """1,000 draws of calibration data; what truly passes is known, for scores are uniform."""
    chance, at_most, broken = np.random.default_rng(0), 0.1, 0
    sources = 120
    for _ in range(1000):
        # Sentences of a source are alike: half of a score is common to all of them.
        common = chance.random((sources, 1))
        own = chance.random((sources, rows_per_source))
        noise = (common if rows_per_source == 1 else (common + own) / 2).ravel()
        groups = [f"s{n // rows_per_source}" for n in range(noise.size)]
        found = certify(outcomes_of(np.array([0.5]), np.array([True]), noise, groups), {"noise": at_most}, 0.9)
        t = found.threshold_cosine
        # Of one uniform number, or of the mean of two.
        passes = 1 - t if rows_per_source == 1 else (2 * (1 - t) ** 2 if t > 0.5 else 1 - 2 * t**2)
        broken += passes > at_most
    assert broken <= 100 + 3 * math.sqrt(1000 * 0.1 * 0.9)
    assert broken > 0 or rows_per_source > 1  # exact where nothing hangs together: not idly cautious


def test_the_bound_on_wrong_answers_holds_as_often_as_promised():
    """The chance of being right rises with the score: right with probability `score`."""
    chance, at_most, broken, promised = np.random.default_rng(1), 0.2, 0, 0
    for _ in range(1000):
        scores = chance.random(250)
        right = chance.random(250) < scores
        found = certify(outcomes_of(scores, right, np.array([0.0])), {"wrong": at_most}, 0.9)
        if found.is_certified:
            promised += 1
            # Mean of 1 - s for s uniform above t.
            broken += (1 - found.threshold_cosine) / 2 > at_most
    assert promised > 700
    assert broken <= 100 + 3 * math.sqrt(1000 * 0.1 * 0.9)


def test_the_bound_on_wrong_answers_holds_where_they_are_as_frequent_at_every_score():
    """Nowhere is the promise true: what the strictest threshold does not show, the loosest must not show by a second
    try at the same doubt."""
    chance, at_most, kept = np.random.default_rng(3), 0.2, 0
    for _ in range(1000):
        scores, right = chance.random(250), chance.random(250) > at_most + 0.001
        kept += certify(outcomes_of(scores, right, np.array([0.0])), {"wrong": at_most}, 0.9).is_certified
    assert 0 < kept <= 100 + 3 * math.sqrt(1000 * 0.1 * 0.9)


def test_a_few_wrong_answers_at_the_very_top_do_not_hide_that_most_are_right():
    """The threshold that noise wants is tried by itself, with its fifth of the doubt, which is what the bound says."""
    scores = np.linspace(0, 1, 400)
    right = np.ones(400, bool)
    right[[390, 391, 392, 394, 396, 398]] = False
    (promise,) = certify(outcomes_of(scores, right, np.array([0.0])), {"wrong": 0.1}).promises
    assert promise.is_kept and promise.units == 400
    assert promise.bound == pytest.approx(beta.ppf(0.99, 7, 394))


def test_a_margin_is_taken_where_it_lets_more_be_answered_rightly():
    """Noise and wrong answers score as high as right ones, but only right ones lead clearly."""
    rng = np.random.default_rng(0)
    scores, noise = rng.random(600), rng.random(600)
    right = rng.random(600) < 0.6
    margins = (np.where(right, 0.2, 0.001), np.full(600, 0.001))
    found = outcomes_of(scores, right, noise, margins=margins)
    plain = certify(found, {"noise": 0.05, "wrong": 0.1})
    best = certify(found, {"noise": 0.05, "wrong": 0.1}, margins_cosine=MARGINS_COSINE)
    assert not plain.is_certified and best.is_certified
    assert best.margin_cosine == 0.01, "the smallest that does it"
    assert best.right == pytest.approx(right.mean(), abs=0.01) and best.answered == best.right
    assert best.margins_tried == MARGINS_COSINE and plain.margins_tried == (0.0,)


def test_trying_margins_costs_doubt():
    noise = np.arange(400) / 400
    found = outcomes_of(np.full(5, 0.9), np.ones(5, bool), noise, margins=(np.ones(5), np.ones(400)))
    once, several = (certify(found, {"noise": 0.1}, margins_cosine=tried) for tried in ((0.0,), MARGINS_COSINE))
    assert several.threshold_cosine > once.threshold_cosine
    assert several.threshold_cosine == certify(found, {"noise": 0.1}, 1 - 0.05 / 5).threshold_cosine


def test_bounds_hold_as_often_as_promised_for_the_margin_that_is_chosen():
    """1,000 draws; scores and leads of noise are uniform and independent, so that what truly passes is known."""
    chance, at_most, broken = np.random.default_rng(2), 0.1, 0
    grid = (0.0, 0.2, 0.4)
    for _ in range(1000):
        scores, right = chance.random(100), chance.random(100) < 0.7
        noise, leads = chance.random(150), chance.random(150)
        found = outcomes_of(scores, right, noise, margins=(chance.random(100), leads))
        made = certify(found, {"noise": at_most}, 0.9, grid)
        broken += (1 - made.threshold_cosine) * (1 - made.margin_cosine) > at_most
    assert 0 < broken <= 100 + 3 * math.sqrt(1000 * 0.1 * 0.9)


@pytest.mark.parametrize(
    ("at_most", "confidence", "message"),
    [
        ({}, 0.95, "nothing is promised"),
        ({"noise": 1.5}, 0.95, "150 % is no promise"),
        ({"wrong": 0.1, "rejected": 0.2}, 0.95, "cannot be promised at once"),
        ({"noise": 0.1}, 1.0, "confidence of 100%"),
        ({"chatter": 0.1}, 0.95, "nothing can be promised of `chatter`"),
        ({"noise/unsupported": 0.1}, 0.95, "there is no unsupported"),
    ],
)
def test_what_is_no_promise_is_refused(at_most: dict[str, float], confidence: float, message: str):
    with pytest.raises(UserError, match=message):
        certify(outcomes_of(np.array([0.5]), np.array([True]), np.array([0.1])), at_most, confidence)


def test_a_promise_is_not_broken_by_the_very_data_that_kept_it():
    """Promises are means over conversations: by rows, twenty long ones with wrong answers would be a third of all."""
    groups = [*(f"one {n}" for n in range(380)), *(f"ten {n % 20}" for n in range(200))]
    made = outcomes_of(np.full(580, 0.9), np.arange(580) < 380, np.zeros(5))
    positives = tuple(replace(each, group=group) for each, group in zip(made.data.positives, groups, strict=True))
    outcomes = replace(made, data=replace(made.data, positives=positives))
    certified = certify(outcomes, {"wrong": 0.1})
    (promise,) = certified.promises
    seen = on_other_data(outcomes, ["wrong"], certified.threshold_cosine)
    assert promise.is_kept and seen["wrong"][0] == pytest.approx(promise.observed) == pytest.approx(0.05)
    assert 0 < seen["wrong"][1] < 0.05 < seen["wrong"][2] < 0.1 and not contradicted({"wrong": 0.1}, seen)
    assert contradicted({"wrong": 0.02}, seen) == seen
    assert on_other_data(outcomes, ["noise/other_domain"], 0.5) == {}
