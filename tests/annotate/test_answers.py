"""Answers become Claims, and the last word of a person counts."""

from faqtune.annotate.answers import Answer, claim_of, claims_of, labels_by_query, standing
from faqtune.records import Claim


def test_a_pick_and_a_none_become_claims_of_the_person():
    when = "2026-11-28T10:00:00+00:00"
    assert claim_of(Answer("pick", "q", ("e",), by="王敏", when=when)) == Claim("q", "e", "human:王敏", 1.0, "", when)
    assert claim_of(Answer("none", "q", reason="unclear", by="human:Ann")) == Claim(
        "q", None, "human:Ann", 1.0, reason="unclear"
    )


def test_several_entries_are_one_claim_of_none_that_names_them():
    claim = claim_of(Answer("pick", "q", ("e", "f"), by="王敏", note="两个问题"))
    assert (claim.entry, claim.reason, claim.why) == (None, "several", "entries: e, f; 两个问题")


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
