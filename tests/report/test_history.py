from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.report.history import DRAWN_POINTS, smoothed, thinned, training

TWO_STAGES: list[dict[str, Any]] = [
    {"event": "measured", "stage": 1, "step": 0, "figures": {"oscr@5": 0.4}, "best": True},
    {"event": "mined", "stage": 1, "step": 1, "figures": {"noise_similarity": 0.8}},
    {"event": "step", "stage": 1, "step": 1, "loss": 3.0},
    {"event": "step", "stage": 1, "step": 2, "loss": float("nan")},
    {"event": "measured", "stage": 1, "step": 2, "figures": {"oscr@5": 0.6}, "best": True},
    {"event": "step", "stage": 2, "step": 1, "loss": 1.0},
    {"event": "measured", "stage": 2, "step": 1, "figures": {"oscr@5": 0.5, "recall@1": float("nan")}, "best": False},
    {"event": "a later version's event"},
]


def test_stages_follow_each_other_on_one_axis() -> None:
    run = training(TWO_STAGES)
    assert (run.steps, run.starts) == (3, (0, 2))
    assert run.losses == (((1, 3.0),), ((3, 1.0),))
    assert run.figures["oscr@5"] == ((0, 0.4), (2, 0.6), (3, 0.5))
    assert run.figures["noise_similarity"] == ((1, 0.8),)


def test_numbers_that_are_not_finite_are_not_drawn() -> None:
    assert "recall@1" not in training(TWO_STAGES).figures


def test_the_best_step_is_the_last_that_was_best_and_0_is_the_base_model() -> None:
    assert training(TWO_STAGES).best_step == 2
    assert training(TWO_STAGES[:1]).best_step == 0
    assert training([]).best_step is None


@given(st.lists(st.floats(-100, 100), max_size=700))
def test_smoothing_is_the_mean_over_a_window_cut_at_the_ends(losses: list[float]) -> None:
    points = [(float(step), loss) for step, loss in enumerate(losses)]
    half = max(1, round(len(points) * 0.04 / 2))
    drawn = smoothed(points)
    assert len(drawn) == min(len(points), DRAWN_POINTS)
    for step, mean in drawn:
        window = [losses[i] for i in range(len(losses)) if abs(i - step) <= half]
        assert mean == pytest.approx(sum(window) / len(window), abs=1e-9)


@pytest.mark.parametrize("length", [0, 1, 600, 601, 1234, 5000])
def test_thinning_keeps_order_and_every_extreme(length: int) -> None:
    points = [(float(step), value) for step, value in enumerate(np.random.default_rng(length).random(length).tolist())]
    drawn = thinned(points)
    assert len(drawn) <= 2 * DRAWN_POINTS
    assert drawn == sorted(drawn)
    assert set(drawn) <= set(points)
    for extreme in (min, max):
        assert extreme((v for _, v in drawn), default=0) == extreme((v for _, v in points), default=0)


def test_noise_that_is_trained_on_and_noise_that_is_measured_are_two_lines():
    log = [
        {"event": "mined", "stage": 1, "step": 0, "figures": {"noise_similarity": 0.8}},
        {"event": "measured", "stage": 1, "step": 0, "figures": {"noise_similarity": 0.6, "auroc": 0.9}, "best": True},
    ]
    found = training(log).figures
    assert found["noise_similarity"] == ((0, 0.8),) and found["noise_similarity/selection"] == ((0, 0.6),)
