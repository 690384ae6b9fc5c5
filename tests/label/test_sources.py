"""How right a source is: estimated from people's labels of the same turns, and from no others."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.label import acts_of, compare, estimate_sources, proportion
from faqtune.label.proportion import wilson
from faqtune.records import Claim, Query

RULES = "reply_rules"


def queries_of(number):
    return [Query(f"q{n}", "", f"c{n}", (0,)) for n in range(number)]


def test_a_share_by_hand():
    """Wilson of 8 in 10, from the formula in any textbook."""
    found = proportion([True] * 8 + [False] * 2, list("abcdefghij"))
    assert (found.n, found.right, found.share) == (10, 8, 0.8)
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_labels_of_one_conversation_count_for_less():
    right = [True, True, False, False] * 5
    apart = proportion(right, [str(number) for number in range(20)])
    together = proportion(right, [str(number // 2) for number in range(20)])
    assert together.share == apart.share
    assert together.high - together.low > 1.2 * (apart.high - apart.low)
    assert proportion([True] * 10, ["a"] * 10).low == pytest.approx(wilson(1.0, 1.0)[0])


def test_an_interval_covers_the_truth_where_labels_go_together():
    """1,000 draws of 40 conversations with 3 alike labels each; 93 % is what 95 % comes to with so few."""
    rng = random.Random(1)
    covered = 0
    for _ in range(1000):
        drawn = [rng.random() < 0.7 for _ in range(40)]
        found = proportion([right for right in drawn for _ in range(3)], [str(g) for g in range(40) for _ in range(3)])
        covered += found.low <= 0.7 <= found.high
    assert covered >= 930


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), min_size=1, max_size=30))
def test_an_interval_holds_its_share(rows):
    found = proportion([right for right, _ in rows], [group for _, group in rows])
    assert 0 <= found.low <= found.share <= found.high <= 1
    independent = wilson(found.share, len(rows))
    assert found.low <= independent[0] + 1e-12
    assert found.high >= independent[1] - 1e-12


def test_only_labels_of_the_same_turn_in_allowed_conversations_are_compared():
    queries = [
        Query("q1", "", "c1", (2,)),
        Query("q1 with more", "", "c1", (1, 2)),
        Query("q2", "", "c2", (0,)),
        Query("q3", "", "c3", (0,)),
        Query("q4", "", "c4", (0,)),
    ]
    said = [
        Claim("q1", "a", RULES, 0.8),
        Claim("q1 with more", "a", "human:Ann", 1.0),
        Claim("q2", "a", RULES, 0.8),
        Claim("q2", "b", "human:Ann", 1.0),
        Claim("q3", "a", RULES, 0.8),
        Claim("q3", None, "human:Ann", 1.0, reason="several"),
        Claim("q4", "a", RULES, 0.8),
    ]
    found = compare(acts_of(said), queries, {"c1", "c3", "c4"})
    assert [(row.conversation, row.right) for row in found[RULES]] == [("c1", True)]
    found = compare(acts_of(said), queries, {"c1", "c2"})
    assert [(row.conversation, row.right) for row in found[RULES]] == [("c1", True), ("c2", False)]


def test_the_last_word_of_people_is_the_truth_whoever_said_it():
    said = [
        Claim("q0", "a", RULES, 0.8),
        Claim("q0", "a", "human:Ann", 1.0),
        Claim("q0", None, "human:王敏", 1.0, reason="chitchat"),
    ]
    (row,) = compare(acts_of(said), queries_of(1), {"c0"})[RULES]
    assert not row.right


@pytest.mark.parametrize(
    ("machine", "people", "right"),
    [("a", ("a", "b"), True), ("c", ("a", "b"), False), (None, (None,), True), (None, ("a",), False)],
)
def test_one_of_several_entries_is_right_and_none_only_where_people_say_none(machine, people, right):
    said = [Claim("q0", machine, "llm:x", 0.8)] + [Claim("q0", entry, "human:Ann", 1.0, act="1") for entry in people]
    (row,) = compare(acts_of(said), queries_of(1), {"c0"})["llm:x"]
    assert row.right is right


def checked(rows):
    """A source that people checked: rows of (confidence, right)."""
    said = []
    for number, (confidence, right) in enumerate(rows):
        said += [Claim(f"q{number}", "a", RULES, confidence)]
        said += [Claim(f"q{number}", "a" if right else "b", "human:Ann", 1.0)]
    queries = queries_of(len(rows))
    return estimate_sources(compare(acts_of(said), queries, {query.conversation for query in queries}))[RULES]


def test_few_labels_leave_a_source_nearly_its_own_estimate():
    source = checked([(0.9, False)])
    assert source.precision(0.9) == pytest.approx((0 + 10 * 0.9) / 11)
    assert checked([(0.9, False)] * 25).precision(0.9) == pytest.approx(9 / 35)
    assert estimate_sources({}) == {}


def test_with_many_labels_each_level_of_confidence_is_judged_by_itself():
    source = checked([(0.5, n % 10 < 2) for n in range(40)] + [(0.9, n % 10 < 9) for n in range(40)])
    assert [(level.low, level.right.n, level.right.right) for level in source.levels] == [(0.0, 40, 8), (0.9, 40, 36)]
    assert source.precision(0.4) == pytest.approx((8 + 4) / 50)
    assert source.precision(0.95) == pytest.approx((36 + 9.5) / 50)
    assert source.own == pytest.approx(0.7)


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.5, 0.9]), st.booleans()), min_size=1, max_size=150))
def test_levels_hold_every_label_once_and_never_tear_equal_confidences_apart(rows):
    source = checked(rows)
    assert sum(level.right.n for level in source.levels) == source.right.n == len(rows)
    assert sum(level.right.right for level in source.levels) == source.right.right == sum(right for _, right in rows)
    lows = [level.low for level in source.levels]
    assert lows == sorted(set(lows))
    for level, above in zip(source.levels, [*lows[1:], math.inf], strict=True):
        inside = [right for confidence, right in rows if level.low <= confidence < above]
        assert (level.right.n, level.right.right) == (len(inside), sum(inside))
    for confidence in (0.0, 0.2, 0.7, 1.0):
        assert 0 <= source.precision(confidence) <= 1
