"""The learning curve's fit, and when it must not say anything."""

import numpy as np
import pytest

from faqtune.annotate.curve import CANNOT_SAY, EXPONENTS, FLAT, RISING, Point, fit, project

AMOUNTS = (0, 50, 100, 150, 200, 300)


def points_of(curve, error=0.0, seed=0, repeats=1):
    rng = np.random.default_rng(seed)
    return [Point(n, float(curve(n) + rng.normal(0, error))) for n in AMOUNTS for _ in range(repeats)]


def naive_fit(labels, values):
    """For every exponent of the grid, least squares by numpy's solver."""
    k, best = min(n for n in labels if n > 0), None
    for c in EXPONENTS:
        x = np.array([(n + k) ** -c for n in labels])
        (a, slope), *_ = np.linalg.lstsq(np.stack([np.ones(len(x)), x], axis=1), values, rcond=None)
        if slope > 0:
            a, slope = np.mean(values), 0.0
        error = sum((a + slope * one - value) ** 2 for one, value in zip(x, values, strict=True))
        if best is None or error < best[0] - 1e-15:
            best = (error, a, -slope, c)
    return best[1:]


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_its_naive_twin(seed):
    points = points_of(lambda n: 0.6 - 0.8 * (n + 50) ** -0.4, 0.02, seed)
    labels, values = np.array([p.labels for p in points], dtype=float), np.array([p.value for p in points])
    law = fit(labels, values)
    assert (law.a, law.b, law.c) == pytest.approx(naive_fit(labels, values), rel=1e-6, abs=1e-9)


def test_an_exact_power_law_is_found_and_goes_on():
    c = float(EXPONENTS[20])

    def curve(n):
        return 0.7 - 0.9 * (n + 50) ** -c

    found = project(points_of(curve))
    assert found.gain == pytest.approx(curve(400) - curve(300), abs=1e-6)
    assert found.low == pytest.approx(found.high, abs=1e-5)


def test_a_rising_curve_is_called_rising_and_a_level_one_flat():
    assert project(points_of(lambda n: 0.3 + 0.001 * n, 0.002, repeats=3)).verdict == RISING
    assert project(points_of(lambda n: 0.5, 0.002, repeats=3)).verdict == FLAT
    assert project(points_of(lambda n: 0.5 - 0.0005 * n, 0.002, repeats=3)).gain == 0


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([], "few"),
        ([Point(0, 0.3), Point(100, 0.4), Point(200, 0.45)], "few"),
        ([Point(n, 0.3 + n / 1000) for n in (100, 110, 120, 130, 140)], "close"),
        (points_of(lambda n: 0.4, 0.3, seed=1), "wide"),
    ],
)
def test_it_says_when_it_cannot_say(points, why):
    found = project(points)
    assert found.verdict == CANNOT_SAY
    assert found.why == why
    assert np.isnan(found.gain)


def test_the_interval_covers_the_true_gain():
    """Nine in ten and more of 100 noisy curves; the law itself holds here."""

    def curve(n):
        return 0.6 - 0.7 * (n + 50) ** -0.35

    true = curve(400) - curve(300)
    found = [project(points_of(curve, 0.01, seed, repeats=3)) for seed in range(100)]
    covered = [one.low <= true <= one.high for one in found if one.verdict != CANNOT_SAY]
    assert len(covered) > 90
    assert np.mean(covered) >= 0.9
