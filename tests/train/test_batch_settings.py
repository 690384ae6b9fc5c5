"""Settings of a stage that decide what is in a batch and what counts in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from faqtune.encoder import Encoder
from faqtune.recipe import Losses, Mining, Recipe, Stage, load_recipe
from faqtune.records import Catalogue, Entry
from faqtune.train.batches import batch_at
from faqtune.train.data import Example, TrainingData
from faqtune.train.draws import queries_of_step
from faqtune.train.mined import Mined
from faqtune.train.mining import mine
from faqtune.train.ragged import Ragged


def crowded_stage(**data: float) -> Stage:
    """Every query is compared with what 12 others and 5 sentences of noise bring into the batch."""
    return Stage.model_validate(
        {
            "data": {"labels": 1, **data},
            "losses": {"online_contrastive": {"weight": 1, "noise": True}},
            "batch_queries": 12,
            "batch_noise": 5,
            "mining": {"negatives_per_query": 4},
        }
    )


@pytest.mark.parametrize("most", [1, 3, 8, 1000])
def test_a_positive_has_at_most_so_many_negatives(shop: TrainingData, characters: Encoder, most: int):
    mined, _ = mine(characters, shop, Mining(negatives_per_query=4, relative_margin=0.99))
    for step in range(4):
        free = batch_at(shop, crowded_stage(), mined, 0, 1, step)
        held = batch_at(shop, crowded_stage(most_negatives=most), mined, 0, 1, step)
        assert held.texts == free.texts
        positives = (free.labels == 1).sum(axis=1)
        allowed = np.maximum(0, most * positives - len(free.noise))
        np.testing.assert_array_equal(
            (held.labels == 0).sum(axis=1), np.minimum(allowed, (free.labels == 0).sum(axis=1))
        )
        np.testing.assert_array_equal(held.labels == 1, free.labels == 1)
        assert not ((held.labels == 0) & (free.labels != 0)).any()
        if most == 1000:
            np.testing.assert_array_equal(held.labels, free.labels)


def test_without_noise_as_negatives_the_columns_alone_count(shop: TrainingData, characters: Encoder):
    mined, _ = mine(characters, shop, Mining(negatives_per_query=4, relative_margin=0.99))
    stage = crowded_stage(most_negatives=2).model_copy(
        update={"losses": Losses.model_validate({"ranking": {"weight": 1}})}
    )
    held, free = (batch_at(shop, given, mined, 0, 1, 0).labels for given in (stage, crowded_stage()))
    allowed = 2 * (free == 1).sum(axis=1)
    np.testing.assert_array_equal((held == 0).sum(axis=1), np.minimum(allowed, (free == 0).sum(axis=1)))


def test_which_negatives_are_left_out_changes_from_step_to_step(shop: TrainingData, characters: Encoder):
    """Twelve labels that come in each of 40 steps: whatever is a negative of one of them counts at some time."""
    data = replace(shop, labels=shop.labels[:12])
    mined, _ = mine(characters, data, Mining(negatives_per_query=4, relative_margin=0.99))
    counted: set[tuple[str, str]] = set()
    possible: set[tuple[str, str]] = set()
    for step in range(40):
        for stage, found in ((crowded_stage(most_negatives=9), counted), (crowded_stage(), possible)):
            batch = batch_at(data, stage, mined, 0, 1, step)
            for q, c in zip(*np.nonzero(batch.labels == 0), strict=True):
                found.add((batch.texts[batch.queries[q]], batch.texts[batch.columns[c]]))
    assert counted == possible


def test_the_classic_batch_holds_to_1000_negatives_for_a_positive(characters: Encoder):
    """16 queries with 100 mined entries each bring in up to 1,600 others: more than the older workflow allowed."""
    digits = [f"{n:04d}" for n in range(1600)]
    catalogue = Catalogue(tuple(Entry(text, (f"问{text}", f"问题{text}"), "") for text in digits))
    data = TrainingData(catalogue, tuple(Example(f"请问{n:04d}", n, trusted=True) for n in range(0, 1600, 100)))
    stage = load_recipe("classic-second-stage").stages[0]
    chance = np.random.default_rng(0)
    hard = np.stack([chance.permutation(3200)[:250] for _ in data.examples]).astype(np.int32)
    mined = nothing_mined(data, hard=hard)
    free = stage.model_copy(update={"data": stage.data.model_copy(update={"most_negatives": 0})})
    every, held = (batch_at(data, given, mined, 0, 1, 0).labels for given in (free, stage))
    wrong, right = (every == 0).sum(axis=1), (every == 1).sum(axis=1)
    assert (wrong > 1000).all() and (right == 1).any()
    np.testing.assert_array_equal((held == 0).sum(axis=1), np.minimum(wrong, 1000 * right))


def nothing_mined(data: TrainingData, hard: NDArray[np.int32] | None = None) -> Mined:
    nothing = np.full((len(data.examples), 0), -1, dtype=np.int32)
    suspects = Ragged.of([()] * len(data.examples))
    of_noise = np.arange(len(data.noise), dtype=np.int32)
    return Mined(nothing if hard is None else hard, nothing, suspects, 0 * of_noise, of_noise, of_noise * 0.0)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_labelled_queries_gets_one_slip_of_the_finger(
    shop: TrainingData, recipe_of: Callable[..., Recipe], share: float
):
    stage = recipe_of(data={"labels": 1, "catalogue": 1, "disturbed": share}, batch_queries=32, batch_noise=0).stages[0]
    mined = nothing_mined(shop)
    of_labels, changed = 0, 0
    for step in range(60):
        batch = batch_at(shop, stage, mined, 0, 1, step)
        numbers = queries_of_step(stage, shop, 0, 1, step)
        asked = [batch.texts[place] for place in batch.queries]
        for text, number in zip(asked, numbers["labels"], strict=False):
            of_labels += 1
            changed += text != shop.labels[number].text
            assert abs(len(text) - len(shop.labels[number].text)) <= 1
        assert asked[len(numbers["labels"]) :] == [shop.examples[number].text for number in numbers["catalogue"]]
    # Of the slips that swap two equal letters nothing is seen, so a share of 1 falls short by a little.
    assert changed / of_labels == pytest.approx(share, abs=0.05)


def test_negatives_are_drawn_from_the_pool_anew_in_every_step(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    """One label, whose 6 nearest entries are mined and 2 of them wanted."""
    data = replace(shop, labels=(Example("杯子", 0, trusted=True),))
    pool = [data.questions_of(row)[0] for row in (1, 2, 3, 4, 5, 6)]
    hard = np.full((len(data.examples), 7), -1, dtype=np.int32)
    hard[0, :6] = pool
    stage = recipe_of(
        data={"labels": 1}, batch_queries=2, batch_noise=0, mining={"negatives_per_query": 2, "negatives_pool": 7}
    ).stages[0]
    seen: dict[str, int] = {}
    for step in range(300):
        batch = batch_at(data, stage, nothing_mined(data, hard=hard), 0, 1, step)
        drawn = [batch.texts[c] for c in batch.columns[batch.labels[0] == 0]]
        assert len(set(drawn)) == 2
        for text in drawn:
            seen[text] = seen.get(text, 0) + 1
    assert set(seen) == {data.catalogue.questions[number] for number in pool}
    assert all(60 < count < 140 for count in seen.values())  # 100 each, but for chance


def test_the_nearest_queries_of_others_are_negatives_of_labels_alone(
    shop: TrainingData, characters: Encoder, recipe_of: Callable[..., Recipe]
):
    data = replace(shop, labels=tuple(replace(label, trusted=True) for label in shop.labels))
    settings = Mining(negatives_per_query=0, queries_per_query=3)
    stage = recipe_of(
        data={"labels": 1, "catalogue": 1},
        batch_queries=12,
        batch_noise=0,
        mining={"negatives_per_query": 0, "queries_per_query": 3},
    ).stages[0]
    mined, _ = mine(characters, data, settings)
    batch = batch_at(data, stage, mined, 0, 1, 0)
    drawn = queries_of_step(stage, data, 0, 1, 0)
    row_of = {label.text: label.row for label in data.labels}
    is_query = np.array([batch.texts[c] in row_of for c in batch.columns])
    assert is_query.any() and not (is_query & batch.is_question).any()
    column_of = {batch.texts[c]: place for place, c in enumerate(batch.columns)}
    for row, number in enumerate(drawn["labels"]):
        mined_for_it = [data.labels[label] for label in mined.near_queries[number]]
        assert len(mined_for_it) == 3
        assert all(batch.labels[row, column_of[label.text]] == 0 for label in mined_for_it)
        own = [place for text, place in column_of.items() if row_of.get(text) == data.labels[number].row]
        assert not (batch.labels[row, own] == 0).any()
    assert np.isnan(batch.labels[len(drawn["labels"]) :][:, is_query]).all()
