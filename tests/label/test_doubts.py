"""Likely wrong labels: what confident learning says, and that it finds labels that were made wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.label import doubts
from faqtune.label.doubts import Suspect, probabilities, suspects


def naive(table, labels):
    """Row by row, class by class."""
    overall = sum(row[y] for row, y in zip(table, labels, strict=True)) / len(labels)
    thresholds = []
    for j in range(len(table[0])):
        own = [row[y] for row, y in zip(table, labels, strict=True) if y == j]
        thresholds.append((sum(own) + 5 * overall) / (len(own) + 5))
    found = []
    for number, (row, y) in enumerate(zip(table, labels, strict=True)):
        above = [j for j in range(len(row)) if row[j] >= thresholds[j]]
        if not above:
            continue
        j = max(above, key=lambda j: (row[j], -j))
        if j != y:
            found.append((number, j, (1 + row[j] - row[y]) / 2))
    return sorted(found, key=lambda one: -round(one[2], 9))


rows = st.lists(
    st.tuples(st.lists(st.integers(0, 9), min_size=3, max_size=3), st.integers(0, 2)), min_size=1, max_size=20
)


@given(rows)
def test_suspects_are_their_naive_twin(drawn):
    # Thirds and tenths of a row land exactly on thresholds now and then; an uneven addend keeps them off.
    table = np.array([[value + 0.1234 * (at + 1) for at, value in enumerate(values)] for values, _ in drawn])
    table /= table.sum(axis=1, keepdims=True)
    labels = [label for _, label in drawn]
    found = suspects(table, labels)
    expected = naive(table.tolist(), labels)
    assert sorted((one.row, one.suggested) for one in found) == sorted((row, j) for row, j, _ in expected)
    score = {row: value for row, _, value in expected}
    assert all(one.score == pytest.approx(score[one.row], abs=1e-4) for one in found)
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)


def test_one_by_hand():
    table = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])
    # Labels 0, 0, 0, 1: own 0.9, 0.8, 0.2, 0.9, mean 0.7; thresholds (1.9 + 3.5) / 8 and (0.9 + 3.5) / 6.
    assert suspects(table, [0, 0, 0, 1]) == [Suspect(2, 1, 0.8)]
    assert suspects(table, [0, 0, 1, 1]) == []


def test_nothing_labelled_nothing_doubted():
    assert suspects(np.zeros((0, 4)), []) == []


def test_the_temperature_is_the_likeliest_of_all():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 200)
    scores = rng.normal(0.5, 0.05, (200, 6))
    scores[np.arange(200), labels] += rng.normal(0.1, 0.05, 200)
    made = probabilities(scores, labels)
    assert made.sum(axis=1) == pytest.approx(1)

    def likelihood(temperature):
        powers = np.exp(scores / temperature)
        return np.log(powers[np.arange(200), labels] / powers.sum(axis=1)).sum()

    best = max(doubts.TEMPERATURES, key=likelihood)
    powers = np.exp(scores / best)
    assert made == pytest.approx(powers / powers.sum(axis=1, keepdims=True))


def test_labels_that_were_made_wrong_are_found():
    """400 queries of 20 entries, every tenth label wrong: most are found, and hardly a right one is suspected."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 20, 400)
    scores = rng.normal(0.6, 0.05, (400, 20)).astype(np.float32)
    scores[np.arange(400), truth] += 0.2
    labels = truth.copy()
    wrong = rng.choice(400, 40, replace=False)
    labels[wrong] = (truth[wrong] + rng.integers(1, 20, 40)) % 20
    found = suspects(probabilities(scores, labels), labels)
    hit = [suspect for suspect in found if suspect.row in set(wrong.tolist())]
    assert len(hit) >= 28
    assert len(hit) >= 0.9 * len(found)
    assert all(suspect.suggested == truth[suspect.row] for suspect in hit)


def test_a_class_of_which_the_model_is_never_sure_is_not_all_suspect():
    """The threshold is per class: 0.3 is much for a class that never gets more."""
    table = np.array([[0.3, 0.4, 0.3]] * 30 + [[0.02, 0.96, 0.02]] * 30)
    assert suspects(table, [0] * 30 + [1] * 30) == []
