from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from faqtune.errors import UserError
from faqtune.train import state
from faqtune.train.optimiser import schedule

Toys = Callable[..., Any]

TWO_STAGES = ({"name": "first"}, {"name": "second", "freeze": {"embeddings": False}, "learning_rate": 1e-3})


@pytest.mark.parametrize(
    ("stages", "last"),
    [((), (1, 1)), ((), (1, 4)), (TWO_STAGES, (1, 6)), (TWO_STAGES, (2, 5))],
    ids=["1.1 of 1", "1.4 of 1", "1.6 of 2", "2.5 of 2"],
)
def test_interrupted_and_run_again_it_ends_bit_identical(
    toy: Toys, tmp_path: Path, stages: tuple[dict[str, Any], ...], last: tuple[int, int]
):
    whole, interrupted, resumed = (
        toy(*stages, folder=tmp_path / name) for name in ("undisturbed", "interrupted", "interrupted")
    )
    undisturbed = whole.train()
    interrupted.record.on_step = lambda *place: signal.raise_signal(signal.SIGINT) if place == last else None
    assert interrupted.train().status == "interrupted"
    assert [event[1:3] for event in interrupted.record.told if event[0] == "step"][-1] == last
    outcome = resumed.train()
    assert ("stage", last[0], 6, last[1]) in resumed.record.told  # it went on and did not begin anew
    assert outcome.status == "done" and outcome.best_step == undisturbed.best_step
    assert resumed.has(whole.weights())
    assert resumed.log() == whole.log()


def test_with_larger_batches_it_goes_on_as_it_was_begun(toy: Toys, tmp_path: Path):
    """Sixteen steps of 4 queries are taken as six of 11."""
    long = {"data": {"labels": 1}, "batch_queries": 4, "batch_noise": 2, "epochs": 3, "max_steps": 100}
    long |= {"learning_rate": 1e-3, "larger_batches_above_steps": 6, "evaluate_every_steps": 2}
    whole, interrupted, resumed = (toy(**long, folder=tmp_path / name) for name in ("whole", "part", "part"))
    whole.train()
    interrupted.record.on_step = lambda *place: signal.raise_signal(signal.SIGINT) if place == (1, 3) else None
    assert interrupted.train().status == "interrupted"
    resumed.train()
    assert ("stage", 1, 6, 3) in resumed.record.told
    assert resumed.has(whole.weights()) and resumed.log() == whole.log()
    assert [event[2] for event in whole.record.told if event[0] == "measured"] == [0, 2, 4, 6]
    (settings,) = [event[2]["settings"] for event in whole.record.told if event[0] == "settled"]
    assert (settings["batch_queries"], settings["batch_noise"], settings["max_steps"]) == (11, 5, 6)
    rates = [event["learning_rate"] for event in whole.log() if event["event"] == "step"]
    share = whole.recipe.stages[0].warmup_share
    assert rates == [1.66e-3 * schedule(step, 6, share) for step in range(6)]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_usable_checkpoint_and_says_interrupted(toy: Toys, signal_number: signal.Signals):
    training, before = toy(), signal.getsignal(signal_number)
    training.record.on_step = lambda stage, step: signal.raise_signal(signal_number) if step == 3 else None
    assert training.train().status == "interrupted"
    assert (training.folder / "checkpoints" / "01-0000003").is_dir()
    assert [event[2] for event in training.record.told if event[0] == "step"] == [1, 2, 3]
    assert signal.getsignal(signal_number) == before
    assert all(p.requires_grad for name, p in training.model.named_parameters() if "pooler" not in name)


