"""Pairs that users bring along: which text asks for which entry, and what is of no use and why."""

from __future__ import annotations

import json

import pytest

from faqtune.errors import UserError
from faqtune.ingest import read_own_pairs
from faqtune.ingest.own_pairs import CONTRADICTED, REPEATED, STANDARD, TWO_ENTRIES, UNKNOWN
from faqtune.records import Catalogue, Entry, OwnPair

SHOP = Catalogue(
    (
        Entry("ship", ("几天能到？", "多久到货"), "三天左右送到"),
        Entry("post", ("包邮吗",), "满百包邮"),
        Entry("post2", ("包邮吗",), "偏远地区不包邮"),
    )
)


def triples(put, name, *rows, encoding="utf-8"):
    return put(name, json.dumps(rows, ensure_ascii=False), encoding)


def left_out(report, file):
    return report.file(file).skipped


def test_a_text_finds_its_entry_by_question_or_answer_on_either_side(put):
    path = triples(
        put, "annonated_dataset.json",
        ["我这几号能收着", "几天能到？", 1.0], ["多久到货", "啥时候到我家", 1], ["到哪了", "三天左右送到", 1.0],
    )  # fmt: skip
    found, report = read_own_pairs(SHOP, [path], [])

    assert found == [
        OwnPair("我这几号能收着", "ship", True, "annonated_dataset.json#1"),
        OwnPair("啥时候到我家", "ship", True, "annonated_dataset.json#2"),
        OwnPair("到哪了", "ship", True, "annonated_dataset.json#3"),
    ]
    assert report.file("annonated_dataset.json").counts == {"pairs": 3}


def test_a_question_of_two_entries_makes_a_pair_with_each(put):
    found, _ = read_own_pairs(SHOP, [], [triples(put, "answer2problem.json", ["免运费不", "包邮吗", 1.0])])
    assert [(pair.entry, pair.by_people) for pair in found] == [("post", False), ("post2", False)]


def test_what_is_of_no_use_is_told_with_its_item(put):
    path = triples(
        put, "p.json",
        ["我这几号能收着", "几天能到", 1.0], ["几号能到", "几天能到？", 1.0], ["几号能到", "多久到货", 1.0],
        ["几天能到？", "多久到货", 1.0], ["多久到货", "三天左右送到", 1.0], ["几天能到？", "包邮吗", 1.0],
        ["", "包邮吗", 1],
    )  # fmt: skip
    found, report = read_own_pairs(SHOP, [path], [])

    assert [pair.text for pair in found] == ["几号能到"]
    assert left_out(report, "p.json") == {UNKNOWN: 1, REPEATED: 1, STANDARD: 2, TWO_ENTRIES: 1, "no text": 1}
    assert str(report.skipped[0]) == f"p.json, row 1: {UNKNOWN} (我这几号能收着)"


@pytest.mark.parametrize(
    ("positive_by_people", "negative_by_people", "stays"),
    [(True, True, False), (False, False, False), (False, True, False), (True, False, True)],
)
def test_a_pair_of_label_0_takes_back_unless_only_a_program_contradicts_people(
    put, positive_by_people, negative_by_people, stays
):
    says = triples(put, "says.json", ["免运费不", "包邮吗", 1.0], ["几号到", "多久到货", 1.0])
    denies = triples(put, "denies.json", ["免运费不", "包邮吗", 0.0], ["几号到", "包邮吗", 0.0])
    files = {True: [], False: []}
    files[positive_by_people].append(says)
    files[negative_by_people].append(denies)

    found, report = read_own_pairs(SHOP, files[True], files[False])

    assert ("免运费不" in [pair.text for pair in found]) == stays
    assert "几号到" in [pair.text for pair in found]
    assert left_out(report, "denies.json") == ({} if stays else {CONTRADICTED: 2})
    assert report.file("denies.json").counts["pairs of label 0, which say nothing new"] == 2


def test_what_people_say_stays_theirs_where_a_program_says_it_too(put):
    by_people = triples(put, "a.json", ["几号到", "多久到货", 1.0])
    generated = triples(put, "b.json", ["几号到", "几天能到？", 1.0])
    found, report = read_own_pairs(SHOP, [by_people], [generated])
    assert [pair.by_people for pair in found] == [True]
    assert left_out(report, "b.json") == {REPEATED: 1}


def test_flagembedding_and_gb18030_are_read_too(put):
    flag = put("f.jsonl", json.dumps({"query": "几号到", "pos": ["多久到货"], "neg": ["包邮吗"]}, ensure_ascii=False))
    old = triples(put, "old.json", ["运费谁出", "包邮吗", 1.0], encoding="gb18030")
    found, _ = read_own_pairs(SHOP, [flag, old], [])
    assert [pair.text for pair in found] == ["几号到", "运费谁出", "运费谁出"]


def test_files_without_a_usable_pair_stop_with_the_reason(put):
    with pytest.raises(UserError, match=rf"x\.json: no pair is of use: {UNKNOWN}"):
        read_own_pairs(SHOP, [triples(put, "x.json", ["a", "b", 1.0])], [])
    with pytest.raises(UserError, match="no pair has the label 1"):
        read_own_pairs(SHOP, [triples(put, "y.json", ["几号到", "多久到货", 0.0])], [])
    with pytest.raises(UserError, match=r"z\.json, item 2: the label is 0\.5"):
        read_own_pairs(SHOP, [triples(put, "z.json", ["几号到", "多久到货", 1.0], ["几号", "包邮吗", 0.5])], [])
    with pytest.raises(UserError, match=r"chat\.json holds no pairs but sentences"):
        read_own_pairs(SHOP, [put("chat.json", '["你好"]')], [])
    assert read_own_pairs(SHOP, [], [])[0] == []
