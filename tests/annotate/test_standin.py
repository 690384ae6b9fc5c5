"""The stand-in for trainings: labelled queries as standard questions of a frozen model."""

import numpy as np
import pytest

from faqtune.annotate.standin import DRAWS, NOISE_WEIGHT, Labelled, score, stand_in_curve


def unit(rows):
    rows = np.array(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def random_labelled(rng, n, entries=4):
    return Labelled(unit(rng.normal(size=(n, 8))), rng.integers(-1, entries, n))


def naive_score(questions, owners, noise, known, test):
    scored = []
    for vector, entry in zip(test.vectors, test.entries, strict=True):
        bank = [(float(q @ vector), e) for q, e in zip(questions, owners, strict=True)]
        bank += [(float(v @ vector), e) for v, e in zip(known.vectors, known.entries, strict=True) if e >= 0]
        rejected = [float(v @ vector) for v in noise]
        rejected += [float(v @ vector) for v, e in zip(known.vectors, known.entries, strict=True) if e < 0]
        best, said = max(bank, key=lambda pair: pair[0])
        scored.append((best - NOISE_WEIGHT * max(rejected), said, int(entry)))
    stray = sorted((s for s, _, entry in scored if entry < 0), reverse=True)
    allowed = int(0.05 * len(stray))
    threshold = stray[allowed]
    queries = [(s, said, entry) for s, said, entry in scored if entry >= 0]
    return np.mean([s > threshold and said == entry for s, said, entry in queries])


@pytest.mark.parametrize("seed", range(5))
def test_the_score_is_its_naive_twin(seed):
    rng = np.random.default_rng(seed)
    questions, noise = unit(rng.normal(size=(6, 8))), unit(rng.normal(size=(5, 8)))
    owners = (0, 0, 1, 2, 3, 3)
    known, test = random_labelled(rng, 30), random_labelled(rng, 80)
    assert score(questions, owners, noise, known, test) == pytest.approx(
        naive_score(questions, owners, noise, known, test)
    )


def test_labels_help_where_customers_say_it_otherwise():
    """Entry 1 is asked for in a direction that its question does not have; a labelled query shows it."""
    questions = unit([[1, 0, 0, 0], [0, 1, 0, 0]])
    test = Labelled(unit([[1, 0, 0.1, 0], [0, 0, 1, 0.2], [0, 0.1, 0, 1]]), np.array([0, 1, -1]))
    noise = unit([[0, 0, 0, 1]])
    none = Labelled(np.empty((0, 4), dtype=np.float32), np.empty(0, dtype=np.int64))
    some = Labelled(unit([[0, 0, 1, 0]]), np.array([1]))
    assert score(questions, (0, 1), noise, none, test) == 0.5
    assert score(questions, (0, 1), noise, some, test) == 1.0


def test_the_curve_goes_from_nothing_to_everything_and_is_the_same_every_time():
    rng = np.random.default_rng(1)
    questions, noise = unit(rng.normal(size=(6, 8))), unit(rng.normal(size=(5, 8)))
    known, test = random_labelled(rng, 60), random_labelled(rng, 80)
    points = stand_in_curve(questions, (0, 0, 1, 2, 3, 3), noise, known, test)
    assert sorted({point.labels for point in points}) == [0, 10, 20, 30, 40, 50, 60]
    assert len(points) == 2 + 5 * DRAWS
    assert points == stand_in_curve(questions, (0, 0, 1, 2, 3, 3), noise, known, test)
    assert points[-1].value == score(questions, (0, 0, 1, 2, 3, 3), noise, known, test)


def test_without_noise_there_is_no_figure():
    test = Labelled(unit([[1, 0]]), np.array([0]))
    assert np.isnan(score(unit([[1, 0]]), (0,), np.empty((0, 2), dtype=np.float32), test, test))
