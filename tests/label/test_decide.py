"""One label per query: the latest human wins, then agreement, then confidence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.label import Level, Proportion, Source, decide, pairs_of, settle
from faqtune.records import Catalogue, Claim, Entry, Pair, Query

claims = st.lists(
    st.builds(
        Claim,
        st.sampled_from(["q1", "q2"]),
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["reply_rules", "llm:qwen", "llm:glm", "human:王敏", "human:Ann"]),
        st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
        reason=st.sampled_from(["", "chitchat"]),
    ),
    max_size=8,
)


def only(*said):
    return decide(said)["q1"]


def rules(entry, confidence):
    return Claim("q1", entry, "reply_rules", confidence)


def naive(said, query):
    """(entry, confidence) by a plain walk over all claims and all answers that a wrong label may give."""
    said = [claim for claim in said if claim.query == query]
    for claim in reversed(said):
        if claim.by.startswith("human:"):
            return claim.entry, claim.confidence
    last = [[c for c in said if c.by == by][-1:] for by in ("reply_rules", "llm:qwen", "llm:glm")]
    voices = [(found[0].entry, found[0].confidence) for found in last if found]
    if len(voices) == 1:
        return voices[0]
    named = list(dict.fromkeys(entry for entry, _ in voices))
    probability = {}
    for answer in [*named, *(f"nobody's {number}" for number in range(5 - len(named)))]:
        probability[answer] = 1.0
        for entry, p in voices:
            p = min(max(p, 0.001), 0.999)
            probability[answer] *= p if entry == answer else (1 - p) / 4
    total = sum(probability.values())
    return max(
        ((entry, round(probability[entry] / total, 9)) for entry in named),
        key=lambda found: (found[1], found[0] is not None, found[0] or ""),
    )


@given(claims)
def test_decide_is_its_naive_twin(said):
    made = decide(said)
    assert set(made) == {claim.query for claim in said}
    for query, decision in made.items():
        entry, confidence = naive(said, query)
        assert (decision.entry, decision.confidence) == (entry, pytest.approx(confidence, abs=2e-9))


def test_the_latest_human_wins_over_everything():
    machines = [rules("a", 1.0), Claim("q1", "a", "llm:qwen", 1.0)]
    ann, wang = Claim("q1", "a", "human:Ann", 1.0), Claim("q1", None, "human:王敏", 0.9, reason="chitchat")
    made = only(ann, wang, *machines)
    assert (made.entry, made.confidence, made.sources, made.reason) == (None, 0.9, ("human:王敏",), "chitchat")
    assert made.is_human
    assert only(wang, ann).entry == "a"


def test_agreement_outweighs_a_source_that_is_surer():
    made = only(rules("a", 0.7), Claim("q1", "b", "llm:qwen", 0.8), Claim("q1", "a", "llm:glm", 0.7))
    assert made.entry == "a"
    assert made.sources == ("llm:glm", "reply_rules")
    a, b, others = 0.7 * 0.7 * 0.05, 0.075 * 0.075 * 0.8, 3 * 0.075 * 0.075 * 0.05
    assert made.confidence == pytest.approx(a / (a + b + others))
    assert not made.is_human


def test_two_that_hardly_know_do_not_outweigh_one_that_does():
    made = only(rules("a", 0.3), Claim("q1", "b", "llm:qwen", 0.99), Claim("q1", "a", "llm:glm", 0.4))
    assert made.entry == "b"
    assert made.confidence < 0.99


def test_contradiction_makes_unsure_and_agreement_sure():
    alone = only(rules("a", 0.8)).confidence
    assert only(rules("a", 0.8), Claim("q1", "b", "llm:qwen", 0.5)).confidence < alone
    assert only(rules("a", 0.8), Claim("q1", "a", "llm:qwen", 0.5)).confidence > alone


def test_among_equals_confidence_wins():
    assert only(rules("a", 0.6), Claim("q1", None, "llm:qwen", 0.7)).entry is None
    assert only(rules("a", 0.7), Claim("q1", None, "llm:qwen", 0.6)).entry == "a"


def several(*entries, act="1", by="human:Ann", query="q1"):
    return [Claim(query, entry, by, 1.0, reason="several", act=act) for entry in entries]


def test_the_latest_act_of_a_person_counts_with_all_its_entries():
    made = only(*several("b", "a", "b"), rules("c", 1.0))
    assert (made.entry, made.others, made.entries, made.reason) == ("b", ("a",), ("b", "a"), "several")
    one = only(*several("b", "a"), Claim("q1", "c", "human:Ann", 1.0, act="2"))
    assert (one.entry, one.others) == ("c", ())
    other_person = only(*several("b", "a"), Claim("q1", "c", "human:王敏", 1.0, act="1"))
    assert other_person.entries == ("c",)


def test_one_act_about_two_queries_is_an_answer_to_each():
    made = decide([*several("a", query="q1"), *several("b", query="q2")])
    assert (made["q1"].entries, made["q2"].entries) == (("a",), ("b",))


def test_machines_agree_where_they_name_the_same_entries():
    made = only(*several("a", "b", by="llm:qwen"), *several("b", "a", by="llm:glm"), rules("a", 1.0))
    assert (set(made.entries), made.sources) == ({"a", "b"}, ("llm:glm", "llm:qwen"))


def source(by, n, right, low=0.0):
    return Source(by, Proportion(n, right), 0.9, (Level(low, Proportion(n, right)),))


def test_a_source_that_people_found_wrong_counts_for_less():
    said = (rules("a", 0.9), Claim("q1", "b", "llm:qwen", 0.8))
    assert decide(said)["q1"].entry == "a"
    found_wrong = {"reply_rules": source("reply_rules", 40, 10)}
    made = decide(said, found_wrong)["q1"]
    assert (made.entry, made.sources) == ("b", ("llm:qwen",))
    alone = decide(said[:1], found_wrong)["q1"]
    assert (alone.entry, alone.confidence) == ("a", pytest.approx((10 + 10 * 0.9) / 50))


@given(claims)
def test_one_machine_that_nobody_checked_is_decided_as_it_says(said):
    """No weighing without something to weigh by: entry and confidence are those of its last claim."""
    said = [claim for claim in said if claim.by == "reply_rules"]
    last = {claim.query: claim for claim in said}
    made = decide(said)
    assert {q: (d.entry, d.confidence) for q, d in made.items()} == {
        q: (c.entry, c.confidence) for q, c in last.items()
    }
    assert settle(said, [Query(q, "", q, (0,)) for q in last]) == made


def test_a_person_overrules_the_machines_whatever_turns_belong_to_the_query():
    one = Query("q1", "多少钱", "c", (2,))
    two = Query("q2", "帐篷杆，多少钱", "c", (1, 2))
    other = Query("q3", "能退吗", "c", (3,))
    said = [rules("a", 0.9), Claim("q2", "b", "human:Ann", 1.0), Claim("q3", "a", "reply_rules", 0.9)]
    assert {query: made.entry for query, made in settle(said, [one, two, other]).items()} == {"q2": "b", "q3": "a"}
    assert settle(said[:1], [one, two]).keys() == {"q1"}


def test_a_query_that_asks_for_several_makes_one_pair_of_each():
    catalogue = Catalogue((Entry("发货", ("什么时候发货",), "48小时内"), Entry("退货", ("能退吗",), "能")))
    decisions = decide(several("退货", "gone", "发货"))
    pairs, nothing = pairs_of(decisions, [Query("q1", "能退吗几天到", "c", (0,))], catalogue)
    assert [(pair.partner, pair.entry) for pair in pairs] == [("能退吗", "退货"), ("什么时候发货", "发货")]
    assert nothing == []


def test_a_machine_that_changed_its_mind_has_one_vote():
    made = only(rules("a", 0.9), rules("a", 0.9), rules("b", 0.2))
    assert (made.entry, made.confidence) == ("b", 0.2)


@given(st.permutations([rules("a", 0.5), Claim("q1", "b", "llm:qwen", 0.5), Claim("q1", None, "llm:glm", 0.5)]))
def test_labelling_anew_does_not_change_a_tie(said):
    """It moves the claims of one machine to the end."""
    assert only(*said).entry == "b"


@pytest.mark.parametrize("confidence", [0.5, 0.55, 0.58, 0.6, 0.7, 0.9])
def test_a_single_voice_keeps_its_confidence(confidence):
    """1 - (1 - c) is not c, and a hair below a threshold is below it."""
    assert only(rules("a", confidence)).confidence == confidence


def test_nobody_said_anything():
    assert decide([]) == {}


def test_pairs_are_queries_with_the_first_question_of_their_entry():
    catalogue = Catalogue((Entry("发货", ("什么时候发货", "几天发货"), "48小时内"), Entry("退货", ("能退吗",), "能")))
    queries = [Query(f"q{number}", f"问题{number}", f"c{number}", (number,)) for number in range(4)]
    decisions = decide(
        [
            Claim("q0", "发货", "reply_rules", 0.8),
            Claim("q1", None, "human:Ann", 1.0, reason="chitchat"),
            Claim("q2", "an entry that left the catalogue", "human:Ann", 1.0),
        ]
    )
    pairs, nothing = pairs_of(decisions, queries, catalogue)
    assert pairs == [
        Pair("问题0", "什么时候发货", 1.0, weight=0.8, entry="发货", group="c0", claims=("reply_rules",)),
    ]
    assert nothing == [queries[1]]
