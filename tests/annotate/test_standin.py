"""The stand-in for trainings: one matrix over a frozen model, against plain least squares."""

import numpy as np
import pytest

from faqtune.annotate.standin import (
    DRAWS,
    NOISE_WEIGHT,
    RIDGE,
    UNLABELLED,
    Labelled,
    score,
    stand_in_curve,
    turn,
)


def unit(rows):
    rows = np.array(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def random_labelled(rng, n, entries=4):
    return Labelled(unit(rng.normal(size=(n, 8))), rng.integers(-1, entries, n))


def naive_turn(questions, owners, noise, labels):
    """The same least squares by stacking one weighted row per text, per noise sentence and per axis."""
    pairs = [(q, o) for q, o in zip(questions, owners, strict=True)]
    pairs += [(v, e) for one in labels for v, e in zip(one.vectors, one.entries, strict=True)]
    texts = [(v.astype(float), e) for v, e in pairs if e >= 0]
    rejected = [v.astype(float) for v in noise] + [v.astype(float) for v, e in pairs if e < 0]
    middle = np.mean([v for v, _ in texts] + rejected, axis=0)
    d = len(middle)
    ridge = RIDGE * sum(((v - middle) ** 2).sum() for v, _ in texts) / d
    weight = NOISE_WEIGHT * len(texts) / max(1, len(rejected))
    given, wanted = [], []
    for v, e in texts:
        centre = np.mean([q for q, o in zip(questions, owners, strict=True) if o == e], axis=0)
        given.append(v - middle)
        wanted.append(centre - middle)
    for v in rejected:
        given.append(np.sqrt(weight) * (v - middle))
        wanted.append(np.zeros(d))
    for axis in np.eye(d):
        given.append(np.sqrt(ridge) * axis)
        wanted.append(np.sqrt(ridge) * axis)
    return np.linalg.lstsq(np.array(given), np.array(wanted), rcond=None)[0].T, middle


def naive_score(questions, owners, noise, labels, test):
    matrix, middle = naive_turn(questions, owners, noise, labels)
    scored = []
    for vector, entry in zip(test.vectors, test.entries, strict=True):
        bank = []
        for question, owner in zip(questions, owners, strict=True):
            towards = (question - middle) / np.linalg.norm(question - middle)
            bank.append((float(towards @ matrix @ (vector - middle)), owner))
        scored.append((*max(bank, key=lambda pair: pair[0]), int(entry)))
    stray = sorted((s for s, _, entry in scored if entry < 0), reverse=True)
    threshold = stray[int(0.05 * len(stray))]
    queries = [(s, said, entry) for s, said, entry in scored if entry >= 0]
    return np.mean([s > threshold and said == entry for s, said, entry in queries])


@pytest.mark.parametrize("seed", range(5))
def test_the_score_is_its_naive_twin(seed):
    rng = np.random.default_rng(seed)
    questions, noise = unit(rng.normal(size=(6, 8))), unit(rng.normal(size=(5, 8)))
    owners = (0, 0, 1, 2, 3, 3)
    known, weak, test = random_labelled(rng, 30), random_labelled(rng, 10), random_labelled(rng, 80)
    matrix, _ = naive_turn(questions, owners, noise, [known, weak])
    assert turn(questions, owners, noise, [known, weak]).matrix == pytest.approx(matrix, abs=1e-5)
    assert score(questions, owners, noise, known, test, weak) == pytest.approx(
        naive_score(questions, owners, noise, [known, weak], test)
    )


def test_labels_help_where_customers_say_it_otherwise():
    """Entry 1 is asked for in a direction that its question does not have; labelled queries show it."""
    questions = unit([[1, 0, 0, 0], [0, 1, 0, 0]])
    test = Labelled(unit([[1, 0, 0.1, 0], [0.1, 0, 1, 0.2], [0.3, 0.3, 0, 1]]), np.array([0, 1, -1]))
    noise = unit([[0, 0, 0, 1], [0.1, 0, 0, 1]])
    none = Labelled(np.empty((0, 4), dtype=np.float32), np.empty(0, dtype=np.int64))
    some = Labelled(unit([[0, 0, 1, 0], [0, 0.1, 1, 0.1]]), np.array([1, 1]))
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


def test_what_machines_say_counts_until_the_label_by_hand_is_there():
    """At no label the curve is that of the machines' labels, of these queries and of others; at all, of people's."""
    rng = np.random.default_rng(2)
    questions, noise, owners = unit(rng.normal(size=(6, 8))), unit(rng.normal(size=(5, 8))), (0, 0, 1, 2, 3, 3)
    known, weak, test = random_labelled(rng, 30), random_labelled(rng, 10), random_labelled(rng, 80)
    machines = np.where(np.arange(30) % 3 == 0, UNLABELLED, rng.integers(-1, 4, 30))
    points = stand_in_curve(questions, owners, noise, known, test, weak=weak, machines=machines)
    some = machines != UNLABELLED
    by_machines = Labelled(
        np.concatenate([weak.vectors, known.vectors[some]]), np.concatenate([weak.entries, machines[some]])
    )
    none = Labelled(known.vectors[:0], known.entries[:0])
    assert points[0].value == pytest.approx(naive_score(questions, owners, noise, [none, by_machines], test))
    assert points[-1].value == pytest.approx(naive_score(questions, owners, noise, [known, weak], test))
