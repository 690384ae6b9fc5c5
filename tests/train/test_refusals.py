from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from faqtune.errors import UserError
from faqtune.model import TextModel
from faqtune.recipe import Stage
from faqtune.records import Catalogue
from faqtune.train import TrainingData, engine, memory, stage
from faqtune.train.data import Example

Toys = Callable[..., Any]


@pytest.mark.parametrize("what", ["loss", "gradient's norm"])
def test_a_loss_that_is_no_number_is_refused_with_its_place(toy: Toys, monkeypatch: pytest.MonkeyPatch, what: str):
    training, ranking = toy(), engine.losses.ranking
    sound: list[dict[str, Tensor]] = []

    def spoilt(scores: Tensor, *rest: Any) -> Tensor:
        value = ranking(scores, *rest)
        if not any(event[:3] == ("step", 1, 4) for event in training.record.told):
            return value
        sound.append(training.weights())
        # A square root has an infinite slope at 0: a loss that looks sound, with a gradient that is not.
        return value * math.nan if what == "loss" else value + (scores - scores.detach()).sum().clamp_min(0).sqrt()

    monkeypatch.setattr(engine.losses, "ranking", spoilt)
    with pytest.raises(UserError, match=rf"stage 1 \(warm\), step 5: the {what} is nan") as error:
        training.train()
    assert "learning rate" in error.value.next_step
    assert (training.folder / "checkpoints" / "01-0000004").is_dir()
    assert training.has(sound[0])


def test_before_anything_was_learned_it_is_not_the_learning_rate(toy: Toys, monkeypatch: pytest.MonkeyPatch):
    ranking = engine.losses.ranking
    monkeypatch.setattr(engine.losses, "ranking", lambda *given: ranking(*given) * math.nan)
    with pytest.raises(UserError, match=r"stage 1 \(warm\), step 1: the loss is nan") as error:
        toy().train()
    assert "learning rate" not in error.value.next_step and "weights" in error.value.next_step


def test_too_little_memory_for_a_single_text_says_what_to_lower(toy: Toys, monkeypatch: pytest.MonkeyPatch):
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(memory, "learn", full)
    with pytest.raises(UserError, match=r"step 1: the memory of cpu .*even for 6\d tokens.*batch_queries"):
        toy().train()


def test_too_little_memory_lowers_what_goes_through_at_once_and_changes_nothing_else(
    toy: Toys, monkeypatch: pytest.MonkeyPatch
):
    undisturbed = toy()
    undisturbed.train()
    learned, tried = memory.learn, []

    def small(model: Any, batch: Any, losses: Any, at_once: int, graph_tokens: int, *more: Any) -> Any:
        tried.append((at_once, graph_tokens))
        if at_once > 100:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")
        return learned(model, batch, losses, at_once, graph_tokens, *more)

    monkeypatch.setattr(memory, "learn", small)
    training = toy(folder=undisturbed.folder / "small")
    training.folder.mkdir()
    training.train()
    assert tried[:3] == [(2048, 8192), (147, 0), (71, 0)] and set(tried[3:]) == {(71, 0)}
    assert any("71 tokens" in told[1] for told in training.record.told if told[0] == "noted")
    losses = [[e["loss"] for e in run.log() if e["event"] == "step"] for run in (undisturbed, training)]
    assert losses[1][:3] == pytest.approx(losses[0][:3], rel=1e-3)


@pytest.mark.parametrize("where", ["learn", "update"])
def test_another_error_of_torch_is_not_taken_for_too_little_memory(
    toy: Toys, monkeypatch: pytest.MonkeyPatch, where: str
):
    def broken(*_: Any) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(memory, where, broken)
    with pytest.raises(RuntimeError, match="shapes"):
        toy().train()


def test_a_stage_whose_loss_is_always_0_is_refused(toy: Toys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stage, "IDLE_STEPS", 4)
    # No noise of the toy model is that near: the ceiling is never touched.
    training = toy(losses={"noise_ceiling": {"weight": 1, "ceiling_cosine": 1}})
    with pytest.raises(UserError, match=r"stage 1 \(warm\): the loss was 0.* in all of its first 4 steps"):
        training.train()


