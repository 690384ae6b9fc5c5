from __future__ import annotations

import copy
import json
import math
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from faqtune.errors import UserError
from faqtune.model import TextModel
from faqtune.recipe import Recipe
from faqtune.records import Catalogue
from faqtune.train import TrainingData, engine, stage, train
from faqtune.train.data import Example

RecipeOf = Callable[..., Recipe]
Measure = Callable[[TextModel], dict[str, float]]


@pytest.fixture
def fresh(tiny_model: TextModel) -> Callable[[], TextModel]:
    """The base model, as often as wanted."""
    return lambda: copy.deepcopy(tiny_model)


def weights(model: TextModel) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def told(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A log without the clock."""
    return [{name: value for name, value in event.items() if name != "seconds"} for event in history]


def test_the_loss_falls(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, measure: Measure, record: Any, tmp_path: Path
):
    recipe = recipe_of(max_steps=30, evaluate_every_steps=15, remine_every_steps=0)
    outcome = train(tiny_model, shop, recipe, tmp_path, measure, record)
    losses = [event["loss"] for event in outcome.history if event["event"] == "step"]
    assert len(losses) == 30 and outcome.status == "done"
    assert np.mean(losses[-5:]) < 0.2 * np.mean(losses[:5])


def test_training_lifts_what_it_is_selected_by(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, measure: Measure, record: Any, tmp_path: Path
):
    before = measure(tiny_model)
    outcome = train(tiny_model, shop, recipe_of(max_steps=10), tmp_path, measure, record)
    after = measure(tiny_model)
    assert outcome.best_step != (0, 0)
    assert after["oscr@5"] == pytest.approx(outcome.best_value, abs=1e-6)
    assert after["oscr@5"] > before["oscr@5"] and after["recall@1"] >= before["recall@1"]


@pytest.mark.parametrize("frozen", [{"embeddings": True, "lower_layers": 1}, {"embeddings": True}, {"embeddings": False}])
def test_frozen_parameters_are_bit_identical(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, record: Any, tmp_path: Path, frozen: dict[str, Any]
):
    before = weights(tiny_model)
    rising = iter(range(100))
    train(tiny_model, shop, recipe_of(freeze=frozen), tmp_path, lambda m: score(next(rising)), record)
    changed = {name for name, value in weights(tiny_model).items() if not torch.equal(value, before[name])}
    still = [name for name in before if name not in changed]
    assert any("embeddings" in name for name in changed) is not frozen["embeddings"]
    assert any("layer.0" in name for name in changed) is (frozen.get("lower_layers", 0) == 0)
    assert any("layer.1" in name for name in changed) and all("layer.1" not in name for name in still if "key.bias" not in name)
    assert all(p.requires_grad for name, p in tiny_model.named_parameters() if "pooler" not in name)


def score(oscr: float, recall: float = 1.0) -> dict[str, float]:
    return {"oscr@5": oscr, "recall@1": recall}


def test_the_best_weights_are_left_in_the_model(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, record: Any, tmp_path: Path
):
    seen: list[dict[str, Tensor]] = []
    values = iter([0.5, 0.4, 0.7, 0.7])

    def measure(model: TextModel) -> dict[str, float]:
        seen.append(weights(model))
        return score(next(values))

    outcome = train(tiny_model, shop, recipe_of(), tmp_path, measure, record)
    assert (outcome.best_step, outcome.best_value) == ((1, 4), 0.7)
    assert equal(weights(tiny_model), seen[2]) and not equal(seen[2], seen[3])
    assert [event[3] for event in record.told if event[0] == "measured"] == [True, False, True, False]


def test_the_base_model_stays_when_nothing_is_better(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, record: Any, tmp_path: Path
):
    before = weights(tiny_model)
    outcome = train(tiny_model, shop, recipe_of(), tmp_path, lambda m: score(0.5), record)
    assert outcome.best_step == (0, 0) and equal(weights(tiny_model), before)


@pytest.mark.parametrize(("tolerance", "best"), [(0.0, (0, 0)), (0.1, (1, 2))])
def test_a_better_model_that_loses_on_the_guard_is_not_chosen(
    tiny_model: TextModel,
    shop: TrainingData,
    recipe_of: RecipeOf,
    record: Any,
    tmp_path: Path,
    tolerance: float,
    best: tuple[int, int],
):
    figures = iter([score(0.5, 0.8), score(0.9, 0.75), score(0.95, 0.6), score(0.6, 0.79)])
    recipe = Recipe.model_validate(recipe_of().model_dump() | {"selection": {"guard_tolerance": tolerance}})
    outcome = train(tiny_model, shop, recipe, tmp_path, lambda m: next(figures), record)
    assert outcome.best_step == best


@pytest.mark.parametrize("figures", [{"recall@1": 0.5}, {"oscr@5": 0.5}, {"oscr@5": math.nan, "recall@1": 0.5}, {}])
def test_a_selection_part_without_the_figures_is_refused(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, record: Any, tmp_path: Path, figures: dict[str, float]
):
    with pytest.raises(UserError, match=r"selection part gives no (oscr@5|recall@1)"):
        train(tiny_model, shop, recipe_of(), tmp_path, lambda m: figures, record)


TWO_STAGES = ({"name": "first"}, {"name": "second", "freeze": {"embeddings": False}, "learning_rate": 1e-3})


@pytest.mark.parametrize(
    ("stages", "last"),
    [((), (1, 1)), ((), (1, 3)), ((), (1, 4)), (TWO_STAGES, (1, 6)), (TWO_STAGES, (2, 1)), (TWO_STAGES, (2, 5))],
    ids=str,
)
def test_interrupted_and_run_again_it_ends_bit_identical(
    fresh: Callable[[], TextModel],
    shop: TrainingData,
    recipe_of: RecipeOf,
    measure: Measure,
    new_record: Any,
    tmp_path: Path,
    stages: tuple[dict[str, Any], ...],
    last: tuple[int, int],
):
    recipe, whole, parts = recipe_of(*stages), fresh(), fresh()
    undisturbed = train(whole, shop, recipe, tmp_path / "whole", measure, new_record())
    interrupted = new_record()
    interrupted.on_step = lambda *place: signal.raise_signal(signal.SIGINT) if place == last else None
    first = train(parts, shop, recipe, tmp_path / "parts", measure, interrupted)
    assert first.status == "interrupted"
    assert [event[1:3] for event in interrupted.told if event[0] == "step"][-1] == last
    again, resumed = fresh(), new_record()
    second = train(again, shop, recipe, tmp_path / "parts", measure, resumed)
    assert ("stage", last[0], 6, last[1]) in resumed.told  # it went on and did not begin anew
    assert second.status == "done" and second.best_step == undisturbed.best_step
    assert equal(weights(again), weights(whole))
    assert told(second.history) == told(undisturbed.history)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_usable_checkpoint_and_says_interrupted(
    tiny_model: TextModel,
    shop: TrainingData,
    recipe_of: RecipeOf,
    measure: Measure,
    record: Any,
    tmp_path: Path,
    signal_number: signal.Signals,
):
    before = signal.getsignal(signal_number)
    record.on_step = lambda number, step: signal.raise_signal(signal_number) if step == 3 else None
    outcome = train(tiny_model, shop, recipe_of(), tmp_path, measure, record)
    assert outcome.status == "interrupted"
    assert (tmp_path / "checkpoints" / "01-0000003").is_dir()
    assert [event[2] for event in record.told if event[0] == "step"] == [1, 2, 3]
    assert signal.getsignal(signal_number) == before


def test_a_second_ctrl_c_acts_at_once(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, measure: Measure, record: Any, tmp_path: Path
):
    def twice(number: int, step: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    record.on_step = twice
    with pytest.raises(KeyboardInterrupt):
        train(tiny_model, shop, recipe_of(), tmp_path, measure, record)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_trains_outside_the_main_thread(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, measure: Measure, record: Any, tmp_path: Path
):
    found: list[str] = []
    work = threading.Thread(
        target=lambda: found.append(train(tiny_model, shop, recipe_of(), tmp_path, measure, record).status)
    )
    work.start()
    work.join()
    assert found == ["done"]


def test_a_finished_training_run_again_does_nothing_but_load_the_best(
    fresh: Callable[[], TextModel], shop: TrainingData, recipe_of: RecipeOf, measure: Measure, new_record: Any, tmp_path: Path
):
    first, again, record = fresh(), fresh(), new_record()
    one = train(first, shop, recipe_of(), tmp_path, measure, new_record())
    two = train(again, shop, recipe_of(), tmp_path, measure, record)
    assert equal(weights(first), weights(again)) and one == two
    assert all(event[0] == "stage" for event in record.told)


@pytest.mark.parametrize("changed", ["recipe", "data", "model"])
def test_another_training_in_the_folder_is_refused(
    fresh: Callable[[], TextModel],
    shop: TrainingData,
    recipe_of: RecipeOf,
    measure: Measure,
    new_record: Any,
    tmp_path: Path,
    changed: str,
):
    train(fresh(), shop, recipe_of(), tmp_path, measure, new_record())
    model, data, recipe = fresh(), shop, recipe_of()
    if changed == "recipe":
        recipe = recipe_of(learning_rate=1e-3)
    elif changed == "data":
        data = replace(shop, noise=(*shop.noise, "谢谢"))
    else:
        with torch.no_grad():
            model.backbone.encoder.layer[1].output.dense.weight.mul_(1.001)
    with pytest.raises(UserError, match="another training"):
        train(model, data, recipe, tmp_path, measure, new_record())


def test_a_run_with_another_seed_differs(
    fresh: Callable[[], TextModel], shop: TrainingData, recipe_of: RecipeOf, measure: Measure, new_record: Any, tmp_path: Path
):
    one = train(fresh(), shop, recipe_of(), tmp_path / "3", measure, new_record())
    other = recipe_of().model_copy(update={"seed": 4})
    two = train(fresh(), shop, other, tmp_path / "4", measure, new_record())
    assert told(one.history) != told(two.history)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_loss_that_is_no_number_is_refused_with_its_place(
    tiny_model: TextModel,
    shop: TrainingData,
    recipe_of: RecipeOf,
    measure: Measure,
    record: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
):
    ranking = engine.losses.ranking
    sound: list[dict[str, Tensor]] = []

    def spoilt(scores: Tensor, *rest: Any) -> Tensor:
        value = ranking(scores, *rest)
        if not any(event[:3] == ("step", 1, 4) for event in record.told):
            return value
        sound.append(weights(tiny_model))
        # sqrt has an infinite slope at 0: a loss that looks sound with a gradient that is not.
        return value * math.nan if where == "loss" else value + (scores - scores.detach()).sum().clamp_min(0).sqrt()

    monkeypatch.setattr(engine.losses, "ranking", spoilt)
    with pytest.raises(UserError, match=r"stage 1 \(warm\), step 5: the (loss|gradient's norm) is nan") as error:
        train(tiny_model, shop, recipe_of(), tmp_path, measure, record)
    assert "learning rate" in error.value.next_step
    assert (tmp_path / "checkpoints" / "01-0000004").is_dir()
    assert equal(weights(tiny_model), sound[0])


def test_too_little_memory_says_what_to_lower(
    tiny_model: TextModel,
    shop: TrainingData,
    recipe_of: RecipeOf,
    measure: Measure,
    record: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(stage, "learn", full)
    with pytest.raises(UserError, match=r"step 1: the memory of cpu .*graph_tokens"):
        train(tiny_model, shop, recipe_of(), tmp_path, measure, record)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        ({"labels": (), "dialogues": ()}, {"data": {"labels": 1, "dialogues": 1}}, "no labels and no dialogues"),
        ({}, {"data": {"labels": 1, "minimum_confidence": 0.95}}, "no labels"),
        ({"noise": ()}, {"losses": {"rejection": {"weight": 1}}}, "rejection needs noise"),
        ({"catalogue": Catalogue(())}, {}, "no entry"),
    ],
)
def test_a_stage_without_data_is_refused_before_anything_is_measured(
    tiny_model: TextModel,
    shop: TrainingData,
    recipe_of: RecipeOf,
    record: Any,
    tmp_path: Path,
    data: dict[str, Any],
    settings: dict[str, Any],
    message: str,
):
    def measure(model: TextModel) -> dict[str, float]:
        raise AssertionError("measured")

    recipe = recipe_of({}, {"name": "then", **settings})
    with pytest.raises(UserError, match=message) as error:
        train(tiny_model, replace(shop, **data), recipe, tmp_path, measure, record)
    assert "(then)" in str(error.value) or "no entry" in message
    assert list(tmp_path.iterdir()) == []


def test_a_stage_whose_batches_hold_no_negative_is_refused_before_its_first_step(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, measure: Measure, record: Any, tmp_path: Path
):
    alone = TrainingData(Catalogue(shop.catalogue.entries[:1]), (Example("多久发", 0), Example("催发货", 0)))
    recipe = recipe_of(data={"labels": 1}, losses={"ranking": {"weight": 1}})
    with pytest.raises(UserError, match=r"stage 1 \(warm\): no batch has anything to compare for ranking"):
        train(tiny_model, alone, recipe, tmp_path, measure, record)
    assert not any(event[0] == "step" for event in record.told)


def test_labels_below_the_minimum_confidence_are_not_used(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, measure: Measure, record: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    doubtful = (Example("随便问问", 1, weight=0.3), Example("人工说是它", 2, weight=0.3, trusted=True))
    seen: set[str] = set()
    learn = stage.learn
    monkeypatch.setattr(stage, "learn", lambda model, batch, *rest: seen.update(batch.texts) or learn(model, batch, *rest))
    recipe = recipe_of(data={"labels": 1, "minimum_confidence": 0.5}, batch_queries=20)
    train(tiny_model, replace(shop, labels=shop.labels + doubtful), recipe, tmp_path, measure, record)
    assert "人工说是它" in seen and "随便问问" not in seen


def test_without_chatter_the_other_losses_go_on(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, measure: Measure, record: Any, tmp_path: Path
):
    outcome = train(tiny_model, replace(shop, noise=()), recipe_of(), tmp_path, measure, record)
    assert {name for event in outcome.history for name in event.get("parts", {})} == {"ranking"}


def test_mining_comes_at_the_start_of_a_stage_and_when_due(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, measure: Measure, record: Any, tmp_path: Path
):
    train(tiny_model, shop, recipe_of({}, {"remine_every_steps": 0}), tmp_path, measure, record)
    assert [event[1:] for event in record.told if event[0] == "mined"] == [(1, 0), (1, 3), (2, 0)]


def test_open_settings_are_those_of_the_base_model_in_every_stage(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, measure: Measure, record: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    temperatures: list[float | None] = []
    learn = stage.learn
    monkeypatch.setattr(
        stage, "learn", lambda m, b, losses, *rest: temperatures.append(losses.ranking.temperature) or learn(m, b, losses, *rest)
    )  # fmt: skip
    outcome = train(tiny_model, shop, recipe_of({}, {}), tmp_path, measure, record)
    first = next(event["figures"] for event in outcome.history if event["event"] == "mined")
    assert temperatures == [pytest.approx(0.1 * (first["related"] - first["unrelated"]))] * 12


def test_the_log_is_one_json_object_per_line(
    tiny_model: TextModel, shop: TrainingData, recipe_of: RecipeOf, measure: Measure, record: Any, tmp_path: Path
):
    outcome = train(tiny_model, shop, recipe_of(), tmp_path, measure, record)
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == outcome.history
    assert [e["event"] for e in outcome.history] == [
        "measured", "mined", "step", "step", "measured", "step", "mined", "step", "measured", "step", "step", "measured",
    ]  # fmt: skip
