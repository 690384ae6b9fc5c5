"""Batches that are made while the device works on the one before: the same batches, and the same training."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from faqtune.train import ahead, stage
from faqtune.train.ahead import BatchesAhead
from faqtune.train.batches import Batch, batch_at

Toys = Callable[..., Any]


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "waits_for_batches", lambda model: True)


class Model:
    """Remembers which texts were tokenised, and by which thread."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.tokenised: list[tuple[str, str]] = []

    def tokenise(self, texts: tuple[str, ...]) -> None:
        self.tokenised += [(text, threading.current_thread().name) for text in texts]


class Texts:
    """In the place of a batch."""

    def __init__(self, step: int) -> None:
        self.texts = (f"text {step}",)


@pytest.mark.usefixtures("as_on_a_gpu")
def test_the_next_batch_is_made_in_a_thread_and_none_beyond_the_round() -> None:
    made: list[tuple[int, str]] = []

    def make(step: int) -> Any:
        made.append((step, threading.current_thread().name))
        return Texts(step)

    model = Model()
    batches = BatchesAhead(make, model, until=5)  # type: ignore[arg-type]
    found = [batches.take(step).texts[0] for step in (2, 3, 4)]
    assert found == ["text 2", "text 3", "text 4"]
    own = threading.current_thread().name
    assert made == [(2, own), (3, "batch of step 4"), (4, "batch of step 5")], "each once, none of step 5"
    assert model.tokenised == [("text 3", "batch of step 4"), ("text 4", "batch of step 5")]


@pytest.mark.usefixtures("as_on_a_gpu")
def test_it_is_made_while_the_device_works() -> None:
    begun = threading.Event()

    def make(step: int) -> Any:
        if step == 1:
            begun.set()
        return Texts(step)

    BatchesAhead(make, Model(), until=9).take(0)  # type: ignore[arg-type]
    assert begun.wait(timeout=60), "before it is asked for"


@pytest.mark.usefixtures("as_on_a_gpu")
def test_what_goes_wrong_in_the_thread_is_raised_where_the_batch_is_taken() -> None:
    def make(step: int) -> Any:
        if step == 1:
            raise ValueError("no such row")
        return Texts(step)

    batches = BatchesAhead(make, Model(), until=9)  # type: ignore[arg-type]
    batches.take(0)
    with pytest.raises(ValueError, match="no such row"):
        batches.take(1)


def test_on_a_cpu_nothing_is_made_before_it_is_taken() -> None:
    made: list[int] = []

    def make(step: int) -> Any:
        made.append(step)
        return Texts(step)

    model = Model()
    batches = BatchesAhead(make, model, until=9)  # type: ignore[arg-type]
    batches.take(0)
    batches.take(1)
    assert made == [0, 1] and not model.tokenised


@pytest.mark.parametrize("mining", [{"every_steps": 2}, {"every_steps": 0}, {"every_steps": 0, "at_evaluations": True}])
def test_a_training_ends_with_the_same_weights(
    toy: Toys, mining: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[bool, list[int]] = {False: [], True: []}
    trained = []
    for is_ahead, steps in made.items():

        def watched(*given: Any, steps: list[int] = steps) -> Batch:
            steps.append(given[-1])
            return batch_at(*given)

        monkeypatch.setattr(stage, "batch_at", watched)
        monkeypatch.setattr(ahead, "waits_for_batches", lambda model, it=is_ahead: it)
        training = toy(mining={"negatives_per_query": 1, **mining}, folder=tmp_path / str(is_ahead))
        training.train()
        trained.append(training)
    assert trained[1].has(trained[0].weights())
    assert sorted(made[False]) == sorted(made[True]), "none is made in vain"
