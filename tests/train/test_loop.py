from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from faqtune.model import TextModel
from faqtune.recipe import Recipe
from faqtune.train import memory
from faqtune.train.data import Example
from faqtune.train.draws import OFTENEST_STEPS

Toys = Callable[..., Any]


def score(oscr: float, recall: float = 1.0) -> dict[str, float]:
    return {"oscr@5": oscr, "recall@1": recall}


def test_the_loss_falls(toy: Toys):
    outcome = toy(max_steps=30, evaluate_every_steps=15, mining={"every_steps": 0}).train()
    losses = [event["loss"] for event in outcome.history if event["event"] == "step"]
    assert len(losses) == 30 and outcome.status == "done"
    assert np.mean(losses[-5:]) < 0.2 * np.mean(losses[:5])


def test_training_lifts_what_it_is_selected_by(toy: Toys):
    training = toy(max_steps=10)
    before = training.measure(training.model)
    outcome = training.train()
    after = training.measure(training.model)
    assert outcome.best_step != (0, 0)
    assert after["oscr@5"] == pytest.approx(outcome.best_value, abs=1e-6)
    assert after["oscr@5"] > before["oscr@5"] and after["recall@1"] >= before["recall@1"]


@pytest.mark.parametrize(
    ("freeze", "still"),
    [
        ({"embeddings": True, "lower_layers": 1}, ("embeddings", "layer.0", "pooler")),
        ({"embeddings": True}, ("embeddings", "pooler")),
        ({"embeddings": False}, ("pooler",)),
    ],
)
def test_frozen_parameters_are_bit_identical(toy: Toys, freeze: dict[str, Any], still: tuple[str, ...]):
    values = iter(range(100))
    training = toy(freeze=freeze, measure=lambda model: score(next(values)))
    before = training.weights()
    training.train()
    for name, value in training.weights().items():
        # A constant added to every key changes no attention: its gradient is 0, or nearly.
        if "key.bias" not in name:
            assert torch.equal(value, before[name]) is any(part in name for part in still), name
    assert all(p.requires_grad for name, p in training.model.named_parameters() if "pooler" not in name)


def test_the_best_weights_are_left_in_the_model(toy: Toys):
    seen = []
    values = iter([0.5, 0.4, 0.7, 0.7])

    def measure(model: TextModel) -> dict[str, float]:
        seen.append(training.weights())
        return score(next(values))

    training = toy(measure=measure)
    outcome = training.train()
    assert (outcome.best_step, outcome.best_value) == ((1, 4), 0.7)
    assert training.has(seen[2]) and not training.has(seen[3])
    assert [event[3] for event in training.record.told if event[0] == "measured"] == [True, False, True, False]


def test_the_base_model_stays_when_nothing_is_better(toy: Toys):
    training = toy(measure=lambda model: score(0.5))
    before = training.weights()
    assert training.train().best_step == (0, 0)
    assert training.has(before)


@pytest.mark.parametrize(("tolerance", "best"), [(0.0, (0, 0)), (0.1, (1, 2))])
def test_a_better_model_that_loses_on_the_guard_is_not_chosen(
    toy: Toys, recipe_of: Callable[..., Recipe], tolerance: float, best: tuple[int, int]
):
    figures = iter([score(0.5, 0.8), score(0.9, 0.75), score(0.95, 0.6), score(0.6, 0.79)])
    recipe = Recipe.model_validate(recipe_of().model_dump() | {"selection": {"guard_tolerance": tolerance}})
    assert toy(recipe=recipe, measure=lambda model: next(figures)).train().best_step == best


@pytest.mark.parametrize(("guard", "best"), [(0.8, (0, 0)), (0.81, (1, 4))])
def test_of_models_that_tie_the_one_with_more_of_the_guard_is_chosen(toy: Toys, guard: float, best: tuple[int, int]):
    figures = iter([score(0.5, 0.8), score(0.5, 0.8), score(0.5, guard), score(0.4, 0.9)])
    assert toy(measure=lambda model: next(figures)).train().best_step == best


@pytest.mark.parametrize(
    ("aurocs", "best"),
    [([0.9, 0.91, 0.93, 0.92], (1, 4)), ([0.9, 0.91, 0.91, 0.9], (1, 2)), ([0.9, math.nan, 0.8, 0.7], (1, 4))],
)
def test_of_tuned_models_that_tie_in_both_the_one_with_more_auroc_is_chosen(
    toy: Toys, aurocs: list[float], best: tuple[int, int]
):
    values = iter([0.5, 0.6, 0.6, 0.6])
    figures = iter([score(next(values)) | {"auroc": auroc} for auroc in aurocs])
    assert toy(measure=lambda model: next(figures)).train().best_step == best


@pytest.mark.parametrize("metric", ["augrc", "augrc/chatter", "augrc_queries", "fpr95", "noise_similarity"])
def test_of_a_figure_that_is_better_when_lower_the_lowest_is_chosen_and_keeps_a_stage_going(
    toy: Toys, recipe_of: Callable[..., Recipe], metric: str
):
    figures = iter([score(0.5) | {metric: value} for value in (0.3, 0.2, 0.1, 0.4)])
    selection = {"selection": {"metric": metric, "guard": metric, "guard_tolerance": 0.0}}
    recipe = Recipe.model_validate(recipe_of(patience=1).model_dump() | selection)
    outcome = toy(recipe=recipe, measure=lambda model: next(figures)).train()
    assert outcome.best_step == (1, 4)


