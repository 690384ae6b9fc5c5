"""What must never be on both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.errors import UserError
from faqtune.records import Split, normalise
from faqtune.split import check, check_split, without_leaks


def test_a_leak_is_refused_with_the_id_named():
    parts = {"train": ["output.json#3", "output.json#8"], "calibration": [], "test": ["output.json#8", "output.json#9"]}
    with pytest.raises(UserError, match=r"1 conversation.* test and train at once, first output\.json#8") as caught:
        check(parts, "conversation")
    assert "faqtune split --force" in caught.value.next_step


def test_an_id_that_is_twice_on_one_side_is_no_leak():
    check({"train": ["a", "a"], "test": ["b", "b"]}, "noise source")


@pytest.mark.parametrize(
    ("split", "named"),
    [
        (Split(0, {"c1": "train", "c2": "tset"}), "conversation c2"),
        (Split(0, {}, {"chatter#1": ""}), "noise source chatter#1"),
        (Split(0, {}, {}, {"发货": "train"}), "held-out entry 发货"),
    ],
)
def test_a_split_that_was_changed_by_hand_is_refused(split, named):
    with pytest.raises(UserError, match=named) as caught:
        check_split(split)
    assert "faqtune split --force" in caught.value.next_step


texts = st.lists(st.sampled_from(["有货吗", " 有货吗", "能退吗", "OK", "ok", "Ｏｋ", "在吗", ""]))


@given(texts, texts)
def test_what_is_measured_is_never_left_over(items, measured):
    kept = without_leaks(enumerate(items), lambda item: item[1], measured)
    naive = [
        (number, text)
        for number, text in enumerate(items)
        if all(normalise(text) != normalise(other) for other in measured)
    ]
    assert kept == naive
