"""What customers ask and no entry answers, in groups."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faqtune.annotate.gaps import gaps, groups
from faqtune.records import Catalogue, Entry, Query


def unit(rows):
    rows = np.array(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


CATALOGUE = Catalogue((Entry("ship", ("发货",), "x"), Entry("back", ("退货",), "y")))
QUESTIONS = unit([[1, 0, 0, 0], [0, 1, 0, 0]])


def asked(texts, conversations=None):
    conversations = conversations or [f"c{n}" for n in range(len(texts))]
    return [Query(f"q{n}", text, conversations[n], (0,)) for n, text in enumerate(texts)]


def test_what_nobody_could_match_is_grouped_the_largest_first():
    queries = asked(["能开发票吗", "发票怎么开", "开发票！", "何时发货", "你好", "有实体店吗"])
    vectors = unit(
        [[0.3, 0, 1, 0], [0.35, 0, 1, 0.05], [0.3, 0, 1, 0.1], [1, 0, 0.1, 0], [0, 0.1, 0, 1], [0, 0.5, 0.5, 0.5]]
    )
    found = gaps(queries, vectors, CATALOGUE, QUESTIONS, 0.9, unsupported={}, noise=unit([[0, 0, 0, 1]]))
    assert [(set(gap.queries), gap.conversations) for gap in found] == [({"q0", "q1", "q2"}, 3)]
    assert found[0].title in {"能开发票吗", "发票怎么开", "开发票！"}
    assert found[0].nearest == "ship"
    assert set(found[0].examples) == {"能开发票吗", "发票怎么开", "开发票！"}


def test_what_says_too_little_is_a_gap_only_if_people_say_so():
    queries = asked(["嗯嗯", "在吗", "有店吗"])
    vectors = unit([[0.2, 0, 1, 0], [0.2, 0.1, 0, 1], [0.2, 1, 0, 1]])
    found = gaps(queries, vectors, CATALOGUE, QUESTIONS, 0.9, unsupported={"q1": True})
    assert {gap.queries for gap in found} == {("q1",), ("q2",)}


def test_what_people_say_counts_more_than_cosines():
    queries = asked(["何时发货", "随便", "有实体店吗"])
    vectors = unit([[1, 0, 0, 0], [0.2, 0, 0, 1], [0.2, 0, 1, 0]])
    said = {"q0": True, "q1": False}
    found = gaps(queries, vectors, CATALOGUE, QUESTIONS, 0.9, unsupported=said)
    assert {gap.queries: gap.by_people for gap in found} == {("q0",): 1, ("q2",): 0}
    assert found[0].queries == ("q0",)


def test_one_customer_who_repeats_it_is_one_conversation():
    queries = asked(["有店吗", "有店吗", "能开票吗", "开票吗"], ["a", "a", "b", "c"])
    vectors = unit([[0.2, 0, 1, 0], [0.2, 0, 1, 0], [0.2, 0, 0, 1], [0.2, 0, 0, 1]])
    found = gaps(queries, vectors, CATALOGUE, QUESTIONS, 0.9, unsupported={})
    assert [(gap.conversations, len(gap.queries), len(gap.examples)) for gap in found] == [(2, 2, 2), (1, 2, 1)]


def test_the_order_of_the_queries_does_not_matter():
    rng = np.random.default_rng(0)
    queries, vectors = asked([f"问{n % 17}" for n in range(60)]), unit(rng.normal(size=(60, 4)))
    order = rng.permutation(60)
    one = gaps(queries, vectors, CATALOGUE, QUESTIONS, 0.8, unsupported={})
    other = gaps([queries[n] for n in order], vectors[order], CATALOGUE, QUESTIONS, 0.8, unsupported={})
    assert one == other


@given(st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3).filter(any), min_size=1, max_size=12))
def test_every_row_is_in_one_group_and_near_its_leader(rows):
    vectors = unit(rows)
    found = groups(vectors, 0.9)
    assert sorted(row for members in found for row in members) == list(range(len(rows)))
    leaders = [members[0] for members in found]
    for members in found:
        assert all(vectors[members[0]] @ vectors[row] >= 0.9 for row in members[1:])
    assert all(vectors[a] @ vectors[b] < 0.9 for n, a in enumerate(leaders) for b in leaders[:n])


def test_an_empty_catalogue_has_no_gaps():
    assert gaps([], np.empty((0, 4), dtype=np.float32), CATALOGUE, QUESTIONS, 0.9, unsupported={}) == []