def test_a_tie_that_auroc_breaks_does_not_keep_a_stage_going(toy: Toys):
    figures = iter(
        [score(oscr) | {"auroc": auroc} for oscr, auroc in ((0.5, 0.9), (0.6, 0.9), (0.6, 0.91), (0.6, 0.92))]
    )
    training = toy(measure=lambda model: next(figures), patience=1)
    assert training.train().best_step == (1, 4)
    assert [event[2] for event in training.record.told if event[0] == "step"] == [1, 2, 3, 4]


def test_auroc_alone_makes_no_model_better_than_the_base(toy: Toys):
    figures = iter([score(0.5) | {"auroc": auroc} for auroc in (0.7, 0.8, 0.9, 0.95)])
    assert toy(measure=lambda model: next(figures)).train().best_step == (0, 0)


def test_another_seed_is_another_training(toy: Toys, recipe_of: Callable[..., Recipe], tmp_path: Path):
    one = toy(folder=tmp_path / "three")
    other = toy(folder=tmp_path / "four", recipe=recipe_of().model_copy(update={"seed": 4}))
    one.train()
    other.train()
    assert one.log() != other.log()


def test_labels_below_the_minimum_confidence_are_not_used(toy: Toys, monkeypatch: pytest.MonkeyPatch):
    doubtful = (Example("随便问问", 1, weight=0.3), Example("人工说是它", 2, weight=0.3, trusted=True))
    training = toy(batch_queries=20)
    training.data = replace(training.data, labels=training.data.labels + doubtful)
    seen = _texts_of_batches(monkeypatch)
    training.train()
    assert "人工说是它" in seen and "随便问问" not in seen


def _texts_of_batches(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    seen: set[str] = set()
    learn = memory.learn

    def watched(model: TextModel, batch: Any, *rest: Any) -> Any:
        seen.update(batch.texts)
        return learn(model, batch, *rest)

    monkeypatch.setattr(memory, "learn", watched)
    return seen


def test_without_chatter_the_other_losses_go_on(toy: Toys):
    training = toy()
    training.data = replace(training.data, noise=())
    outcome = training.train()
    assert {name for event in outcome.history for name in event.get("parts", {})} == {"ranking"}


def test_mining_comes_at_the_start_of_a_stage_and_when_due(toy: Toys):
    training = toy({}, {"mining": {"every_steps": 0}})
    training.train()
    assert [event[1:] for event in training.record.told if event[0] == "mined"] == [(1, 0), (1, 3), (2, 0)]


def test_open_settings_are_those_of_the_base_model_in_every_stage(toy: Toys, monkeypatch: pytest.MonkeyPatch):
    temperatures: list[float] = []
    learn = memory.learn

    def watched(model: TextModel, batch: Any, losses: Any, *rest: Any) -> Any:
        temperatures.append(losses.ranking.temperature)
        return learn(model, batch, losses, *rest)

    monkeypatch.setattr(memory, "learn", watched)
    outcome = toy({}, {}).train()
    first = next(event["figures"] for event in outcome.history if event["event"] == "mined")
    assert temperatures == [pytest.approx(0.1 * (first["related"] - first["unrelated"]))] * 12


def test_the_learning_rate_follows_the_schedule(toy: Toys):
    outcome = toy(max_steps=5, warmup_share=0.4, learning_rate=0.3).train()
    rates = [event["learning_rate"] for event in outcome.history if event["event"] == "step"]
    assert rates == pytest.approx([0.15, 0.3, 0.3, 0.2, 0.1])


def test_the_log_is_one_json_object_per_line(toy: Toys):
    training = toy()
    outcome = training.train()
    lines = (training.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == outcome.history
    assert [f"{e['event']} {e['step']}" for e in outcome.history] == [
        "measured 0", "mined 0", "started 0", "step 1", "step 2", "measured 2", "step 3", "mined 3", "step 4",
        "measured 4", "step 5", "step 6", "measured 6",
    ]  # fmt: skip
    assert all(event["seconds"] > 0 for event in outcome.history if event["event"] != "started")


def test_a_stage_writes_every_setting_that_it_is_run_with(toy: Toys):
    """Taken as they are from what the first step was given, so that the log cannot say anything else."""
    training = toy({}, {"name": "then", "evaluate_every_steps": None, "max_steps": 3})
    with pytest.MonkeyPatch.context() as patch:
        given: list[tuple[Any, ...]] = []
        learn = memory.learn
        patch.setattr(memory, "learn", lambda *all: given.append(all) or learn(*all))
        training.train()
    first, second = (event for event in training.log() if event["event"] == "started")
    assert [
        (event["stage"], event["step"], event["settings"]["name"], event["steps"]) for event in (first, second)
    ] == [
        (1, 0, "warm", 6), (2, 0, "then", 3),
    ]  # fmt: skip
    for event, (_, batch, losses, at_once, graph_tokens, *_) in ((first, given[0]), (second, given[6])):
        assert event["settings"]["losses"] == losses.model_dump()
        assert (event["micro_batch_tokens"], event["graph_tokens"]) == (at_once, graph_tokens)
        assert sum(event["queries_per_step"].values()) == len(batch.queries)
        assert _open_settings(event) == []
    assert first["settings"]["optimiser"] == "adamw" and first["settings"]["learning_rate"] == 3e-3
    assert (first["device"], first["precision"], first["processes"]) == ("cpu", "float32", 1)
    assert [each["settings"]["evaluate_every_steps"] for each in (first, second)] == [2, OFTENEST_STEPS]
    assert [told[1:] for told in training.record.told if told[0] == "settled"] == [
        (event["stage"], {name: value for name, value in event.items() if name not in ("event", "stage", "step")})
        for event in (first, second)
    ]


def _open_settings(value: Any, place: str = "") -> list[str]:
    """Where a value says nothing."""
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in _open_settings(inner, f"{place}.{name}")]
    return [place] * (value is None)
