from __future__ import annotations

import numpy as np
import pytest

from faqtune.evaluate import EvaluationSet, Outcomes, evaluate
from faqtune.evaluate.operating import MOST_STEPS, operating_points


@pytest.fixture
def outcomes(tuned, shop: EvaluationSet) -> Outcomes:
    return evaluate(tuned, shop, threshold_cosine=0.31)


def test_every_share_is_what_a_loop_counts(outcomes: Outcomes) -> None:
    points = operating_points(outcomes, resamples=50)
    for place, threshold in enumerate(points.thresholds_cosine):
        right = wrong = noise = 0
        for rank, score in zip(outcomes.ranks, outcomes.scores, strict=True):
            if score >= threshold:
                right += rank == 1
                wrong += rank != 1
        noise = sum(score >= threshold for score in outcomes.noise_scores)
        shares = {name: share.value[place] for name, share in points.shares.items()}
        assert shares["right"] == pytest.approx(right / len(outcomes.ranks), abs=1e-6)
        assert shares["wrong"] == pytest.approx(wrong / len(outcomes.ranks), abs=1e-6)
        assert shares["accepted"] == pytest.approx(noise / len(outcomes.noise_scores), abs=1e-6)
        answered = right + wrong
        assert shares["answered"] == pytest.approx(answered / len(outcomes.ranks), abs=1e-6)
        assert shares["passed_on"] == pytest.approx(1 - answered / len(outcomes.ranks), abs=1e-6)
        assert shares["risk"] == (pytest.approx(wrong / answered, abs=1e-6) if answered else None)
        assert shares["precision"] == (pytest.approx(right / answered, abs=1e-6) if answered else None)


def test_shares_of_one_kind_of_noise_add_up_to_all(outcomes: Outcomes) -> None:
    points = operating_points(outcomes, resamples=20)
    rows = {f"accepted/{name}": len(found) for name, found in outcomes.data.noise_rows.items()}
    for place in range(len(points.thresholds_cosine)):
        added = sum(points.shares[name].value[place] * count for name, count in rows.items())  # type: ignore[operator]
        assert added / sum(rows.values()) == pytest.approx(points.shares["accepted"].value[place], abs=1e-5)


def test_thresholds_rise_cover_all_scores_and_hold_the_models_own(outcomes: Outcomes) -> None:
    points = operating_points(outcomes, resamples=20)
    thresholds = points.thresholds_cosine
    scores = np.r_[outcomes.scores, outcomes.noise_scores]
    assert list(thresholds) == sorted(set(thresholds))
    assert thresholds[0] <= scores.min() and thresholds[-1] > scores.max()
    assert len(thresholds) <= MOST_STEPS + 3
    assert any(np.float32(threshold) == np.float32(0.31) for threshold in thresholds)


def test_intervals_hold_their_value(outcomes: Outcomes) -> None:
    for share in operating_points(outcomes, resamples=200).shares.values():
        for value, low, high in zip(share.value, share.low, share.high, strict=True):
            if value is not None and low is not None and high is not None:
                assert low - 1e-6 <= value <= high + 1e-6


def test_texts_are_measured_ones_with_their_score_from_high_to_low(outcomes: Outcomes) -> None:
    points = operating_points(outcomes, resamples=20)
    of_text = dict(zip((p.text for p in outcomes.data.positives), outcomes.scores, strict=True))
    of_text |= dict(zip((n.text for n in outcomes.data.negatives), outcomes.noise_scores, strict=True))
    assert [text.score for text in points.texts] == sorted((text.score for text in points.texts), reverse=True)
    assert {text.text for text in points.texts} == set(of_text)
    assert all(text.score == pytest.approx(of_text[text.text]) for text in points.texts)
    assert points.texts_in_all == len(outcomes.scores) + len(outcomes.noise_scores)
    for text in points.texts:
        if text.kind in ("right", "wrong"):
            assert (text.found == text.expected) == (text.kind == "right")


def test_what_leads_by_too_little_is_answered_at_no_threshold(tuned, shop: EvaluationSet) -> None:
    outcomes = evaluate(tuned, shop, threshold_cosine=0.31, margin_cosine=0.05)
    assert outcomes.margins is not None
    leading = outcomes.margins >= np.float32(0.05)
    assert 0 < leading.sum() < len(leading)
    points = operating_points(outcomes, resamples=20)
    assert points.shares["answered"].value[0] == pytest.approx(leading.mean(), abs=1e-6)
    own = next(row for row, value in enumerate(points.thresholds_cosine) if np.float32(value) == np.float32(0.31))
    assert points.shares["answered"].value[own] == pytest.approx(outcomes.answered.mean(), abs=1e-6)
    assert points.shares["accepted"].value[own] == pytest.approx(outcomes.accepted.mean(), abs=1e-6)


def test_without_noise_only_the_queries_are_counted(tuned, shop: EvaluationSet) -> None:
    quiet = EvaluationSet(shop.positives, (), shop.catalogue, "test")
    points = operating_points(evaluate(tuned, quiet), resamples=20)
    assert set(points.shares) == {"right", "wrong", "answered", "passed_on", "precision", "risk"}
