"""Categories and entries one by one, with intervals for small counts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import binomtest

from faqtune.evaluate import Negative, Outcomes, Positive, scorecard
from faqtune.evaluate.slices import by_category, by_entry, units, wilson
from faqtune.records import Catalogue


@pytest.mark.parametrize(("hits", "rows"), [(0, 1), (1, 1), (3, 7), (50, 100), (0, 300)])
def test_the_interval_is_wilsons(hits: int, rows: int):
    found = wilson(hits, rows, rows)
    theirs = binomtest(hits, rows).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert found.low <= found.value <= found.high


def test_queries_of_one_conversation_count_once():
    assert wilson(10, 20, 4).high == pytest.approx(binomtest(2, 4).proportion_ci(method="wilson").high)
    assert units(["a", "a", "", "", "b"]) == 4


def test_the_interval_covers_the_truth_as_often_as_it_says_where_conversations_are_alike():
    """400 draws of 20 conversations of 5 queries, all right or all wrong together."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        right = int((rng.random(20) < 0.7).sum()) * 5
        found = wilson(right, 100, 20)
        covered += found.low <= 0.7 <= found.high
    assert covered >= 400 * 0.95 - 3 * np.sqrt(400 * 0.05 * 0.95)


@pytest.fixture
def found(shop) -> Outcomes:
    entries = [dataclasses.replace(e, category="order" if e.id in ("ship", "address") else "") for e in shop.catalogue]
    data = dataclasses.replace(shop, catalogue=Catalogue(tuple(entries)))
    ranks = np.array([1, 1, 0, 1, 2, 1, 1, 3, 4, 6])
    scores = np.array([0.95, 0.85, 0.85, 0.75, 0.75, 0.65, 0.35, 0.55, 0.45, 0.25], dtype=np.float32)
    best = np.where(ranks == 1, data.entry_rows, (data.entry_rows + 1) % 5)
    noise = np.linspace(0.9, 0, 10, dtype=np.float32)
    return Outcomes("m", data, ranks, best, scores, scores, noise, threshold_cosine=0.75)


def test_categories_and_entries_by_hand(found: Outcomes):
    (order,) = by_category(found)
    # ship 1 1 0 and address 0 0, in conversations c1, c1, c2, c6, c7.
    assert (order.id, order.queries, order.conversations, order.right.value) == ("order", 5, 4, 0.4)
    assert order.answered is not None and order.answered.value == 0.6
    assert order.precision is not None and order.precision.value == pytest.approx(2 / 3)
    by_id = {each.id: each for each in by_entry(found)}
    assert set(by_id) == {"ship", "return", "invoice", "coupon", "address"}
    assert by_entry(found)[0].id == "ship"
    assert by_id["ship"].name == "什么时候发货" and by_id["ship"].right.value == pytest.approx(2 / 3)
    assert by_id["invoice"].answered is not None and by_id["invoice"].answered.value == 0
    assert by_id["invoice"].precision is None, "nothing of it is answered"


def test_without_a_threshold_only_ranking_is_said(found: Outcomes):
    silent = dataclasses.replace(found, threshold_cosine=None)
    assert all(each.answered is None and each.precision is None for each in by_entry(silent))


def test_generated_garbage_counts_for_its_own_stratum_only(found: Outcomes):
    generated = tuple(Negative(f"#{n}", "garbage", generated=True) for n in range(10))
    data = dataclasses.replace(found.data, negatives=(*found.data.negatives, *generated))
    more = dataclasses.replace(found, data=data, noise_scores=np.r_[found.noise_scores, np.zeros(10, np.float32)])
    before, after = scorecard(found, resamples=100).figures, scorecard(more, resamples=100).figures
    assert after["auroc"].value == before["auroc"].value and after["auroc"].n == 10
    assert after["auroc/garbage"].n == 13 and after["accepted"].value == before["accepted"].value
    assert data.digest() != found.data.digest()


def test_worst_and_examples(found: Outcomes):
    card = scorecard(dataclasses.replace(found, noise_best=np.zeros(10, int)), resamples=100)
    assert [round(each.score, 2) for each in card.worst_accepted] == [0.9, 0.8]
    assert card.worst_accepted[0].kind == "chatter" and card.worst_accepted[0].expected == ""
    assert [round(each.score, 2) for each in card.worst_rejected] == [0.25, 0.35, 0.45, 0.55, 0.65]
    assert card.worst_rejected[1].is_right and not card.worst_rejected[0].is_right


def test_confusions_that_look_like_one_entry_are_proposed_for_merging(shop, tuned):
    """`ship` written twice: its queries go to whichever stands first, and the answers are the same."""
    from faqtune.evaluate import evaluate

    twin = dataclasses.replace(shop.catalogue.entries[0], id="ship again")
    catalogue = Catalogue((*shop.catalogue.entries, twin))
    positives = (
        *shop.positives,
        Positive("什么时候发货", "ship again", "c9"),
        Positive("几天能发货", "ship again", "c9"),
    )
    found = evaluate(tuned, dataclasses.replace(shop, catalogue=catalogue, positives=positives), details=True)

    proposed = [each for each in found.confusions if each.merge]
    assert [(each.a, each.b, each.b_as_a, each.asked_b) for each in proposed] == [("ship", "ship again", 2, 2)]
    assert proposed[0].similarity == pytest.approx(1, abs=1e-4)
    wrong = int((found.ranks != 1).sum())
    assert sum(each.a_as_b + each.b_as_a for each in found.confusions) == wrong
    assert evaluate(tuned, shop).confusions == ()
