"""An entry that is called otherwise keeps its id where it is plain which one it was, and nowhere else."""

from __future__ import annotations

import pytest

from faqtune.config import CatalogueConfig
from faqtune.ingest import read_catalogue, successors
from faqtune.ingest.drafts import RENAMED
from faqtune.ingest.lineage import kept_ids
from faqtune.records import Catalogue, Entry, content_id

GUESSED = CatalogueConfig()
FAQ = """问题,答案
能开发票吗|怎么开票,下单时勾选发票
几天能到|多久送达,三天
包邮吗,满五十元包邮
能退吗,亲稍等
有礼盒吗,亲稍等
"""
INVOICE, STOCK = content_id("能开发票吗"), content_id("能退吗")


@pytest.fixture
def read(put):
    """The catalogue of a text, after earlier ones."""

    def made(text: str, *earlier: Catalogue) -> Catalogue:
        return read_catalogue([put("a.csv", text)], GUESSED, *earlier)[0]

    return made


def first_questions(catalogue: Catalogue) -> dict[str, str]:
    return {entry.id: entry.questions[0] for entry in catalogue}


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("能开发票吗|怎么开票,", "发票如何申请|怎么开票,", "发票如何申请"),
        ("能开发票吗|怎么开票,", "发票如何申请,", "发票如何申请"),
        ("能开发票吗|怎么开票,下单时勾选发票", "能开发票吗|怎么开票,客服代开", "能开发票吗"),
        ("能开发票吗|怎么开票,", "怎么开票|能开发票吗,", "怎么开票"),
    ],
)
def test_a_first_question_in_other_words_keeps_the_id(read, old: str, new: str, name: str) -> None:
    before = read(FAQ)
    after = read(FAQ.replace(old, new), before)
    assert first_questions(after) == first_questions(before) | {INVOICE: name}
    # From then on it is in the catalogue under its name: nothing is left to be found out.
    assert first_questions(read(FAQ.replace(old, new), after)) == first_questions(after)


def test_what_was_kept_is_noted_once(put) -> None:
    before = read_catalogue([put("a.csv", FAQ)], GUESSED)[0]
    path = put("a.csv", FAQ.replace("能开发票吗", "发票如何申请"))
    after, report = read_catalogue([path], GUESSED, before)
    assert [(note.why, note.detail, note.row) for note in report.notes] == [(RENAMED, "能开发票吗 → 发票如何申请", 2)]
    assert read_catalogue([path], GUESSED, after)[1].notes == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # Another answer, and only one of two questions: another entry has taken a question over.
        ("能开发票吗|怎么开票,下单时勾选发票", "可以补开吗|怎么开票,联系客服补开"),
        # Two new entries share the old one's content.
        ("能开发票吗|怎么开票,下单时勾选发票", "发票如何申请,下单时勾选发票\n专票怎么办|怎么开票,客服代开"),
        # A question has gone over to an entry that was there before.
        ("能开发票吗|怎么开票,下单时勾选发票\n几天能到", "发票如何申请,下单时勾选发票\n几天能到|怎么开票"),
        # Two entries have become one.
        ("能开发票吗|怎么开票,下单时勾选发票\n几天能到|多久送达,三天", "发票和送达|怎么开票|多久送达,都在这里"),
    ],
)
def test_where_it_is_not_plain_a_new_id_is_made(read, old: str, new: str) -> None:
    before = read(FAQ)
    after = read(FAQ.replace(old, new), before)
    assert INVOICE not in first_questions(after)


def test_a_stock_answer_joins_nothing(read) -> None:
    after = read(FAQ.replace("能退吗", "有样品吗"), read(FAQ))
    assert STOCK not in first_questions(after)
    assert content_id("有样品吗") in first_questions(after)


def test_the_old_name_may_be_given_to_a_new_entry(read) -> None:
    after = read(FAQ.replace("能开发票吗", "发票如何申请"), read(FAQ))
    text = FAQ.replace("能开发票吗", "发票如何申请") + "能开发票吗,不能\n"
    both = read(text, after)
    assert first_questions(both)[INVOICE] == "发票如何申请"
    assert len(both) == len(first_questions(both)) == 6
    assert first_questions(read(text, both)) == first_questions(both)


def test_of_two_entries_with_one_question_the_one_that_stays_keeps_its_id(read) -> None:
    before = read("问题,答案\n几天能到,三天\n几天能到,五天\n")
    (left,) = read("问题,答案\n几天能到,五天\n", before)
    assert left.id == before.entries[1].id != content_id("几天能到")


def test_ids_of_the_file_go_before_all(read) -> None:
    before = read(FAQ)
    after = read("编号,问题,答案\nF1,能开发票吗,下单时勾选发票\nF9,包邮吗,满五十元包邮\n", before)
    assert [entry.id for entry in after] == ["F1", "F9"]


def test_an_entry_that_left_before_is_known_again_but_the_last_catalogue_goes_first(read) -> None:
    left = Catalogue((Entry("old", ("邮费谁出", "包邮吗吗"), "满五十元包邮"), Entry("gone", ("刻字吗",), "可以刻字")))
    after = read(FAQ.replace("包邮吗", "运费多少") + "能刻名字吗,可以刻字\n", read(FAQ), left)
    assert first_questions(after)[content_id("包邮吗")] == "运费多少"
    assert first_questions(after)["gone"] == "能刻名字吗"


def test_who_took_an_entrys_place_is_named_by_what_they_share() -> None:
    now = Catalogue(
        (
            Entry("a", ("发票如何申请", "怎么开票"), "勾选"),
            Entry("b", ("几天能到",), "三天"),
            Entry("c", ("票",), "勾选"),
        )
    )
    left = [
        Entry("x", ("能开发票吗", "怎么开票"), "勾选"),
        Entry("y", ("包邮吗",), "包"),
        Entry("z", ("税票",), "勾选"),
    ]
    assert [[entry.id for entry in found] for found in successors(left, now)] == [["a"], [], ["a", "c"]]


def test_a_mark_behind_the_question_and_a_new_answer_are_no_new_entry() -> None:
    earlier = Catalogue((Entry("a", ("怎么退货",), "七天内"), Entry("b", ("包邮吗",), "包邮")))
    rows = [Entry("", ("怎么退货？",), "十五天内"), Entry("", ("包邮吗",), "包邮")]
    assert kept_ids(rows, earlier) == {0: "a", 1: "b"}
