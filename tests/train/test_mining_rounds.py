"""When a training mines, and what it encodes for that."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faqtune.recipe import Mining
from faqtune.train import draws
from faqtune.train import stage as stage_module
from faqtune.train.batches import batch_at
from faqtune.train.draws import examples_drawn
from faqtune.train.mining import mine

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
    # At the start all of them, and then those that the two steps until the next round draw.
    drawn = Counter(
        training.data.examples[number].text
        for steps in (range(2, 4), range(4, 6))
        for number in examples_drawn(training.recipe.stages[0], training.data, training.recipe.seed, 1, steps)
    )
    assert {label.text: encoded[label.text] for label in training.data.labels} == {
        label.text: 1 + drawn[label.text] for label in training.data.labels
    }
    assert {drawn[label.text] for label in training.data.labels} == {0, 1}


@pytest.mark.parametrize("mining", [AT_EVALUATIONS, {"every_steps": 3}])
def test_every_step_finds_mined_what_it_draws(toy: Toys, monkeypatch: pytest.MonkeyPatch, mining: dict[str, Any]):
    """Of what was mined for either hard negatives are known or entries that may be right."""
    training = toy(mining=mining)
    stage, data, seed = training.recipe.stages[0], training.data, training.recipe.seed
    made = []

    def watched(*given: Any) -> Any:
        mined, step = given[2], given[5]
        examples = examples_drawn(stage, data, seed, 1, range(step, step + 1))
        found = (mined.hard[examples] >= 0).any(axis=1) | (mined.suspects.sizes[examples] > 0)
        made.append((step, bool(found.all()), len(examples)))
        return batch_at(*given)

    monkeypatch.setattr(stage_module, "batch_at", watched)
    training.train()
    assert {step for step, _, _ in made} == set(range(6)) and all(found and count for _, found, count in made)


@pytest.mark.parametrize(
    ("mining", "step", "following"), [({"every_steps": 4}, 0, 4), ({"every_steps": 4}, 8, 10), (AT_EVALUATIONS, 3, 6)]
)
def test_the_next_round(mining: dict[str, Any], step: int, following: int):
    assert stage_module._next_round(Mining(**mining), step, 3, 10) == following


@pytest.mark.parametrize("mining", [AT_EVALUATIONS, {"every_steps": 3}])
def test_a_stage_of_dialogues_alone_mines_for_nobody_in_later_rounds(toy: Toys, mining: dict[str, Any]):
    training = toy(data={"dialogues": 1}, losses={"ranking": {"weight": 1}}, mining=mining)
    rounds = [event["figures"] for event in training.train().history if event["event"] == "mined"]
    assert len(rounds) >= 2 and all("noise_similarity" in figures for figures in rounds)


def test_only_where_all_are_looked_at_their_cosines_are_told(toy: Toys):
    rounds = [event["figures"] for event in toy(mining={"every_steps": 3}).train().history if event["event"] == "mined"]
    assert [{"related", "unrelated"} <= figures.keys() for figures in rounds] == [True, False]


@pytest.mark.parametrize("count", [1, 2, 9, 36])
def test_of_the_drawn_the_same_is_found_as_of_all(toy: Toys, count: int):
    """But for what may be right: the mean cosine, from which that counts, is one of others."""
    training = toy()
    trusted = tuple(replace(label, trusted=True) for label in training.data.labels)
    data = replace(training.data, labels=trusted)
    drawn = np.sort(np.random.default_rng(count).choice(len(data.examples), size=count, replace=False))
    some, whole = (mine(training.model, data, Mining(negatives_per_query=3), drawn=d)[0] for d in (drawn, None))
    np.testing.assert_array_equal(some.hard[drawn], whole.hard[drawn])
    assert (np.delete(some.hard, drawn, axis=0) == -1).all()
    np.testing.assert_array_equal(some.noise_order, whole.noise_order)
    np.testing.assert_array_equal(some.noise_best, whole.noise_best)


@pytest.mark.parametrize("settings", [{"queries_per_query": 2}, {"near_to": "queries"}])
def test_the_drawn_and_noise_are_compared_with_queries_that_are_not_drawn(toy: Toys, settings: dict[str, Any]):
    training = toy()
    data = replace(training.data, labels=tuple(replace(label, trusted=True) for label in training.data.labels))
    drawn, encoded = np.array([1, len(data.labels) + 2]), []
    encode = training.model.encode
    training.model.encode = lambda texts, *rest: encoded.append(set(texts)) or encode(texts, *rest)
    some, whole = (mine(training.model, data, Mining(**settings), drawn=d)[0] for d in (drawn, None))
    np.testing.assert_array_equal(some.near_queries[drawn], whole.near_queries[drawn])
    np.testing.assert_array_equal(some.noise_order, whole.noise_order)
    assert (np.delete(some.hard, drawn, axis=0) == -1).all()
    assert (np.delete(some.near_queries, drawn, axis=0) == -1).all()
    assert {label.text for label in data.labels} <= encoded[0]
    if "near_to" in settings:
        few, _ = mine(training.model, data, Mining(**settings), queries=np.array([0, 3]), drawn=drawn)
        assert {label.text for label in data.labels} & encoded[2] == {data.labels[n].text for n in (0, 1, 3)}
        all_but, _ = mine(training.model, data, Mining(**settings), queries=np.array([0, 3]))
        np.testing.assert_array_equal(few.noise_order, all_but.noise_order)


def test_of_very_many_examples_the_first_round_looks_at_those_drawn_and_a_sample(
    toy: Toys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(draws, "FIRST_LOOK", 3)
    training = toy(mining={"every_steps": 3})
    looked_at: list[Any] = []

    def watched(*given: Any) -> Any:
        looked_at.append(given[5])
        return mine(*given)

    monkeypatch.setattr(stage_module, "mine", watched)
    rounds = [event["figures"] for event in training.train().history if event["event"] == "mined"]
    stage, data, seed = training.recipe.stages[0], training.data, training.recipe.seed
    # The refusal of what cannot learn looks at as many as 20 steps; the stage has 6.
    first = examples_drawn(stage, data, seed, 1, range(6))
    sample = draws.first_look(len(data.examples), (seed, 1))
    assert len(sample) == 3 and looked_at[0].tolist() == np.union1d(first, sample).tolist()
    assert looked_at[1].tolist() == examples_drawn(stage, data, seed, 1, range(3, 6)).tolist()
    assert [{"related", "unrelated"} <= figures.keys() for figures in rounds] == [True, False]


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
