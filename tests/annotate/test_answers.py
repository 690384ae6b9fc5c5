"""Answers become Claims, and the last word of a person counts."""

from faqtune.annotate.answers import Answer, claims_of, labels_by_query, standing
from faqtune.label import decide
from faqtune.records import Claim


def test_a_pick_and_a_none_become_claims_of_the_person():
    when = "2026-11-28T10:00:00+00:00"
    assert claims_of([Answer("pick", "q", ("e",), by="王敏", when=when, id="a1")]) == [
        Claim("q", "e", "human:王敏", 1.0, "", when, "", "a1")
    ]
    assert claims_of([Answer("none", "q", reason="unclear", by="human:Ann", id="a2")]) == [
        Claim("q", None, "human:Ann", 1.0, reason="unclear", act="a2")
    ]


def test_several_entries_are_claims_of_one_act():
    claims = claims_of([Answer("pick", "q", ("e", "f"), by="王敏", note="两个问题")])
    assert [(claim.entry, claim.reason, claim.why) for claim in claims] == [
        ("e", "several", "两个问题"),
        ("f", "several", "两个问题"),
    ]
    assert claims[0].act == claims[1].act != ""
    assert decide(claims)["q"].entries == ("e", "f")


def test_an_act_without_an_id_gets_one_of_its_content():
    one, same, later = (Answer("pick", "q", ("e",), by="a", when=when) for when in ("1", "1", "2"))
    assert claims_of([one]) == claims_of([same])
    assert claims_of([one])[0].act != claims_of([later])[0].act


def test_skipping_and_flagging_claim_nothing():
    assert claims_of([Answer("skip", "q", by="a"), Answer("flag", "q", by="a", note="?")]) == []


def test_the_last_word_of_each_person_stands():
    first, other, last = (
        Answer("pick", "q", ("e",), by="a"),
        Answer("pick", "q", ("f",), by="b"),
        Answer("none", "q", reason="unclear", by="a"),
    )
    assert standing([first, other, last]) == [other, last]
    assert labels_by_query([first, other, last, Answer("skip", "q2", by="a")]) == {"q": [other, last]}
