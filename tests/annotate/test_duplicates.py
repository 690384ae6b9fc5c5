"""Texts that ask the same to the letter."""

from hypothesis import example, given
from hypothesis import strategies as st

from faqtune.annotate.duplicates import same_key, twins_of


@given(st.text())
@example("¼¼")
@example("ᄀ-ᅡ")
def test_the_key_of_a_key_is_itself(text):
    assert same_key(same_key(text)) == same_key(text)


def test_what_names_the_thing_and_not_the_question_does_not_count():
    link = "https://item.taobao.com/item.htm?id=535801098234"
    assert same_key(f"{link} 这个有货吗") == same_key("www.shop.com/1 这个有货吗？")
    assert same_key("有货吗") != same_key("有货")
    assert same_key("138-12-34 是我电话") == same_key("139 56 78 是我电话")
    assert same_key("要3包") != same_key("要5包")


def test_twins_are_rows_with_one_key():
    assert twins_of(["有货吗", "能退吗", "亲 有货吗？"]) == [[0, 2], [1], [0, 2]]
