"""Records: the catalogue's derived tables, and the two functions that texts are compared and named by."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from faqtune.records import Catalogue, Claim, Entry, content_id, normalise

SHOP = Catalogue(
    (
        Entry("a", ("什么时候发货", "几天能发货"), "48小时内发货"),
        Entry("b", ("能退货吗",), "七天内可以退货"),
        Entry("c", ("Do you ship abroad?", "International shipping"), "Not yet."),
    )
)


def test_questions_and_owners_are_aligned():
    naive = [(question, row) for row, entry in enumerate(SHOP) for question in entry.questions]
    assert list(zip(SHOP.questions, SHOP.owners, strict=True)) == naive
    assert SHOP.owners == (0, 0, 1, 2, 2)
    assert SHOP.rows == {"a": 0, "b": 1, "c": 2}


def test_rows_close_up_where_an_entry_is_left_out():
    left = SHOP.without({"b", "never there"})
    assert [entry.id for entry in left] == ["a", "c"]
    assert left.owners == (0, 0, 1, 1)
    assert len(SHOP) == 3


@given(st.text())
@example("ß\u0301")
@example("\u0130\u0316")
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_how_a_letter_is_encoded_does_not_matter(text):
    assert normalise(unicodedata.normalize("NFD", text)) == normalise(unicodedata.normalize("NFC", text))


def test_width_case_and_white_space_do_not_matter():
    assert normalise("　ＩＰＨＯＮＥ１５\n什么时候\t发货 ") == "iphone15 什么时候 发货"


def test_an_id_takes_half_an_emoji():
    assert content_id("发货\ud83d") != content_id("发货\ud83e")


def test_people_are_known_by_their_name():
    said = [Claim("q", None, by, 1.0).is_human for by in ("human:王敏", "llm:human:x", "reply_rules", "humanoid")]
    assert said == [True, False, False, False]
