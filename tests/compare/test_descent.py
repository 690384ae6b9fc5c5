"""The search over layers: what it finds on landscapes that are known, and what it never takes."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from faqtune.compare.descent import FINER, FIRST, Coefficients, descend, most_tried, turned

NOTHING = 0.0


def counted(value: Callable[[Coefficients], float]) -> tuple[Callable[[Coefficients], tuple[float]], set[Coefficients]]:
    asked: set[Coefficients] = set()

    def found(coefficients: Coefficients) -> tuple[float]:
        asked.add(coefficients)
        return (value(coefficients),)

    return found, asked


def nothing_lost(coefficients: Coefficients) -> float:
    return NOTHING


def test_the_layer_that_does_harm_is_turned_back_and_no_other() -> None:
    value, _ = counted(lambda c: 1 - c[2] + 0.1 * (c[0] + c[1] + c[3]))

    assert descend(4, value, nothing_lost, 0.01) == (1, 1, 0, 1)


def test_where_nothing_helps_nothing_is_turned_back() -> None:
    value, _ = counted(lambda c: float(sum(c)))

    assert descend(3, value, nothing_lost, 0.01) == (1, 1, 1)


def test_a_layer_that_does_not_matter_stays_tuned() -> None:
    assert descend(3, lambda c: (0.5, 0.5), nothing_lost, 0.01) == (1, 1, 1)


@pytest.mark.parametrize(("peak", "found"), [(0.0, 0), (0.2, 0.25), (0.5, 0.5), (0.7, 0.75), (0.9, 1)])
def test_the_nearest_place_that_is_tried_is_found(peak: float, found: float) -> None:
    value, _ = counted(lambda c: -abs(c[0] - peak) + 0.1 * c[1])

    assert descend(2, value, nothing_lost, 0.01) == (found, 1)


def test_the_second_figure_decides_where_the_first_is_alike() -> None:
    assert descend(2, lambda c: (0.5, 1 - c[1]), nothing_lost, 0.01) == (1, 0)


def test_where_layers_do_not_depend_on_each_other_the_best_of_all_combinations_is_found() -> None:
    gains = (0.3, -0.2, 0.1, -0.4, 0.05)
    value, _ = counted(lambda c: sum(gain * at for gain, at in zip(gains, c, strict=True)))

    best = descend(5, value, nothing_lost, 0.01)

    naive = max(itertools.product((0.0, 0.25, 0.5, 0.75, 1.0), repeat=5), key=lambda c: value(c))
    assert best == naive == (1, 0, 1, 0, 1)


def test_what_forgets_more_than_the_budget_is_not_taken() -> None:
    value, _ = counted(lambda c: 2 - sum(c))

    best = descend(2, value, lambda c: 0.02 * (1 - c[0]), 0.015)

    assert best == (0.25, 0), "layer 0 as far back as the budget lets it"


def test_a_model_that_forgets_too_much_is_first_brought_within_the_budget() -> None:
    value, _ = counted(lambda c: float(sum(c)))

    best = descend(3, value, lambda c: 0.03 * c[1] + 0.005 * c[0], 0.01)

    assert 0.03 * best[1] + 0.005 * best[0] <= 0.01
    assert best[2] == 1


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_no_more_is_measured_than_was_said(layers: int) -> None:
    value, asked = counted(lambda c: -sum((at - 0.3) ** 2 for at in c))

    descend(layers, value, nothing_lost, 0.01)

    assert len(asked) <= most_tried(layers)
    assert {at for c in asked for at in c} <= {*FIRST, *FINER}


def test_turning_one_layer_leaves_the_others() -> None:
    assert turned((1.0, 0.5, 1.0), 1, 0.0) == (1, 0, 1)
