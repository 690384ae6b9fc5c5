"""Any entry is found by what it says, how it sounds, its initials and its meaning."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.annotate.pinyin import PinyinIndex, readings
from faqtune.annotate.search import Search
from faqtune.records import Catalogue, Entry

CATALOGUE = Catalogue(
    (
        Entry("ship", ("发货时间", "几天能发货"), "48小时内发货，节假日顺延"),
        Entry("bank", ("支持哪家银行", "能用信用卡吗"), "都支持"),
        Entry("long", ("保质期多长",), "十二个月"),
        Entry("green", ("绿色的还有吗",), "有"),
        Entry("pp", ("PP湿巾是什么",), "护臀湿巾"),
        Entry("refund", ("How do I get a Refund?",), "Within 7 days."),
    )
)


def found(text, **options):
    return [(hit.entry, hit.how) for hit in Search(CATALOGUE).find(text, **options)]


@pytest.mark.parametrize(
    ("typed", "entry", "how"),
    [
        ("发货", "ship", "substring"),
        ("fahuo", "ship", "pinyin"),
        ("fahuoshij", "ship", "initials"),
        ("fahuoshiji", "ship", "pinyin"),
        ("fhsj", "ship", "initials"),
        ("fh", "ship", "initials"),
        ("发h", "ship", "initials"),
        ("发huo", "ship", "pinyin"),
        ("f货", "ship", "initials"),
        ("fa hu o", "ship", "pinyin"),
        ("FAHUO", "ship", "pinyin"),
        ("yinhang", "bank", "pinyin"),
        ("yinxing", "bank", "pinyin"),
        ("baozhiqiduochang", "long", "pinyin"),
        ("lvse", "green", "pinyin"),
        ("luse", "green", "pinyin"),
        ("ppsj", "pp", "initials"),
        ("ＰＰ湿", "pp", "substring"),
        ("a refund", "refund", "substring"),
    ],
)
def test_what_is_typed_finds_the_entry_first(typed, entry, how):
    assert found(typed)[0] == (entry, how)


def test_what_an_answer_says_comes_last():
    assert found("湿巾") == [("pp", "substring")]
    assert found("节假日") == [("ship", "substring")]
    assert found("支持")[0] == ("bank", "substring")


@pytest.mark.parametrize("typed", ["", "  ", "zzz", "货发", "\ud83d", "x" * 5000])
def test_what_nothing_has_finds_nothing(typed):
    assert found(typed) == []


class Letters:
    """Texts with a letter in common point the same way."""

    name = "letters"

    def encode(self, texts):
        vectors = np.array([[text.count(c) for c in "发货退款保质refund绿"] for text in texts], dtype=np.float32) + 1e-3
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_meaning_fills_up_what_letters_do_not_find_and_gives_every_hit_a_cosine():
    encoder = Letters()
    hits = Search(CATALOGUE, encoder.encode(CATALOGUE.questions), encoder).find("发货退", top=3)
    assert hits[0].entry == "ship"
    assert hits[0].how == "meaning"
    assert len(hits) == 3
    best = max(float(encoder.encode([q])[0] @ encoder.encode(["发货退"])[0]) for q in CATALOGUE.entries[0].questions)
    assert hits[0].similarity == pytest.approx(best)
    assert all(hit.similarity is None for hit in Search(CATALOGUE).find("发货"))


def test_a_quarter_of_the_places_is_kept_for_meaning():
    many = Catalogue((*(Entry(f"e{i}", (f"发货{i}号",), "x") for i in range(50)), Entry("far", ("退款退款",), "x")))
    encoder = Letters()
    search = Search(many, encoder.encode(many.questions), encoder)
    hits = search.find("发", top=8)
    assert [hit.how for hit in hits] == ["substring"] * 6 + ["meaning"] * 2
    assert len({hit.entry for hit in hits}) == 8


def test_an_entry_is_listed_once_with_the_question_that_was_found():
    hits = Search(CATALOGUE).find("fahuo")
    assert [(hit.entry, hit.question) for hit in hits] == [("ship", "发货时间")]
    assert Search(CATALOGUE).find("jt")[0].question == "几天能发货"


def naive(texts, typed, whole):
    """Rows of texts for which some cutting of the typed letters fits, by trying all of them."""

    def fits(piece, character, is_last):
        if piece == character or piece in readings(character):
            return True
        if whole and not (is_last and len(piece) > 1):
            return False
        return any(reading.startswith(piece) for reading in readings(character))

    def cuttings(rest):
        if not rest:
            yield []
        for length in range(1, min(6, len(rest)) + 1):
            for more in cuttings(rest[length:]):
                yield [rest[:length], *more]

    rows = set()
    for pieces in cuttings(typed):
        for row, text in enumerate(texts):
            for start in range(len(text) - len(pieces) + 1):
                pairs = zip(pieces, text[start:], strict=False)
                if all(fits(p, c, at == len(pieces) - 1) for at, (p, c) in enumerate(pairs)):
                    rows.add(row)
    return rows


TEXTS = ["发货时间", "银行发货", "a发行", "间时", "hf行长", ""]


@given(st.text("fahuosijnxg发行", min_size=1, max_size=6), st.booleans())
def test_the_pinyin_index_is_its_naive_twin(typed, whole):
    if not any("a" <= c <= "z" for c in typed):
        assert PinyinIndex(TEXTS).find(typed) == []
    else:
        assert set(PinyinIndex(TEXTS).find(typed, whole_syllables=whole)) == naive(TEXTS, typed, whole)


def test_a_match_never_crosses_from_one_text_into_the_next():
    for one, other in itertools.permutations(["发", "货"]):
        assert PinyinIndex([one, other]).find("fahuo") == []


def test_an_empty_catalogue_finds_nothing():
    assert Search(Catalogue(())).find("fh") == []
