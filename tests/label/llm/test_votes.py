"""Votes to a label: against a naive count, and never without a majority."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from faqtune.label.llm import Answer, Vote, verdict

answers = st.sampled_from([Answer("a"), Answer("b"), Answer(None, "chitchat"), Answer(None, "unclear")])


@given(st.lists(st.builds(Vote, answers, st.floats(0, 1)), max_size=9), st.integers(0, 4))
def test_as_a_plain_count_says(votes, failed):
    asked = len(votes) + failed
    said = verdict(votes, asked)
    expected = None
    for entry in ("a", "b", None):
        agreeing, weight = 0, 0.0
        for vote in votes:
            if vote.answer.entry == entry:
                agreeing += 1
                weight += vote.probability
        if agreeing > asked / 2:
            expected = entry, agreeing, round((weight + 1) / (asked + 2), 4)
    if expected is None:
        assert said is None
    else:
        assert (said.entry, said.agreeing, said.confidence) == expected
        assert (said.reason == "") == (said.entry is not None)


def test_confidence_by_hand():
    ship = Vote(Answer("ship"))
    confidences = {(a, k): verdict([ship] * a, k).confidence for a, k in ((1, 1), (2, 3), (3, 3), (3, 5), (5, 5))}
    assert confidences == {(1, 1): 0.6667, (2, 3): 0.6, (3, 3): 0.8, (3, 5): 0.5714, (5, 5): 0.8571}
    assert verdict([Vote(Answer("ship"), 0.5)], 1).confidence == 0.5


def test_a_failed_vote_is_no_agreement():
    ship = Vote(Answer("ship"))
    assert verdict([ship], 3) is None
    assert verdict([ship, ship], 4) is None
    assert verdict([], 1) is None
