"""The figures of a round of mining say what they are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from faqtune.encoder import Encoder
from faqtune.recipe import Mining, Recipe, Stage
from faqtune.records import Catalogue, Entry
from faqtune.train.batches import batch_at
from faqtune.train.data import Example, TrainingData
from faqtune.train.findings import findings
from faqtune.train.mined import Mined
from faqtune.train.mining import mine
from faqtune.train.ragged import Ragged

CATALOGUE = Catalogue(
    (
        Entry("a", ("退货", "怎么退"), ""),
        Entry("b", ("运费",), "满59元包邮"),
        Entry("c", ("发票",), ""),  # no sibling and no answer: no query of the catalogue
    )
)
DATA = TrainingData(CATALOGUE, (Example("我要退", 0), Example("邮费", 1, trusted=True), Example("开票", 2)))


def stage_of(data: dict[str, float], batch_noise: int = 16, **mining: Any) -> Stage:
    content = {"data": data, "losses": {"ranking": {"weight": 1}}, "batch_noise": batch_noise, "mining": mining}
    return Stage.model_validate(content)


def mined(noise: int = 0, noise_cosines: Any = (0.3,)) -> Mined:
    """Rows: three labels, then the questions 退货, 怎么退, 运费, 发票."""
    return Mined(
        hard=np.array([[2, 3], [0, -1], [-1, -1], [2, -1], [-1, -1], [0, 3], [0, 1]], dtype=np.int32),
        near_queries=np.array([[1, 2], [0, -1], [1, -1], [0, 1], [2, 1], [0, 1], [0, 1]], dtype=np.int32),
        suspects=Ragged.of([[1, 2], [], [0], [], [2], [], []]),
        noise_best=np.zeros(noise, dtype=np.int32),
        noise_order=np.arange(noise, dtype=np.int32),
        noise_cosines=np.array(noise_cosines, dtype=np.float32),
    )


EVERYTHING = {"labels": 1.0, "catalogue": 1.0}


@pytest.mark.parametrize(
    ("data", "mining", "expected"),
    [
        # Labels have 2, 1 and no negative, the three questions that ask 1, none and 2.
        (EVERYTHING, {"negatives_per_query": 2}, (6, 6, None, 2 / 6, 4 / 6)),
        ({"labels": 1}, {"negatives_per_query": 2}, (3, 3, None, 1 / 3, 1)),
        ({"catalogue": 1}, {"negatives_per_query": 2}, (3, 3, None, 1 / 3, 1 / 3)),
        ({"human_labels": 1}, {"negatives_per_query": 2}, (1, 1, None, 0, 0)),
        ({"weak_labels": 1, "dialogues": 1}, {"negatives_per_query": 2}, (2, 2, None, 1 / 2, 3 / 2)),
        # A label with mined queries alone has a negative; a question is not compared with queries.
        (EVERYTHING, {"negatives_per_query": 2, "queries_per_query": 2}, (6, 6, 4, 1 / 6, 4 / 6)),
        (EVERYTHING, {"negatives_per_query": 0, "queries_per_query": 2}, (3, None, 4, 0, 1)),
        # Where nothing asks nothing is said.
        (EVERYTHING, {"negatives_per_query": 0}, None),
        ({"catalogue": 1}, {"negatives_per_query": 0, "queries_per_query": 2}, None),
        ({"dialogues": 1}, {"negatives_per_query": 2}, None),
    ],
)
def test_coverage_counts_every_query_that_mines(
    data: dict[str, float], mining: dict[str, int], expected: tuple[float | None, ...] | None
):
    names = ("queries_mined_for", "negatives_mined", "queries_mined", "queries_without_negative", "suspects_per_query")
    values = zip(names, expected or [], strict=False)
    wanted = {name: pytest.approx(value) for name, value in values if value is not None}
    assert findings(mined(), None, stage_of(data, **mining), DATA) == wanted


@pytest.mark.parametrize(
    ("noise", "batch", "mining", "expected"),
    [
        (400, 16, {}, (400, 40, 8)),  # a tenth is near, and half of a step's noise is from it
        (100, 16, {}, (100, 16, 8)),  # but at least as many as a step takes
        (5, 16, {"near_noise": 1.0}, (5, 5, 5)),
        (400, 16, {"near_noise": 0.0}, (400, 0, 0)),
        (2000, 16, {"near_noise": 1.0, "nearest_noise": 1500, "above_noise_similarity": 0.2}, (2000, 1500, 16)),
        (2000, 16, {"near_noise": 1.0, "nearest_noise": 1500, "above_noise_similarity": 0.5}, (2000, 0, 0)),
        (2000, 0, {}, (2000, 0, 0)),
    ],
)
def test_near_noise_is_what_steps_are_given(
    noise: int, batch: int, mining: dict[str, float], expected: tuple[int, int, int]
):
    found = findings(mined(noise, noise_cosines=[0.3] * noise), None, stage_of({"dialogues": 1}, batch, **mining), DATA)
    assert found == dict(zip(("noise_compared", "noise_near", "near_noise_per_step"), expected, strict=True))


def test_steps_take_the_near_noise_that_is_said(shop: TrainingData, characters: Encoder):
    """Over many steps, each sentence that counts as near is taken, and never fewer a step than the figure says."""
    stage = stage_of({"labels": 1}, 6, near_noise=0.5, nearest_noise=4)
    found, _ = mine(characters, shop, stage.mining)
    said = findings(found, None, stage, shop)
    near = set(found.noise_order[: int(said["noise_near"])].tolist())
    assert (said["noise_compared"], said["noise_near"], said["near_noise_per_step"]) == (12, 4, 3)
    drawn = [set(batch_at(shop, stage, found, 0, 1, step).noise_numbers.tolist()) for step in range(30)]
    assert min(len(near & numbers) for numbers in drawn) == 3 and near <= set.union(*drawn)


def test_noise_similarity_is_compared_on_the_same_sentences():
    nan = float("nan")
    stage = stage_of({"dialogues": 1})
    last = mined(4, noise_cosines=[0.5, 0.7, nan, 0.1])
    now = mined(4, noise_cosines=[0.4, nan, 0.9, 0.3])
    # The mean of all that was compared went from 0.433 to 0.533; of the first and the last sentence it went up by 0.05.
    assert findings(now, last, stage, DATA)["noise_similarity_change"] == pytest.approx((-0.1 + 0.2) / 2)
    assert "noise_similarity_change" not in findings(now, None, stage, DATA)
    other = mined(4, noise_cosines=[nan, 0.7, nan, nan])
    assert "noise_similarity_change" not in findings(now, other, stage, DATA)


def test_another_draw_of_the_pool_alone_changes_no_noise_similarity(characters: Encoder, shop: TrainingData):
    settings = Mining(noise_pool=7)
    stage = stage_of({"labels": 1}, 4, noise_pool=7)
    first, before = mine(characters, shop, settings, (0, 1, 0))
    second, after = mine(characters, shop, settings, (0, 1, 100))
    assert before["noise_similarity"] != pytest.approx(after["noise_similarity"], abs=1e-4)
    assert findings(second, first, stage, shop)["noise_similarity_change"] == pytest.approx(0, abs=1e-6)


def test_a_training_logs_what_mining_did_to_noise(toy: Callable[..., Any], recipe_of: Callable[..., Recipe]):
    outcome = toy(max_steps=4, mining={"every_steps": 2, "negatives_per_query": 2}).train()
    rounds = [event["figures"] for event in outcome.history if event["event"] == "mined"]
    assert len(rounds) == 2 and "noise_similarity_change" not in rounds[0]
    change = rounds[1]["noise_similarity"] - rounds[0]["noise_similarity"]
    assert rounds[1]["noise_similarity_change"] == pytest.approx(change, abs=1e-6) and abs(change) > 1e-5
    # 21 labels and 16 questions; then what the two steps that are left draw of them.
    assert [found["queries_mined_for"] for found in rounds] == [21 + 16, 2 * (3 + 3)]
    assert all(0 < found["negatives_mined"] <= 2 * found["queries_mined_for"] for found in rounds)
    assert all(found["noise_compared"] == 12 for found in rounds)


def test_a_training_without_noise_says_nothing_of_it(toy: Callable[..., Any]):
    training = toy(max_steps=2)
    training.data = replace(training.data, noise=())
    first = next(event["figures"] for event in training.train().history if event["event"] == "mined")
    assert not {"noise_compared", "noise_near", "near_noise_per_step"} & first.keys()
