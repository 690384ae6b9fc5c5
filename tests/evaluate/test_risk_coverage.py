"""The area under the generalised risk-coverage curve against its definition, point by point."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from faqtune.evaluate.metrics import augrc
from faqtune.evaluate.tallies import once, tally


def naive(scores: np.ndarray, fails: np.ndarray, weights: np.ndarray) -> float:
    """Trapezia under (share answered, share answered that fails) from one level of the threshold to the next."""
    points = [(0.0, 0.0)]
    for level in sorted(set(scores.tolist()), reverse=True):
        answered = scores >= level
        points.append((weights[answered].sum(), (weights * fails)[answered].sum()))
    return sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in itertools.pairwise(points))


@pytest.mark.parametrize("decimals", [1, 2, 7])
def test_the_area_is_that_of_its_definition(decimals: int):
    rng = np.random.default_rng(decimals)
    scores = rng.random(60).round(decimals).astype(np.float32)
    wrong = rng.random(60) < 0.4
    noise = rng.random(37).round(decimals).astype(np.float32)
    tallied = [tally(part, once(len(part))) for part in (scores[~wrong], scores[wrong], noise)]

    assert augrc(*tallied[:2]).item() == pytest.approx(naive(scores, wrong, np.full(60, 1 / 60)), abs=1e-12)
    together, fails = np.r_[scores, noise], np.r_[wrong, np.ones(37, bool)]
    weights = np.r_[np.full(60, 0.5 / 60), np.full(37, 0.5 / 37)]
    assert augrc(*tallied).item() == pytest.approx(naive(together, fails, weights), abs=1e-12)


def test_it_is_the_closed_form_of_the_paper():
    """Traub et al. 2024, eq. 8: (1 - AUROC_f) acc (1 - acc) + (1 - acc)^2 / 2."""
    rng = np.random.default_rng(0)
    scores, right = rng.random(200).astype(np.float32), rng.random(200) < 0.7
    accuracy = right.mean()
    expected = (1 - roc_auc_score(right, scores)) * accuracy * (1 - accuracy) + (1 - accuracy) ** 2 / 2
    found = augrc(tally(scores[right], once(right.sum())), tally(scores[~right], once((~right).sum())))
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_by_hand():
    """Right at 0.9 and 0.5, wrong at 0.7: one pair of two is misordered; (1/9) + (1/3)^2 / 2."""
    right, wrong = tally(np.float32([0.9, 0.5]), once(2)), tally(np.float32([0.7]), once(1))
    assert augrc(right, wrong).item() == pytest.approx(1 / 9 + 1 / 18)
    perfect = tally(np.float32([0.9]), once(1))
    nothing = tally(np.zeros(0, np.float32), once(0))
    assert augrc(perfect, nothing).item() == 0
    assert augrc(nothing, wrong).item() == 0.5
    # Half noise, all of it below the only right query: (1/2)^2 / 2.
    assert augrc(perfect, nothing, wrong).item() == 0.125
