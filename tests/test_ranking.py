"""Ranking against plain loops: best question per entry, ties, blocks, decisions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune import ranking
from faqtune.ranking import Ranking, entry_scores, rank


def naive_rank(queries, questions, owners, k):
    """Every cosine on its own, then a sort by falling score and rising entry row."""
    rows, scores = [], []
    for query in queries:
        best = {}
        for question, owner in zip(questions, owners, strict=True):
            score = sum(float(a) * float(b) for a, b in zip(query, question, strict=True))
            best[owner] = max(score, best.get(owner, -np.inf))
        ordered = sorted(best, key=lambda entry: (-best[entry], entry))[:k]
        rows.append(ordered)
        scores.append([best[entry] for entry in ordered])
    return rows, scores


@st.composite
def small_problems(draw):
    """Whole-number vectors: their products are exact, and ties are common."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=6))
    owners = [row for row, size in enumerate(sizes) for _ in range(size)]
    vector = st.lists(st.integers(-2, 2), min_size=3, max_size=3)
    questions = draw(st.lists(vector, min_size=len(owners), max_size=len(owners)))
    queries = draw(st.lists(vector, min_size=1, max_size=5))
    return np.array(queries, dtype=np.float32), np.array(questions, dtype=np.float32), owners, draw(st.integers(1, 8))


@given(small_problems())
def test_rank_is_its_naive_twin(problem):
    ranking = rank(*problem)
    rows, scores = naive_rank(*problem)
    assert ranking.rows.tolist() == rows
    assert ranking.scores.tolist() == scores


@pytest.mark.parametrize("k", [1, 7, 500])
def test_the_best_of_many_are_those_of_a_whole_sort(k: int):
    """Ties at the k-th place, rows that are all alike, and scores that are no numbers among them."""
    random = np.random.default_rng(0)
    scores = random.integers(0, 200, size=(60, 500)).astype(np.float32)
    scores[:20] = random.normal(size=(20, 500))
    scores[20] = 1
    scores[21, :450] = np.nan
    scores[22, 3] = np.nan

    np.testing.assert_array_equal(ranking.highest(scores, k), np.argsort(-scores, axis=1, kind="stable")[:, :k])


def test_by_hand():
    """Entry 0 has two questions and scores with the second; entry 2 comes last."""
    queries = np.array([[0.6, 0.8]], dtype=np.float32)
    questions = np.array([[1, 0], [0, 1], [1, 0], [-1, 0]], dtype=np.float32)
    found = rank(queries, questions, (0, 0, 1, 2))
    assert found.rows.tolist() == [[0, 1, 2]]
    assert found.scores[0] == pytest.approx([0.8, 0.6, -0.6])


def test_a_tie_goes_to_the_entry_that_stands_earlier():
    vectors = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (40, 1))
    assert rank(vectors[:3], vectors, range(40), k=40).rows.tolist() == [list(range(40))] * 3


@given(small_problems(), st.integers(1, 40))
def test_blocks_give_the_same_as_one_go(problem, block_scores):
    whole = rank(*problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "BLOCK_SCORES", block_scores)
        in_blocks = rank(*problem)
    assert np.array_equal(whole.rows, in_blocks.rows)
    assert np.array_equal(whole.scores, in_blocks.scores)


@pytest.mark.parametrize("owners", [(1, 1, 2), (0, 2, 2), (0, 1, 0)])
def test_owners_that_do_not_ascend_without_gaps_are_refused(owners):
    with pytest.raises(ValueError, match="owners"):
        entry_scores(np.zeros((1, 3), dtype=np.float32), owners)


def test_an_empty_catalogue_is_refused():
    with pytest.raises(ValueError, match="empty"):
        rank(np.zeros((1, 2), dtype=np.float32), np.zeros((0, 2), dtype=np.float32), ())


def test_no_queries_give_no_rows():
    found = rank(np.zeros((0, 2), dtype=np.float32), np.eye(2, dtype=np.float32), (0, 1))
    assert found.rows.shape == found.scores.shape == (0, 2)


def test_a_query_is_answered_at_the_threshold_and_at_the_margin():
    found = Ranking(np.array([[0, 1]] * 3), np.array([[0.75, 0.5], [0.75, 0.75], [0.5, 0.0]], dtype=np.float32))
    assert found.answered(0.75).tolist() == [True, True, False]
    assert found.answered(0.75, margin_cosine=0.25).tolist() == [True, False, False]
    assert found.answered(0.5, margin_cosine=0.5).tolist() == [False, False, True]


def test_a_single_entry_leads_by_more_than_any_margin():
    found = rank(np.array([[1.0, 0.0]], dtype=np.float32), np.array([[-1.0, 0.0]], dtype=np.float32), (0,))
    assert found.answered(-1.0, margin_cosine=2.0).tolist() == [True]
