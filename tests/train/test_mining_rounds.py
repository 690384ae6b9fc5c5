"""When a training mines, and what it encodes for that."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Toys = Callable[..., Any]

AT_EVALUATIONS = {"every_steps": 0, "at_evaluations": True}
"""Measured after 2, 4 and 6 of 6 steps."""


@pytest.mark.parametrize(
    ("mining", "rounds"),
    [
        (AT_EVALUATIONS, [0, 2, 4]),
        ({"every_steps": 3, "at_evaluations": True}, [0, 2, 3, 4]),
        ({"every_steps": 3}, [0, 3]),
        ({"every_steps": 0}, [0]),
    ],
)
def test_mining_comes_when_it_is_due_and_not_after_the_last_step(toy: Toys, mining: dict[str, Any], rounds: list[int]):
    training = toy(mining=mining)
    training.train()
    assert [event[2] for event in training.record.told if event[0] == "mined"] == rounds


@pytest.mark.parametrize(("mining", "times"), [(AT_EVALUATIONS, 5), ({"every_steps": 2}, 7)])
def test_where_mining_belongs_to_measuring_the_catalogue_is_encoded_once_for_both(
    toy: Toys, monkeypatch: pytest.MonkeyPatch, mining: dict[str, Any], times: int
):
    """Four measurements and three rounds of mining, two of them right after a measurement."""
    training = toy(mining=mining)
    encoded: Counter[str] = Counter()
    encode = training.model.encode

    def watched(texts: Sequence[str], *rest: Any, **named: Any) -> Any:
        encoded.update(set(texts))
        return encode(texts, *rest, **named)

    monkeypatch.setattr(training.model, "encode", watched)
    training.train()
    assert {encoded[question] for question in training.data.catalogue.questions} == {times}
    assert {encoded[label.text] for label in training.data.labels} == {3}


@pytest.mark.parametrize("last", [2, 3])
def test_a_training_interrupted_at_such_a_round_ends_bit_identical(toy: Toys, tmp_path: Path, last: int):
    whole, interrupted, resumed = (
        toy(folder=tmp_path / name, mining=AT_EVALUATIONS | {"negatives_per_query": 3}) for name in ("a", "b", "b")
    )
    whole.train()
    interrupted.record.on_step = lambda *place: signal.raise_signal(signal.SIGINT) if place == (1, last) else None
    assert interrupted.train().status == "interrupted"
    assert resumed.train().status == "done"
    assert resumed.has(whole.weights()) and resumed.log() == whole.log()
