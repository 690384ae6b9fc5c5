"""What is near a measured text never trains: a copy with a slip, a part, a whole of several turns."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.records import letters
from faqtune.split import without_near_leaks

MEASURED = ["这个退货邮费谁出呀", "在吗", "Can I pay by card?"]


@pytest.mark.parametrize(
    "text",
    [
        "这个退货邮费谁出呀？",
        "这个退货邮费谁出",
        "这个退货邮费谁呀出",
        "这个退货邮费谁出啊",
        "这个退货邮费谁出出呀",
        "亲 在不\n这个退货邮费谁出呀\n急",
        "退货邮费谁出",
        "在吗",
        "hello! CAN I PAY BY CARD",
    ],
)
def test_copies_parts_and_wholes_of_measured_texts_are_left_out(text):
    assert without_near_leaks([text, "能开发票吗"], str, MEASURED) == ["能开发票吗"]


@pytest.mark.parametrize("text", ["在么", "在吗 亲", "退货邮费", "邮费谁出呀你们", "退货邮寄到哪", "pay", "我想退货"])
def test_other_questions_stay_also_where_short_texts_are_parts_of_them(text):
    assert without_near_leaks([text], str, MEASURED) == [text]


def test_long_texts_are_near_where_they_begin_alike_and_take_no_time():
    long = "退货邮费谁出" * 200_000
    assert without_near_leaks([long, "邮" + long], str, [long[:300]]) == []
    assert without_near_leaks([long], str, ["几天能到"]) == [long]


def test_without_measured_texts_nothing_goes():
    assert without_near_leaks(["", "a"], str, ["", "！"]) == ["", "a"]


def twin(items, measured):
    """The same by comparing all with all."""

    def drop_one(text):
        return {text} | ({text[:i] + text[i + 1 :] for i in range(len(text))} if len(text) >= 4 else set())

    def wide(text):
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text) >= 12

    bare = [letters(text) for text in measured if letters(text)]
    return [
        item
        for item in items
        if not any(
            drop_one(letters(item)) & drop_one(text)
            or (wide(text) and text in letters(item))
            or (wide(letters(item)) and letters(item) in text)
            for text in bare
        )
    ]


texts = st.lists(st.text("ab退货", max_size=16), max_size=6)


@given(texts, texts)
def test_it_is_what_comparing_all_with_all_gives(items, measured):
    assert without_near_leaks(items, str, measured) == twin(items, measured)