def test_a_stage_with_nothing_left_to_learn_ends_early_and_says_so(toy: Toys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stage, "IDLE_STEPS", 2)
    learned, calls = memory.learn, []

    def learn_once(model: Any, *given: Any) -> Any:
        calls.append(1)
        loss = learned(model, *given)
        if len(calls) == 1:
            return loss
        model.zero_grad(set_to_none=False)
        return engine.StepLoss(0.0, {})

    monkeypatch.setattr(memory, "learn", learn_once)
    training = toy(max_steps=6)
    outcome = training.train()
    assert outcome.status == "done"
    assert [event["text"] for event in training.log() if event["event"] == "noted"] == [
        "stage 1 (warm) ends after step 3: nothing was left to learn in 2 steps in a row"
    ]
    assert max(event["step"] for event in training.log() if event["event"] == "measured") == 3


@pytest.mark.parametrize("figures", [{"recall@1": 0.5}, {"oscr@5": 0.5}, {"oscr@5": math.nan, "recall@1": 0.5}, {}])
def test_a_selection_part_without_the_figures_is_refused(toy: Toys, figures: dict[str, float]):
    with pytest.raises(UserError, match=r"selection part gives no (oscr@5|recall@1)"):
        toy(measure=lambda model: figures).train()


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (
            {"labels": (), "dialogues": ()},
            {"data": {"labels": 1, "dialogues": 1}},
            r"\(then\).*no labels and no dialog",
        ),
        ({}, {"data": {"labels": 1, "minimum_confidence": 0.95}}, r"\(then\).*no labels"),
        ({"noise": ()}, {"losses": {"rejection": {"weight": 1}}}, r"\(then\): rejection needs noise"),
        ({"catalogue": Catalogue(())}, {}, "no entry"),
    ],
)
def test_a_stage_without_data_is_refused_before_anything_is_measured(
    toy: Toys, data: dict[str, Any], settings: dict[str, Any], message: str
):
    def measure(model: TextModel) -> dict[str, float]:
        raise AssertionError("measured")

    training = toy({}, {"name": "then", **settings}, measure=measure)
    training.data = replace(training.data, **data)
    with pytest.raises(UserError, match=message):
        training.train()
    assert list(training.folder.iterdir()) == []


def test_a_stage_whose_batches_hold_no_negative_is_refused_before_its_first_step(toy: Toys, shop: TrainingData):
    alone = TrainingData(Catalogue(shop.catalogue.entries[:1]), (Example("多久发", 0), Example("催发货", 0)))
    training = toy(data={"labels": 1}, losses={"ranking": {"weight": 1}})
    training.data = alone
    with pytest.raises(UserError, match=r"stage 1 \(warm\): no batch has anything to compare for ranking"):
        training.train()
    assert not any(event[0] == "step" for event in training.record.told)


def test_a_folder_that_another_process_trains_in_is_refused_and_left_alone(toy: Toys):
    training = toy()
    code = (
        "import sys; from pathlib import Path; from faqtune.alone import alone_in\n"
        "with alone_in(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(training.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "in\n"
        with pytest.raises(UserError, match=rf"another faqtune \(process {process.pid}\)"):
            training.train()
        assert not (training.folder / "checkpoints").exists() and not (training.folder / "log.jsonl").exists()
        process.communicate()
    assert training.train().status == "done"


def test_losses_that_find_nothing_to_compare_are_named(toy: Toys):
    """A catalogue of single questions with answers: no score of a query with a question of its own."""
    training = toy()
    entries = (replace(e, questions=e.questions[:1], answer=f"答{e.id}") for e in training.data.catalogue)
    single = Catalogue(tuple(entries))
    training.data = replace(training.data, catalogue=single, labels=())
    losses = {name: {"weight": 1} for name in ("ranking", "rejection", "near_rejection", "positive_floor")}
    content = training.recipe.stages[0].model_dump() | {"data": {"catalogue": 1}, "losses": losses, "max_steps": 2}
    training.recipe = training.recipe.model_copy(update={"stages": [Stage.model_validate(content)]})
    training.train()
    (note,) = [told[1] for told in training.record.told if told[0] == "noted"]
    assert "(warm): positive_floor and near_rejection found nothing to compare in the first 2 batches" in note
    assert "add labels, or second questions" in note
