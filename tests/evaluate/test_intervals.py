"""Resampling keeps groups whole, covers what it promises, and tests differences honestly."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.evaluate import intervals
from faqtune.evaluate.intervals import bootstrap, holm, interval, paired, plan, resample, sign_flip_p
from faqtune.evaluate.metrics import mean
from faqtune.scorecard import Difference

GROUPS = st.lists(st.tuples(st.sampled_from(["", "会话1", "会话2", "film", "music"]), st.integers(0, 3)), min_size=1)


@given(GROUPS, st.integers(0, 9))
def test_a_group_is_drawn_whole_or_not_at_all(rows, seed):
    groups, kinds = zip(*rows, strict=True)
    counts = np.concatenate(list(resample(plan(groups, kinds), 20, seed)), axis=1)
    for name in set(groups) - {""}:
        members = counts[[row for row, group in enumerate(groups) if group == name]]
        assert (members == members[0]).all()


@given(GROUPS, st.integers(0, 9))
def test_every_resample_draws_as_many_groups_of_each_block_as_there_are(rows, seed):
    groups, kinds = zip(*rows, strict=True)
    design = plan(groups, kinds)
    counts = np.concatenate(list(resample(design, 20, seed)), axis=1)
    first_rows = np.unique(design.group_of_row, return_index=True)[1]
    ends = np.cumsum(design.block_sizes)
    for start, end in zip(ends - design.block_sizes, ends, strict=True):
        assert (counts[first_rows[start:end]].sum(axis=0) == end - start).all()


def test_a_row_without_a_group_is_a_group_of_its_own():
    assert plan(["", "", "a", "a"], [0, 0, 0, 0]).block_sizes == (3,)


def test_draws_are_multinomial():
    """Ten groups: each is missing with chance 0.9^10 = 0.349 and counts once on average."""
    counts = np.concatenate(list(resample(plan([str(i) for i in range(10)], [0] * 10), 4000, 1)), axis=1)
    assert counts.mean() == 1
    assert (counts == 0).mean() == pytest.approx(0.9**10, abs=0.01)
    assert counts.var() == pytest.approx(0.9, abs=0.03)


def test_chunks_are_bounded_and_add_up(monkeypatch):
    monkeypatch.setattr(intervals, "CHUNK_CELLS", 200)
    chunks = list(resample(plan([""] * 10, [0] * 10), 53, 0))
    assert [chunk.shape for chunk in chunks] == [(10, 20), (10, 20), (10, 13)]


def test_the_same_seed_gives_the_same_resamples():
    design = plan([""] * 30, [0] * 30)
    first, second, other = (np.concatenate(list(resample(design, 50, seed)), axis=1) for seed in (4, 4, 5))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_intervals_cover_the_truth_only_when_conversations_are_kept_whole():
    """40 conversations of 1 to 8 queries; each conversation has its own chance of a hit, 0.7 on average."""
    rng = np.random.default_rng(11)
    covered = {"conversations": 0, "queries": 0}
    draws = 150
    for draw in range(draws):
        sizes = rng.integers(1, 9, 40)
        values = (rng.random(sizes.sum()) < np.repeat(rng.beta(1.4, 0.6, 40), sizes)).astype(float)
        groups = [str(group) for group in np.repeat(np.arange(40), sizes)]
        for kept, names in (("conversations", groups), ("queries", [""] * len(groups))):
            design = plan(names, [0] * len(names))
            spread = bootstrap(
                lambda counts, values=values: {"recall": mean(values, counts)}, design, resamples=400, seed=draw
            )
            low, high = interval(spread["recall"])
            covered[kept] += low <= 0.7 <= high
    assert 0.90 <= covered["conversations"] / draws <= 0.99
    assert covered["queries"] / draws < 0.85


def test_undefined_resamples_are_left_out_of_the_interval():
    assert interval(np.array([np.nan, 1.0, 1.0, np.nan])) == (1.0, 1.0)


def test_sign_flips_by_hand():
    """Five conversations that all gain: 2 of 32 sign patterns are as far from zero, p = 1/16."""
    design = plan(["a", "a", "b", "c", "d", "e"], [0] * 6)
    change = np.array([[0.5], [0.5], [1.0], [1.0], [1.0], [1.0]])
    assert sign_flip_p(change, design, resamples=20_000)[0] == pytest.approx(1 / 16, abs=0.006)


def test_sign_flips_are_their_naive_twin():
    """All 2^8 patterns one by one in whole numbers; the tenths tested round, and must tie all the same."""
    rng = np.random.default_rng(2)
    tenths = rng.integers(-2, 4, (30, 40))
    groups = [str(group) for group in rng.integers(0, 8, 30)]
    sums = [sum(row for row, group in zip(tenths, groups, strict=True) if group == name) for name in set(groups)]
    patterns = list(itertools.product((-1, 1), repeat=len(sums)))
    extreme = np.zeros(40)
    for pattern in patterns:
        flipped = sum(sign * change for sign, change in zip(pattern, sums, strict=True))
        extreme += np.abs(flipped) >= np.abs(sum(sums))
    found = sign_flip_p(tenths / 10, plan(groups, [0] * 30), resamples=20_000)
    assert found == pytest.approx(extreme / len(patterns), abs=0.014)


def test_sign_flips_are_right_as_often_as_they_promise():
    """Without any difference p is at most 0.05 in about 5 % of draws."""
    rng = np.random.default_rng(8)
    change = rng.normal(size=(60, 300))
    found = sign_flip_p(change, plan([str(row // 2) for row in range(60)], [0] * 60), resamples=999)
    assert 0.02 <= (found <= 0.05).mean() <= 0.08


def test_no_change_has_p_one():
    design = plan(["a", "b"], [0, 0])
    assert sign_flip_p(np.zeros((2, 2)), design).tolist() == [1.0, 1.0]
    same = np.array([0.1, 0.2, 0.3])
    assert paired(0.0, same, same) == Difference(value=0.0, low=0.0, high=0.0, p=1.0)


def test_bootstrap_p_by_hand():
    """Of 99 resamples 4 lie at or below zero: twice (4 + 1) / (99 + 1)."""
    after = np.r_[np.full(3, -0.1), 0.0, np.full(95, 0.2)]
    assert paired(0.2, np.zeros(99), after).p == pytest.approx(0.10)
    assert paired(0.2, np.zeros(99), after, p=0.03).p == 0.03


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_corrected_p_values_are_holms_step_down(p):
    """At every level the same are rejected as by Holm's procedure, one step at a time."""
    corrected = holm(p)
    for level in (0.01, 0.05, 0.2):
        rejected = set()
        for place, number in enumerate(sorted(range(len(p)), key=p.__getitem__)):
            if p[number] * (len(p) - place) > level:
                break
            rejected.add(number)
        assert {number for number, value in enumerate(corrected) if value <= level} == rejected


def test_holm_keeps_false_alarms_of_a_whole_family_rare():
    rng = np.random.default_rng(0)
    families = rng.random((2000, 20))
    alarms = np.mean([min(holm(list(p))) <= 0.05 for p in families])
    assert alarms <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)
