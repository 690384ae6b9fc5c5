"""What is said once where a stage begins, because the recipe alone would make one expect something else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from faqtune.recipe import Recipe
from faqtune.records import Catalogue, Entry
from faqtune.train.data import Example, TrainingData
from faqtune.train.draws import steps_of, usable
from faqtune.train.remarks import remarks

Toys = Callable[..., Any]


def noted(training: Any) -> list[str]:
    return [event[1] for event in training.record.told if event[0] == "noted"]


def test_dimensions_that_the_model_does_not_have_are_left_out_and_named(toy: Toys):
    training = toy(nested_dimensions=[512, 16, 64], max_steps=2)
    width = training.model.dimension
    assert 16 < width <= 64
    training.train()
    assert noted(training) == [
        f"stage 1 (warm): this model's vectors are {width} numbers long, so of nested_dimensions 512, 64 are left out; "
        "trained on besides the whole: 16"
    ]
    (settings,) = [event[2]["settings"] for event in training.record.told if event[0] == "settled"]
    assert settings["nested_dimensions"] == [16]


def shop_of(labels: int, weight: float = 0.9) -> TrainingData:
    """Forty entries of two questions each, and so many labels."""
    entries = tuple(Entry(str(n), (f"问题{n}", f"第{n}个怎么办"), f"回答{n}") for n in range(40))
    made = tuple(Example(f"客户说法{n}", n % 40, weight=weight if n else 0.9) for n in range(labels))
    return TrainingData(Catalogue(entries), made)


@pytest.mark.parametrize(
    ("labels", "weight", "note"),
    [
        (3, 0.9, "3 steps in all, which is little to learn in: an epoch counts labels, and there are 3. Label more, or "
         "set stage.1.epochs=20 for about 20 steps"),
        (30, 0.3, "3 steps in all, which is little to learn in: an epoch counts labels, and there is 1, of 30 the only "
         "sure ones (minimum_confidence). Label more, or set stage.1.epochs=20 for about 20 steps"),
        (29, 0.9, "9 steps in all, which is little to learn in: an epoch counts labels, and there are 29. Label more, "
         "or set stage.1.epochs=7 for about 20 steps"),
        (300, 0.9, ""),
        (0, 0.9, ""),
    ],
)  # fmt: skip
def test_few_labels_that_make_a_stage_short_are_said_with_what_to_do(
    recipe_of: Callable[..., Recipe], labels: int, weight: float, note: str
):
    data = shop_of(labels, weight)
    shares = {"labels": 1, "catalogue": 1, "minimum_confidence": 0.5}
    stage = recipe_of(data=shares, batch_queries=20, epochs=3, max_steps=1000).stages[0]
    kept = usable(stage, data, 0)
    assert list(remarks(stage, 1, kept, data, 384)) == [f"stage 1 (warm): {note}"] * bool(note)
    if note:
        epochs, steps = map(int, re.findall(r"epochs=(\d+) for about (\d+)", note)[0])
        assert steps <= steps_of(stage.model_copy(update={"epochs": float(epochs)}), kept) <= steps + 4


def test_the_steps_that_are_wanted_take_every_standard_question_once(recipe_of: Callable[..., Recipe]):
    stage = recipe_of(data={"labels": 1, "catalogue": 1}, batch_queries=4, epochs=3, max_steps=1000).stages[0]
    (note,) = remarks(stage, 2, shop_of(2), shop_of(2), 384)
    assert note.endswith("set stage.2.epochs=40 for about 40 steps, as many as take every standard question once")


def test_labels_that_a_limit_leaves_out_are_not_told_to_be_unsure(recipe_of: Callable[..., Recipe]):
    shares = {"labels": 1, "catalogue": 1, "minimum_confidence": 0.5, "most_pairs": 9}
    stage = recipe_of(
        data=shares, batch_queries=20, epochs=3, max_steps=1000, mining={"negatives_per_query": 1}
    ).stages[0]
    data = shop_of(100)
    (note,) = remarks(stage, 1, usable(stage, data, 0), data, 384)
    assert "there are 3, which is what most_pairs, 9, leaves of 100. Raise it, or set" in note


@pytest.mark.parametrize(("near_cosine", "steps"), [(-1.0, 6), (1.0, 6), (-1.0, 4)])
def test_a_loss_that_the_vectors_keep_silent_is_named(toy: Toys, near_cosine: float, steps: int):
    """That its entries are too near to each other is not to be seen in a batch."""
    near = {"weight": 1.0, "temperature": 0.1, "near_cosine": near_cosine}
    training = toy(losses={"ranking": {"weight": 1.0, "temperature": 0.1}, "near_rejection": near}, max_steps=steps)
    training.train()
    told = f"stage 1 (warm): in {steps} steps near_rejection found nothing to compare: hardly any two entries have"
    assert [note for note in noted(training) if note.startswith(told) and note.endswith("than near_cosine, -1")] == [
        note for note in noted(training) if "nothing to compare" in note
    ]
    assert len([note for note in noted(training) if "nothing to compare" in note]) == (near_cosine < 1)


def test_a_short_stage_without_any_loss_says_that_it_changed_nothing(toy: Toys):
    near = {"weight": 1.0, "temperature": 0.1, "near_cosine": -1.0}
    training = toy(losses={"near_rejection": near}, max_steps=3)
    assert training.train().status == "done"
    assert "stage 1 (warm) ends after step 3: the loss was 0, or had no gradient, in all of its steps" in noted(
        training
    )


def test_a_stage_that_is_short_by_its_own_settings_is_no_news(recipe_of: Callable[..., Recipe]):
    stage = recipe_of(data={"labels": 1}, batch_queries=4, epochs=3, max_steps=2).stages[0]
    assert not list(remarks(stage, 1, shop_of(9), shop_of(9), 384))


def test_larger_batches_are_said_and_written_down(toy: Toys):
    training = toy(data={"labels": 1}, batch_queries=4, batch_noise=3, epochs=3, learning_rate=1e-4,
                   max_steps=100, larger_batches_above_steps=6)  # fmt: skip
    training.train()
    assert [text for text in noted(training) if "larger" in text] == [
        "stage 1 (warm): 16 steps of 4 queries are taken as 6 of 11, with 8 noise sentences and a learning rate of "
        "0.000166 (larger_batches_above_steps)"
    ]
    (settings,) = [event[2] for event in training.record.told if event[0] == "settled"]
    assert settings["queries_per_step"] == {"labels": 11} and settings["steps"] == 6


def test_a_kind_of_label_that_there_is_not_is_said(recipe_of: Callable[..., Recipe]):
    """Three quarters of a batch went to another source without a word."""
    every = shop_of(300)
    assert not every.labels[0].trusted
    data = {"human_labels": 3, "weak_labels": 1}
    (note,) = remarks(recipe_of(data=data, batch_queries=4).stages[0], 1, every, every, 384)
    assert note == (
        "stage 1 (warm): nothing in training counts as human_labels, so all queries are drawn from weak_labels"
    )
    weak = recipe_of(data={"weak_labels": 1}, batch_queries=4).stages[0]
    assert not list(remarks(weak, 1, every, every, 384))


def test_dimensions_that_the_model_has_are_no_news(toy: Toys):
    training = toy(nested_dimensions=[16, 8], max_steps=2)
    training.train()
    assert noted(training) == []
