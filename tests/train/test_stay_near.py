"""Staying near the base model within a real training: the loss alone is tested in `test_losses.py`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Toys = Callable[..., Any]

HELD: dict[str, Any] = {"losses": {"ranking": {"weight": 1}, "stay_near": {"weight": 100}}}


def cosines(training: Any) -> Any:
    vectors = training.model.encode(training.data.noise)
    return vectors @ vectors.T


def steps(training: Any) -> list[float]:
    return [event["parts"]["stay_near"] for event in training.log() if event["event"] == "step"]


def test_cosines_of_the_noise_stay_where_the_base_model_has_them(toy: Toys, tmp_path: Path):
    changed: dict[bool, float] = {}
    for held in (False, True):
        training = toy(folder=tmp_path / str(held), losses=HELD["losses"] if held else {"ranking": {"weight": 1}})
        training.folder.mkdir()
        before, after = cosines(training), []
        training.record.on_step = lambda stage, step, t=training, to=after: to.append(cosines(t))
        training.train()
        changed[held] = float(np.abs(after[-1] - before).mean())
    assert changed[True] < 0.7 * changed[False]


def test_at_the_first_step_nothing_has_changed_whichever_noise_is_drawn(toy: Toys):
    """The base model's vectors are those of the batch's own sentences."""
    training = toy(**HELD)
    training.train()
    found = steps(training)
    assert found[0] == pytest.approx(0, abs=1e-8) and min(found[1:]) > 1e-6


def test_a_resumed_training_and_a_second_stage_stay_near_the_base_model_too(toy: Toys, tmp_path: Path):
    """And not near the model that they go on with."""
    whole = toy({}, {}, folder=tmp_path / "whole", **HELD)
    whole.train()
    assert steps(whole)[6] > 1e-6, "the second stage begins where the first has ended"
    stopped = toy({}, {}, folder=tmp_path / "stopped", **HELD)
    stopped.record.on_step = lambda stage, step: signal.raise_signal(signal.SIGINT) if (stage, step) == (2, 3) else None
    assert stopped.train().status == "interrupted"
    resumed = toy({}, {}, folder=tmp_path / "stopped", **HELD)
    assert resumed.train().status == "done"
    assert resumed.has(whole.weights()) and steps(resumed) == steps(whole)
