"""Is the estimate right where the truth is known? Replies are drawn right or wrong, and it is not told which."""

import numpy as np
import pytest

from faqtune.label import Evidence
from faqtune.label.confidence import PRIOR_REPLIES, estimate, stock_reply_factor

QUERY_TOP = 5


def evidence_of(cosine, agrees, decoy_rate):
    n = len(cosine)
    return Evidence(
        similarity=np.asarray(cosine, dtype=np.float32),
        margin=np.zeros(n, dtype=np.float32),
        entries=np.zeros((n, 1), dtype=np.int64),
        places=np.where(agrees, 0, QUERY_TOP)[:, None],
        decoy_rate=np.asarray(decoy_rate, dtype=float),
        query_top=QUERY_TOP,
    )


def drawn(seed, n, share_right, found_if_right, found_by_chance):
    """Exchanges, and which replies are right. A query finds the entry of a right reply with one
    probability; decoys, and entries of wrong replies, with another."""
    random = np.random.default_rng(seed)
    cosine = random.uniform(0.8, 1.0, n)
    right = random.random(n) < share_right(cosine)
    agrees = random.random(n) < np.where(right, found_if_right, found_by_chance)
    decoys = random.random((n, 2)) < found_by_chance
    return evidence_of(cosine, agrees, decoys.mean(axis=1)), right


def rising(low, high):
    return lambda cosine: low + (high - low) * (cosine - 0.8) / 0.2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("share_right", "found_if_right", "found_by_chance"),
    [
        (rising(0.0, 1.0), 0.9, 0.2),
        (rising(0.0, 1.0), 0.95, 0.05),
        (rising(0.3, 0.9), 0.85, 0.1),
        # As on real logs: even the best replies mislead, and other entries of the topic are often found.
        (rising(0.0, 0.7), 0.92, 0.27),
    ],
)
def test_the_estimate_is_the_truth(seed, share_right, found_if_right, found_by_chance):
    evidence, right = drawn(seed, 20_000, share_right, found_if_right, found_by_chance)
    bins, probability = estimate(evidence, np.ones(20_000))
    agrees = evidence.agrees
    assert probability[agrees].mean() == pytest.approx(right[agrees].mean(), abs=0.04)
    for row in bins:
        inside = agrees & (evidence.similarity >= row.low) & (evidence.similarity < row.high)
        error_of_truth = 2 * (0.25 / inside.sum()) ** 0.5
        assert row.precision == pytest.approx(right[inside].mean(), abs=0.06 + error_of_truth)


@pytest.mark.parametrize("seed", range(3))
def test_without_the_query_the_estimate_is_the_share_of_right_replies(seed):
    evidence, right = drawn(seed, 20_000, rising(0.0, 1.0), 0.9, 0.2)
    _, probability = estimate(evidence, np.ones(20_000), both_sides=False)
    assert probability.mean() == pytest.approx(right.mean(), abs=0.05)
    assert probability[~evidence.agrees].min() >= 0
    assert probability[~evidence.agrees].max() > 0.5


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("found_by_chance", [0.04, 0.25, 0.5, 0.9])
def test_replies_that_have_nothing_to_do_with_the_query_fool_nobody(seed, found_by_chance):
    """Neither where agreement by chance is rare nor where it is common (a small catalogue)."""
    evidence, _ = drawn(seed, 3_000, rising(0.0, 0.0), 0.9, found_by_chance)
    _, probability = estimate(evidence, np.ones(3_000))
    assert probability[evidence.agrees].mean() < 0.2


def test_twelve_exchanges_prove_little():
    few, many = (evidence_of([0.9] * n, [True] * n, [0.2] * n) for n in (12, 1200))
    assert estimate(few, np.ones(12))[1].max() < estimate(many, np.ones(1200))[1].max() < 1


def test_by_hand():
    """One bin of 95: 59 agree, decoys are found once in five. With the five it is credited with,
    a = 60/100, so R = 0.8, r = 0.4/0.6 = 2/3, and 2/3 · 0.8 of 2/3 · 0.8 + 1/3 · 0.2 are right: 8/9."""
    evidence = evidence_of([0.9] * 95, [True] * 59 + [False] * 36, [0.5] * 38 + [0.0] * 57)
    bins, probability = estimate(evidence, np.ones(95))
    (only,) = bins
    assert only.precision == pytest.approx(8 / 9)
    assert (only.count, only.agreeing, only.decoy_rate) == (95, 59, pytest.approx(0.2))
    assert probability.tolist() == pytest.approx([8 / 9] * 59 + [0.0] * 36)
    (without,), _ = estimate(evidence, np.ones(95), both_sides=False)
    assert without.precision == pytest.approx(2 / 3)


