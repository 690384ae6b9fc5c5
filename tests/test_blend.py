"""Vectors of questions that move towards their labelled queries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faqtune.blend import blended
from faqtune.encoder import Vectors


def unit(vectors: Vectors) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(0, 12), st.floats(0.1, 50))
def test_every_question_equals_a_loop(seed: int, entries: int, count: int, prior: float):
    chance = np.random.default_rng(seed)
    owners = np.repeat(np.arange(entries), chance.integers(1, 4, entries)).tolist()
    questions = unit(chance.standard_normal((len(owners), 6)))
    labels, rows = unit(chance.standard_normal((count, 6))), chance.integers(0, entries, count)
    weights = chance.uniform(0.1, 1, count).astype(np.float32)
    expected, got = [prior * question.astype(np.float64) for question in questions], [0] * len(owners)
    for label, row, weight in zip(labels, rows, weights, strict=True):
        own = [place for place, owner in enumerate(owners) if owner == row]
        nearest = max(own, key=lambda place: float(questions[place] @ label))
        expected[nearest] = expected[nearest] + float(weight) * label
        got[nearest] += 1
    vectors, counts = blended(questions, owners, labels, rows, weights, prior)
    np.testing.assert_allclose(vectors, unit(np.array(expected)), atol=1e-5)
    assert vectors.dtype == np.float32 and counts.tolist() == got


def test_the_more_labels_the_less_the_question_itself_counts():
    questions, labels = unit(np.array([[1.0, 0.0], [0.0, 1.0]])), unit(np.array([[1.0, 1.0]]))
    one, many = (
        blended(questions, [0, 1], np.repeat(labels, n, axis=0), np.zeros(n, dtype=np.int64), np.ones(n, np.float32))[0]
        for n in (1, 100)
    )
    assert 0.99 < float(one[0] @ questions[0]) < 1
    assert float(many[0] @ labels[0]) > 0.995
    np.testing.assert_array_equal(one[1], questions[1])


def test_labels_that_cancel_their_question_out_leave_it_as_it_is():
    questions = np.array([[1.0, 0.0]], dtype=np.float32)
    vectors, counts = blended(
        questions,
        [0],
        -np.repeat(questions, 30, axis=0),
        np.zeros(30, np.int64),
        np.full(30, 1 / 3, np.float32),
        prior=10,
    )
    np.testing.assert_array_equal(vectors, questions)
    assert counts.tolist() == [30]


@pytest.mark.parametrize("prior", [0, -1, float("nan")])
def test_a_prior_that_leaves_questions_no_place_is_refused(prior: float):
    nothing = np.zeros((0, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="prior"):
        blended(np.eye(2, dtype=np.float32), [0, 1], nothing, np.zeros(0, np.int64), np.zeros(0, np.float32), prior)