def test_a_second_ctrl_c_acts_at_once(toy: Toys):
    def twice(stage: int, step: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    training, before = toy(), signal.getsignal(signal.SIGINT)
    training.record.on_step = twice
    with pytest.raises(KeyboardInterrupt):
        training.train()
    assert signal.getsignal(signal.SIGINT) is before


def test_what_was_saved_when_it_was_measured_is_not_written_again(toy: Toys, monkeypatch: pytest.MonkeyPatch):
    training, saved = toy(), []
    training.record.on_step = lambda stage, step: signal.raise_signal(signal.SIGINT) if step == 4 else None
    save = state.save_checkpoint
    monkeypatch.setattr(state, "save_checkpoint", lambda *given: saved.append(given) or save(*given))
    assert training.train().status == "interrupted"
    assert len(saved) == 2  # after steps 2 and 4


def test_interrupted_before_its_first_step_it_begins_anew(toy: Toys):
    training, again = toy(max_steps=2), toy(max_steps=2)

    def measure(model: Any) -> dict[str, float]:
        signal.raise_signal(signal.SIGINT)
        return again.measure(model)

    training.measure = measure
    assert training.train().status == "interrupted"
    assert again.train().status == "done"


def test_it_trains_outside_the_main_thread(toy: Toys):
    found: list[str] = []
    work = threading.Thread(target=lambda: found.append(toy().train().status))
    work.start()
    work.join()
    assert found == ["done"]


def test_a_finished_training_run_again_does_nothing_but_load_the_best(toy: Toys):
    first, again = toy(), toy()
    assert first.train() == again.train()
    assert again.has(first.weights())
    assert all(event[0] == "stage" for event in again.record.told)


def test_a_training_that_ended_early_run_again_does_nothing_but_load_the_best(toy: Toys):
    first, again = (toy(max_steps=20, patience=1, learning_rate=1e-9) for _ in range(2))
    for training in (first, again):
        training.measure = lambda model: {"oscr@5": 0.5, "recall@1": 1.0}
    assert first.train() == again.train() and first.log()[-1]["text"].endswith(
        "no better model in 1 measurements in a row"
    )
    assert all(event[0] == "stage" for event in again.record.told)


def test_cut_off_after_a_stage_that_ended_early_it_goes_on_with_the_next(toy: Toys, tmp_path: Path):
    stages = ({"name": "first", "max_steps": 20, "patience": 1}, {"name": "second", "max_steps": 4})
    whole, cut, resumed = (toy(*stages, folder=tmp_path / name) for name in ("whole", "cut", "cut"))
    for training in (whole, cut, resumed):
        # The best of each stage comes after some time: going on with the first would find it.
        seen: list[int] = []
        training.measure = lambda model, seen=seen: {"oscr@5": float(seen.append(1) or len(seen) > 2), "recall@1": 1.0}
    whole.train()
    started = cut.record.stage_started

    def stop(stage: Any, number: int, steps: int, done: int, before: int, *more: Any) -> None:
        started(stage, number, steps, done, before, *more)
        assert before == (number > 1) * sum(event[0] == "step" for event in cut.record.told)
        if number == 2:
            raise KeyboardInterrupt

    cut.record.stage_started = stop
    with pytest.raises(KeyboardInterrupt):
        cut.train()
    resumed.measure(None), resumed.measure(None)
    resumed.train()
    assert [event[1:3] for event in resumed.record.told if event[0] == "step"] == [(2, step) for step in range(1, 5)]
    assert resumed.has(whole.weights()) and resumed.log() == whole.log()


@pytest.mark.parametrize("changed", ["recipe", "data", "model"])
def test_another_training_in_the_folder_is_refused(toy: Toys, changed: str):
    toy(max_steps=2).train()
    other = toy(max_steps=2, learning_rate=1e-3) if changed == "recipe" else toy(max_steps=2)
    if changed == "data":
        other.data = replace(other.data, noise=(*other.data.noise, "谢谢"))
    if changed == "model":
        with torch.no_grad():
            other.model.backbone.encoder.layer[1].output.dense.weight.mul_(1.001)
    with pytest.raises(UserError, match="another training"):
        other.train()


@pytest.mark.parametrize(("minutes", "steps"), [(1, [2, 4, 6]), (0.5, [1, 2, 3, 4, 5, 6]), (10, [6]), (0, [6])])
def test_a_checkpoint_is_written_every_so_many_minutes_and_changes_no_weight(
    toy: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, steps: list[int]
):
    """A step takes 31 seconds by the clock."""
    usual = toy(folder=tmp_path / "usual")
    usual.train()
    training = toy(folder=tmp_path / "timed")
    training.recipe = training.recipe.model_copy(
        update={"checkpoint_every_steps": 0, "checkpoint_every_minutes": minutes}
    )
    clock, saved, save = [time.monotonic()], [], state.save_checkpoint
    monkeypatch.setattr(state.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(
        state, "save_checkpoint", lambda *given: (saved.append(given[1].progress.step), save(*given))[1]
    )
    training.record.on_step = lambda stage, step: clock.__setitem__(0, clock[0] + 31)
    training.train()
    assert saved == steps
    assert training.has(usual.weights())
