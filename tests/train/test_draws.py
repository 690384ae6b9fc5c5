from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from faqtune.recipe import Recipe, Stage, load_recipe
from faqtune.records import Catalogue, Entry
from faqtune.train.data import Example, TrainingData
from faqtune.train.draws import (
    evaluate_every,
    noise_of_step,
    queries_of_step,
    queries_per_step,
    steps_of,
    usable,
    with_its_batches,
)
from faqtune.train.mined import Mined
from faqtune.train.ragged import Ragged


def stage_of(recipe_of: Callable[..., Recipe], **settings: object) -> Stage:
    return recipe_of(**settings).stages[0]


def mined_with(noise_order: list[int]) -> Mined:
    nothing = np.zeros((0, 0), dtype=np.int32)
    best = np.zeros(len(noise_order), np.int32)
    return Mined(nothing, nothing, Ragged.of(()), best, np.array(noise_order, np.int32), best + np.float32(0.3))


@pytest.mark.parametrize("batch_queries", [2, 5, 9, 30])
def test_every_epoch_visits_every_label_once(shop: TrainingData, recipe_of: Callable[..., Recipe], batch_queries: int):
    stage = stage_of(recipe_of, data={"labels": 1}, batch_queries=batch_queries)
    epochs, size = 4, len(shop.labels)
    per_step = queries_per_step(stage, shop)["labels"]
    steps = -(-epochs * size // per_step)
    drawn = [n for step in range(steps) for n in queries_of_step(stage, shop, 0, 1, step)["labels"]]
    for epoch in range(epochs):
        assert sorted(drawn[epoch * size : (epoch + 1) * size]) == list(range(size))
    assert drawn[:size] != drawn[size : 2 * size]


def test_the_steps_of_an_epoch_reach_every_label(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    # 21 labels at 4 a step: five steps would leave one out.
    stage = stage_of(recipe_of, data={"labels": 1}, batch_queries=4, epochs=1, max_steps=1000)
    assert steps_of(stage, shop) == 6
    seen = {int(n) for step in range(6) for n in queries_of_step(stage, shop, 0, 1, step)["labels"]}
    assert seen == set(range(len(shop.labels)))


@pytest.mark.parametrize(
    ("limit", "most", "queries", "noise", "rate", "steps"),
    [
        (0, 1000, 4, 3, 1e-4, 16),
        (16, 1000, 4, 3, 1e-4, 16),
        (5, 1000, 13, 10, 1.8e-4, 5),
        (1, 1000, 21, 16, 2.29e-4, 3),
        (5, 5, 4, 3, 1e-4, 5),
        (5, 10, 8, 6, 1.41e-4, 5),
    ],
    ids=["never", "short enough", "3.2 times", "all that there are", "cut to the limit", "cut above it"],
)
def test_a_long_stage_takes_as_many_queries_in_larger_steps_at_a_higher_rate(
    shop: TrainingData, recipe_of: Callable[..., Recipe],
    limit: int, most: int, queries: int, noise: int, rate: float, steps: int,
):  # fmt: skip
    """21 labels at 4 a step: 16 steps for three epochs."""
    settings = {"batch_noise": 3, "learning_rate": 1e-4, "larger_batches_above_steps": limit, "max_steps": most}
    stage = stage_of(recipe_of, data={"labels": 1}, batch_queries=4, epochs=3, **settings)
    found = with_its_batches(stage, shop)
    assert (found.batch_queries, found.batch_noise, found.learning_rate) == (queries, noise, rate)
    assert steps_of(found, shop) == steps
    assert with_its_batches(found, shop) is found


def test_larger_batches_leave_every_source_its_share(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    """Of 12 queries 3 are labels, of 21, and 6 are all the dialogues that there are."""
    everything = {"labels": 1, "catalogue": 1, "dialogues": 2}
    stage = stage_of(recipe_of, data=everything, batch_queries=12, epochs=3, larger_batches_above_steps=2)
    assert with_its_batches(stage, shop) is stage
    half = with_its_batches(stage.model_copy(update={"batch_queries": 8}), shop)
    assert queries_per_step(half, shop) == {"labels": 3, "catalogue": 3, "dialogues": 6}


def test_epochs_count_labels_before_questions_before_dialogues(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    # 12 queries a step: 3 of 21 labels, 3 of 16 questions, 6 of 6 dialogues.
    everything = {"labels": 1, "catalogue": 1, "dialogues": 2}
    stage = stage_of(recipe_of, data=everything, batch_queries=12, epochs=2.5, max_steps=1000)
    assert steps_of(stage, shop) == 18  # 2.5 * 7, rounded up
    assert steps_of(stage.model_copy(update={"max_steps": 7}), shop) == 7
    without = replace(shop, labels=())  # 6 of 16 questions
    assert steps_of(stage, without) == 7
    assert steps_of(stage, TrainingData(Catalogue(()), dialogues=shop.dialogues)) == 3
    assert steps_of(stage, TrainingData(Catalogue(()))) == 0


def test_the_share_of_an_empty_source_goes_to_the_others(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    stage = stage_of(recipe_of, data={"labels": 1, "catalogue": 1, "dialogues": 2}, batch_queries=12)
    assert queries_per_step(stage, shop) == {"labels": 3, "catalogue": 3, "dialogues": 6}
    assert queries_per_step(stage, replace(shop, dialogues=())) == {"labels": 6, "catalogue": 6}
    assert queries_per_step(stage, replace(shop, dialogues=(), labels=())) == {"catalogue": 12}


@pytest.mark.parametrize(
    ("data", "batch_queries", "queries"),
    [
        ({"labels": 1, "catalogue": 1, "dialogues": 1}, 36, {"labels": 15, "catalogue": 15, "dialogues": 6}),
        ({"labels": 1, "catalogue": 1, "dialogues": 1}, 1000, {"labels": 21, "catalogue": 16, "dialogues": 6}),
        ({"labels": 1, "dialogues": 3}, 16, {"labels": 10, "dialogues": 6}),
        # What dialogues leave is too much for the catalogue as well.
        ({"labels": 1, "catalogue": 4, "dialogues": 4}, 36, {"labels": 14, "catalogue": 16, "dialogues": 6}),
        ({"labels": 1, "catalogue": 1, "dialogues": 1}, 2, {"labels": 1, "catalogue": 1, "dialogues": 1}),
    ],
)
def test_what_a_small_source_leaves_of_its_share_goes_to_the_others(
    shop: TrainingData, recipe_of: Callable[..., Recipe], data: dict[str, int], batch_queries: int, queries: Any
):
    assert queries_per_step(stage_of(recipe_of, data=data, batch_queries=batch_queries), shop) == queries


def test_where_all_sources_have_enough_a_step_takes_each_ones_share(
    shop: TrainingData, recipe_of: Callable[..., Recipe]
):
    rng = np.random.default_rng(0)
    for _ in range(200):
        shares = dict(zip(("labels", "catalogue", "dialogues"), rng.integers(1, 9, 3).tolist(), strict=True))
        batch_queries = int(rng.integers(2, 12))
        wanted = {name: max(1, round(batch_queries * share / sum(shares.values()))) for name, share in shares.items()}
        if all(count <= len(shop.numbers_of(name)) for name, count in wanted.items()):
            stage = stage_of(recipe_of, data=shares, batch_queries=batch_queries)
            assert queries_per_step(stage, shop) == wanted
            assert {name: len(n) for name, n in queries_of_step(stage, shop, 0, 1, 3).items()} == wanted


def test_a_question_that_nothing_is_right_for_takes_no_place_in_a_batch(recipe_of: Callable[..., Recipe]):
    catalogue = Catalogue(
        (
            Entry("lonely", ("怎么退货",), ""),
            Entry("answered", ("开票",), "下单时勾选"),
            Entry("twice the same", ("有XL码吗", "有ｘｌ码吗"), ""),
            Entry("siblings", ("发什么快递", "用哪家快递"), ""),
        )
    )
    labels = (Example("我要退货", 0, trusted=True), Example("退货", 0, trusted=True))
    data = TrainingData(catalogue, labels)
    questions = [data.examples[number].text for number in data.numbers_of("catalogue")]
    assert questions == ["开票", "发什么快递", "用哪家快递"]
    stage = stage_of(recipe_of, data={"labels": 1, "catalogue": 1}, batch_queries=2, epochs=1, max_steps=9)
    alone = replace(data, catalogue=Catalogue(catalogue.entries[:1]))
    assert queries_per_step(stage, alone) == {"labels": 2}
    assert steps_of(stage, alone) == 1


def test_a_source_smaller_than_its_share_is_taken_whole(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    stage = stage_of(recipe_of, data={"dialogues": 1}, batch_queries=50)
    for step in range(3):
        numbers = queries_of_step(stage, shop, 0, 1, step)["dialogues"]
        assert sorted(numbers) == list(range(len(shop.dialogues)))


def test_sources_are_drawn_apart_from_each_other(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    # Labels and questions of equal number must not go through the epochs in the same order.
    data = replace(shop, labels=shop.labels[: len(shop.catalogue.questions)])
    stage = stage_of(recipe_of, data={"labels": 1, "catalogue": 1}, batch_queries=32)
    drawn = queries_of_step(stage, data, 0, 1, 0)
    assert drawn["labels"].tolist() != drawn["catalogue"].tolist()


def test_half_of_the_noise_is_near_and_none_comes_twice(recipe_of: Callable[..., Recipe]):
    order = np.random.default_rng(0).permutation(200).tolist()
    seen: Counter[int] = Counter()
    for seed in range(300):
        drawn = noise_of_step(
            mined_with(order), stage_of(recipe_of, batch_noise=10), np.random.default_rng(seed)
        ).tolist()
        assert len(set(drawn)) == 10
        assert len(set(drawn) & set(order[:20])) >= 5
        seen.update(drawn)
    assert set(seen) == set(order)  # what is far from the catalogue gets its turn as well


@pytest.mark.parametrize(("there", "asked", "drawn"), [(0, 5, 0), (3, 5, 3), (5, 0, 0), (1, 1, 1)])
def test_no_more_noise_than_there_is(recipe_of: Callable[..., Recipe], there: int, asked: int, drawn: int):
    stage = stage_of(recipe_of, batch_noise=asked)
    numbers = noise_of_step(mined_with(list(range(there))), stage, np.random.default_rng(0))
    assert numbers.dtype == np.int64 and len(set(numbers.tolist())) == drawn


def test_near_noise_waits_for_its_trigger(recipe_of: Callable[..., Recipe]):
    order = list(range(100))
    mining = {"near_noise": 1.0, "nearest_noise": 12, "above_noise_similarity": 0.5}
    stage = stage_of(recipe_of, batch_noise=10, mining=mining)
    below = noise_of_step(mined_with(order), stage, np.random.default_rng(0))
    above = noise_of_step(
        replace(mined_with(order), noise_cosines=np.full(100, 0.6, np.float32)), stage, np.random.default_rng(0)
    )
    assert max(above) < 12 <= max(below)


def test_kinds_of_labels_are_drawn_apart(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    labels = tuple(replace(label, trusted=number % 3 == 0) for number, label in enumerate(shop.labels))
    data = replace(shop, labels=labels)
    stage = stage_of(recipe_of, data={"human_labels": 1, "weak_labels": 3}, batch_queries=8, epochs=1, max_steps=100)
    assert queries_per_step(stage, data) == {"human_labels": 2, "weak_labels": 6}
    for step in range(4):
        drawn = queries_of_step(stage, data, 0, 1, step)
        assert all(labels[number].trusted for number in drawn["human_labels"])
        assert not any(labels[number].trusted for number in drawn["weak_labels"])
    # 7 of people at 2 a step take longer than 14 of machines at 6: an epoch has seen them all.
    assert steps_of(stage, data) == 4


def test_measuring_is_five_times_an_epoch_but_not_every_few_steps(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    often = stage_of(recipe_of, data={"labels": 1}, batch_queries=2, evaluate_every_steps=None)
    assert evaluate_every(often, shop) == 10
    many = replace(shop, labels=shop.labels * 20)  # 420 at 2 a step: 210 steps
    assert evaluate_every(often, many) == 42
    assert evaluate_every(often, replace(shop, labels=shop.labels * 1000)) == 1000
    assert evaluate_every(often.model_copy(update={"evaluate_every_steps": 3}), many) == 3


def test_labels_are_thinned_to_the_pairs_that_a_stage_may_have(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    data = {"labels": 1, "most_pairs": 50}
    stage = stage_of(recipe_of, data=data, mining={"negatives_per_query": 8})
    kept = usable(stage, shop, seed=0)
    assert len(kept.labels) == 5  # 50 pairs of 10 each
    assert list(kept.labels) == [label for label in shop.labels if label in kept.labels]
    assert usable(stage, shop, seed=0).labels == kept.labels
    assert usable(stage, shop, seed=1).labels != kept.labels


def two_kinds(shop: TrainingData, of_machines: int, of_people: int) -> TrainingData:
    labels = [Example(f"弱{n}", n % 8, weight=0.8) for n in range(of_machines)]
    labels[of_machines // 2 : of_machines // 2] = [Example(f"人{n}", n % 8, trusted=True) for n in range(of_people)]
    return replace(shop, labels=tuple(labels))


def test_only_labels_that_a_stage_draws_are_thinned(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    """As in classic-two-stage, where 52 of 300 hand labels were left beside 10,000 of machines."""
    data = two_kinds(shop, of_machines=400, of_people=12)
    mining = {"negatives_per_query": 8}  # 10 pairs a label

    def kept(**given: float) -> Counter[bool]:
        stage = stage_of(recipe_of, data=given, mining=mining)
        return Counter(label.trusted for label in usable(stage, data, seed=0).labels)

    assert kept(human_labels=1, most_pairs=120) == {True: 12, False: 400}
    assert kept(human_labels=1, most_pairs=70) == {True: 7, False: 400}
    assert kept(weak_labels=1, most_pairs=120) == {True: 12, False: 12}
    assert kept(weak_labels=1, human_labels=1, most_pairs=120).total() == 12
    assert kept(catalogue=1, dialogues=1, most_pairs=120) == {True: 12, False: 400}
    assert kept(weak_labels=1, most_pairs=0) == {True: 12, False: 400}


def test_the_classic_second_stage_keeps_all_hand_labels(shop: TrainingData):
    data = two_kinds(shop, of_machines=3000, of_people=300)
    weak, human = load_recipe("classic-two-stage").stages
    assert Counter(label.trusted for label in usable(weak, data, 0).labels) == {True: 300, False: 210_000 // 102}
    assert Counter(label.trusted for label in usable(human, data, 0).labels) == {True: 300, False: 3000}
    assert queries_per_step(human, usable(human, data, 0)) == {"human_labels": 16}


def test_each_kind_of_labels_has_its_own_minimum_of_confidence(shop: TrainingData, recipe_of: Callable[..., Recipe]):
    labels = [Example(f"{of}{weight}", 0, weight, of == "人") for of in "人机" for weight in (0.2, 0.4, 0.6, 0.8)]
    stage = stage_of(recipe_of, data={"labels": 1, "minimum_confidence": 0.6, "minimum_human_confidence": 0.4})
    kept = usable(stage, replace(shop, labels=tuple(labels)), seed=0).labels
    assert [label.text for label in kept] == ["人0.4", "人0.6", "人0.8", "机0.6", "机0.8"]
