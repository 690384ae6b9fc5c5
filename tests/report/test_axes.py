from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.report.axes import Axis, Box, count_axis, fitted_axis, fitted_share_axis, small_share_axis

values_lists = st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=30)


@given(values_lists, st.booleans())
def test_a_fitted_axis_holds_every_value_and_has_distinct_ticks(values: list[float], from_zero: bool) -> None:
    axis = fitted_axis(values, "", from_zero=from_zero)
    check_ticks(axis)
    slack = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - slack <= value <= axis.high + slack for value in values)
    assert not from_zero or axis.low <= 0 <= axis.high


@given(st.lists(st.floats(0, 1), max_size=30))
def test_a_share_axis_never_leaves_0_to_100_percent(shares: list[float]) -> None:
    axis = fitted_share_axis(shares, "")
    check_ticks(axis)
    assert 0 <= axis.low <= min(shares, default=0) + 1e-9
    assert max(shares, default=1) - 1e-9 <= axis.high <= 1


@given(st.integers(0, 10**7))
def test_a_count_axis_has_whole_ticks(most: int) -> None:
    axis = count_axis(most, "")
    assert all(value == int(value) and 0 <= value <= axis.high for value, _ in axis.ticks)
    assert 2 <= len(axis.ticks) <= 8


def test_small_shares_get_the_square_root_of_the_room() -> None:
    axis = small_share_axis("")
    assert axis.share(0.25) == 0.5
    assert axis.share(0.01) == pytest.approx(0.1)


def test_a_box_turns_values_into_pixels_with_y_upwards_and_outliers_at_the_edge() -> None:
    box, axis = Box(10, 20, 100, 50), Axis(0, 4, ())
    assert box.points(axis, axis, [(1, 1), (4, 4), (99, -5)]) == [(35, 57.5), (110, 20), (110, 70)]


def check_ticks(axis: Axis) -> None:
    assert axis.low < axis.high
    assert 2 <= len(axis.ticks) <= 8
    slack = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - slack <= value <= axis.high + slack for value, _ in axis.ticks)
    labels = [label for _, label in axis.ticks]
    assert len(set(labels)) == len(labels)