def test_exchanges_without_trust_do_not_count():
    trusted, _ = drawn(0, 2_000, rising(0.0, 1.0), 0.9, 0.2)
    stock = evidence_of(trusted.similarity, [False] * 2_000, trusted.decoy_rate)
    both = evidence_of(
        np.tile(trusted.similarity, 2), np.r_[trusted.agrees, stock.agrees], np.tile(trusted.decoy_rate, 2)
    )
    alone = estimate(trusted, np.ones(2_000))[1]
    together = estimate(both, np.r_[np.ones(2_000), np.zeros(2_000)])[1][:2_000]
    assert together.mean() == pytest.approx(alone.mean(), abs=0.02)
    assert estimate(both, np.ones(4_000))[1][:2_000].mean() < alone.mean() - 0.03


def test_bins_hold_every_exchange_once_and_never_fall():
    evidence, _ = drawn(5, 1_234, rising(0.1, 0.9), 0.9, 0.2)
    bins, _ = estimate(evidence, np.ones(1_234), both_sides=False)
    assert sum(row.count for row in bins) == 1_234
    assert [row.high for row in bins[:-1]] == [row.low for row in bins[1:]]
    assert bins[0].low <= evidence.similarity.min()
    assert bins[-1].high > evidence.similarity.max()
    precisions = [row.precision for row in bins]
    assert precisions == sorted(precisions)


def test_replies_copied_from_the_catalogue_are_a_bin_of_their_own():
    """Their cosine is 1 up to rounding; they must not be judged with those that are merely similar."""
    copies = np.float32([0.9999999] * 8 + [1.0] * 40 + [1.0000001] * 12)
    evidence = evidence_of(np.r_[np.linspace(0.8, 0.97, 140), copies], [False] * 140 + [True] * 60, np.full(200, 0.1))
    bins, _ = estimate(evidence, np.ones(200))
    assert bins[-1].count == 60
    assert bins[-1].precision > 0.9 > bins[-2].precision


def naive_factor(replies, evidence):
    """Every exchange on its own, from all others with the same reply."""
    agrees, decoys = evidence.agrees.tolist(), evidence.decoy_rate.tolist()
    expected = max(0.5, sum(agrees) / len(agrees))
    usual = sum(decoys) / len(decoys)
    factors = []
    for number, reply in enumerate(replies):
        others = [n for n, other in enumerate(replies) if other == reply and n != number]
        size = len(others) + PRIOR_REPLIES
        rate = (sum(agrees[n] for n in others) + PRIOR_REPLIES * expected) / size
        chance = (sum(decoys[n] for n in others) + PRIOR_REPLIES * usual) / size
        factors.append(min(1.0, max(0.0, (rate - chance) / max(expected - chance, 0.1))))
    return factors


def test_the_stock_reply_factor_is_its_naive_twin():
    evidence, _ = drawn(1, 300, rising(0.2, 0.9), 0.9, 0.2)
    replies = [f"回复{number}" for number in np.random.default_rng(1).integers(0, 40, 300)]
    assert stock_reply_factor(replies, evidence).tolist() == pytest.approx(naive_factor(replies, evidence))


def test_a_stock_reply_counts_for_nothing_and_a_specific_one_in_full():
    """亲请核对一下收货地址 follows everything: it agrees as often as its decoys do."""
    random = np.random.default_rng(2)
    replies = ["亲，请核对一下收货地址"] * 200 + ["签收七天内可以退货"] * 30 + [f"只说过一次{n}" for n in range(30)]
    agrees = np.r_[random.random(200) < 0.15, random.random(60) < 0.9]
    evidence = evidence_of(np.full(260, 0.9), agrees, random.binomial(2, 0.15, 260) / 2)
    factor = stock_reply_factor(replies, evidence)
    assert factor[:200].max() < 0.15
    assert factor[200:230].min() > 0.9
    assert factor[230:].min() > 0.9


def test_a_reply_does_not_vouch_for_itself():
    """Two replies sent once each have the same factor, whether or not their own query agrees."""
    evidence = evidence_of([0.9] * 4, [True, False, True, True], [0.0, 1.0, 0.5, 0.0])
    one, other, *_ = stock_reply_factor(["甲甲甲甲", "乙乙乙乙", "丙丙丙丙", "丁丁丁丁"], evidence)
    assert one == other


def test_how_a_stock_reply_is_typed_does_not_hide_it():
    evidence = evidence_of([0.9] * 40, [False] * 40, [0.2] * 40)
    typed = [f"{ok}, please check{' ' * spaces}your address" for ok in ("OK", "ok") for spaces in range(1, 21)]
    assert stock_reply_factor(typed, evidence).max() < 0.15
