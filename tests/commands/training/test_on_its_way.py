"""A run while it is trained: what a reader finds in its folder, and what it says where the training ends too early."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from faqtune import UserError, Workspace, train_model
from faqtune.commands.project.models import model_place
from faqtune.commands.training import run_files
from faqtune.commands.training.on_its_way import FAILURE, Interrupted
from faqtune.commands.training.run_files import RunFiles, recipe_as_run
from faqtune.progress import Silent
from faqtune.recipe import Recipe, load_recipe
from faqtune.runs import DONE, FAILED, INTERRUPTED, Run, all_runs, find_run
from faqtune.stored import read_json
from faqtune.train import memory
from faqtune.train.log import RunLog

NEW = ("seed=11", "checkpoint_every_steps=1")


class AtStep(Silent):
    """Does something once a step of the training is done, and remembers which steps there were."""

    def __init__(self, step: int = 0, what: Callable[[], object] = lambda: None) -> None:
        self.step, self.what = step, what
        self.steps: list[int] = []

    def advance(self, what: str, done: int, total: int) -> None:
        self.steps.append(done)
        if done == self.step:
            self.what()


class EachStep(Silent):
    """Does something at each of some steps."""

    def __init__(self, what: dict[int, Callable[[], object]]) -> None:
        self.what = what

    def advance(self, what: str, done: int, total: int) -> None:
        if what.startswith("training steps") and done in self.what:
            self.what[done]()


def events_of(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def newest(workspace: Workspace) -> Run:
    return list(all_runs(workspace))[-1]


def test_a_training_that_fails_says_why_and_is_taken_up_by_the_same_command(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = find_run(tuned_shop).name
    update, norms = memory.update, iter((1.0, 1.0))
    with monkeypatch.context() as patch:
        patch.setattr(memory, "update", lambda *given: update(*given) * next(norms, math.nan))
        with pytest.raises(UserError, match="step 3: the gradient's norm is nan"):
            train_model(tuned_shop, overrides=NEW)

    run = newest(tuned_shop)
    reason = {
        "problem": "stage 1 (train), step 3: the gradient's norm is nan",
        "next": "lower the learning rate and train anew",
    }
    assert (run.status, run.facts[FAILURE]) == (FAILED, reason) and run.facts["seconds"] > 0
    assert events_of(run)[-1] == {"event": "failed", **reason}
    assert "<svg" in (run.folder / "loss_curve.svg").read_text(encoding="utf-8")
    assert find_run(tuned_shop).name == before, "it is never taken for the tuned model"
    with pytest.raises(UserError, match="has not finished"):
        model_place(tuned_shop, run.name)

    rest = AtStep()
    made = train_model(tuned_shop, overrides=NEW, reporter=rest)
    assert rest.steps == [3, 4] and (made.run.name, made.run.status) == (run.name, DONE)
    assert FAILURE not in made.run.facts and "failed" not in {event["event"] for event in events_of(made.run)}


def test_a_training_that_is_refused_says_why(tuned_shop: Workspace) -> None:
    still = ("stage.1.learning_rate=1e-25", "stage.1.max_steps=60", "stage.1.epochs=100")
    for _ in range(2):
        with pytest.raises(UserError, match="weights"):
            train_model(tuned_shop, overrides=(*still, "stage.1.evaluate_every_steps=60"))
    run = newest(tuned_shop)
    assert run.status == FAILED and "weights" in run.facts[FAILURE]["problem"]
    assert [event["event"] for event in events_of(run) if event["event"] == "failed"] == ["failed"]
    assert events_of(run)[-1]["event"] == "failed"


def test_what_the_data_alone_tells_is_said_before_the_model_is_loaded(tuned_shop: Workspace, heard: Any) -> None:
    there = [run.name for run in all_runs(tuned_shop)]
    with pytest.raises(UserError, match="no human labels in the training part"):
        train_model(tuned_shop, recipe="classic-two-stage", reporter=heard)
    assert not any("loading the model" in line for line in heard.lines)
    assert [run.name for run in all_runs(tuned_shop)] == there


@pytest.mark.parametrize(
    ("setting", "problem"),
    [("stage.1.freeze.lower_layers=3", "has 2 layers, so 3 cannot be frozen"),
     ("stage.1.freeze.lower_layers=2", "nothing is left to train")],
)  # fmt: skip
def test_what_the_model_tells_is_said_before_there_is_a_run(tuned_shop: Workspace, setting: str, problem: str) -> None:
    there = [run.name for run in all_runs(tuned_shop)]
    with pytest.raises(UserError, match=problem):
        train_model(tuned_shop, overrides=(setting,))
    assert [run.name for run in all_runs(tuned_shop)] == there
    assert {path.name for path in tuned_shop.runs_path.iterdir()} == set(there)


def test_a_base_model_without_numbers_is_named_before_there_is_a_run(
    tuned_shop: Workspace, tiny_model_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model_folder, tmp_path / "spoilt")
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("layer.1.output.dense.weight"))
    weights[name].fill_(math.nan)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    there = [run.name for run in all_runs(tuned_shop)]
    with pytest.raises(
        UserError, match=r"the base model .*spoilt has weights that are not numbers, .*layer\.1\.output"
    ) as error:
        train_model(tuned_shop, base=str(folder), overrides=NEW)
    assert "get its files anew" in error.value.next_step
    assert [run.name for run in all_runs(tuned_shop)] == there


def test_what_nobody_foresaw_is_written_down_and_raised_as_it_is(tuned_shop: Workspace) -> None:
    def fail() -> None:
        raise ZeroDivisionError("of a kind")

    with pytest.raises(ZeroDivisionError):
        train_model(tuned_shop, overrides=NEW, reporter=AtStep(2, fail))
    run = newest(tuned_shop)
    assert run.status == FAILED
    assert events_of(run)[-1] == {"event": "failed", "problem": "ZeroDivisionError: of a kind", "next": ""}


def test_an_interruption_is_the_last_event_until_the_training_goes_on(tuned_shop: Workspace) -> None:
    with pytest.raises(Interrupted):
        train_model(tuned_shop, overrides=NEW, reporter=AtStep(2, lambda: os.kill(os.getpid(), signal.SIGINT)))
    run = newest(tuned_shop)
    assert run.status == INTERRUPTED and events_of(run)[-1] == {"event": "interrupted"}
    assert (run.folder / "loss_curve.svg").exists()

    made = train_model(tuned_shop, overrides=NEW)
    assert made.run.status == DONE and "interrupted" not in {event["event"] for event in events_of(made.run)}


def test_a_second_ctrl_c_ends_it_at_once_and_as_interrupted(tuned_shop: Workspace) -> None:
    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_model(tuned_shop, overrides=NEW, reporter=AtStep(2, twice))
    run = newest(tuned_shop)
    assert run.status == INTERRUPTED and FAILURE not in run.facts


def test_a_reason_is_not_lost_because_it_cannot_be_written(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise UserError("the disk is full")

    def fail() -> None:
        for owner, name in ((RunLog, "end"), (Run, "save"), (RunFiles, "draw")):
            monkeypatch.setattr(owner, name, full)
        raise UserError("the reason")

    with pytest.raises(UserError, match="the reason"):
        train_model(tuned_shop, overrides=NEW, reporter=AtStep(2, fail))


def test_the_last_event_stands_alone_behind_a_line_that_was_cut_off(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    log.end("failed", problem="before anything began", next="")
    log.path.write_text('{"event": "step", "stage": 1, "step": 1}\n{"event": "st', encoding="utf-8")
    RunLog(log.path).end("failed", problem="the disk is full", next="")
    assert [event["event"] for event in log.read()] == ["step", "failed"]
    assert log.path.read_bytes().endswith(b"\n")


def test_the_picture_is_drawn_while_the_training_goes_on(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "LEAST_PAUSE", 0)
    drawn: list[int] = []
    svg = run_files.loss_curve_svg

    def watched(events: list[dict[str, Any]]) -> str:
        drawn.append(sum(event["event"] == "step" for event in events))
        return svg(events)

    monkeypatch.setattr(run_files, "loss_curve_svg", watched)
    there: list[bool] = []
    monkeypatch.setattr(
        AtStep, "advance", lambda *_: there.append((newest(tuned_shop).folder / "loss_curve.svg").exists())
    )
    train_model(tuned_shop, overrides=NEW, reporter=AtStep())
    assert there == [True] * 4
    assert drawn == [0, 2, 4, 4], "before the first step, at each measurement, and at the end"


def test_drawing_takes_a_fiftieth_of_the_time_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

    clock, drawn = Clock(), []
    monkeypatch.setattr(run_files, "time", clock)

    def slow(events: list[dict[str, Any]]) -> str:
        drawn.append(clock.now)
        clock.now += 2.0
        return "<svg/>"

    monkeypatch.setattr(run_files, "loss_curve_svg", slow)
    files = RunFiles(Run(tmp_path, "default", "builtin", "digest"), load_recipe("default"))
    files.draw_now_and_then()
    assert drawn == [] and not (tmp_path / "loss_curve.svg").exists(), "nothing has happened"
    RunLog(tmp_path / "log.jsonl").write("step", stage=1, step=1, loss=1.0)
    for _ in range(1000):
        clock.now += 1.0
        files.draw_now_and_then()
    assert sum(drawn) and 2.0 * len(drawn) <= clock.now / 50 + 2.0


class Killed(BaseException):
    """A kill: nothing catches it, and nothing is saved any more."""


def test_the_time_of_a_killed_process_counts(tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(run_files.time, "monotonic", lambda: clock[0])

    def later(then: Callable[[], object] = lambda: None) -> Callable[[], object]:
        def tell() -> None:
            clock[0] += 100
            then()

        return tell

    def kill() -> None:
        raise Killed

    with pytest.raises(Killed):
        train_model(tuned_shop, overrides=NEW, reporter=EachStep({1: later(), 2: later(), 3: later(kill)}))
    assert newest(tuned_shop).facts["seconds"] == 200.0
    with pytest.raises(Interrupted):
        stop = lambda: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
        train_model(tuned_shop, overrides=NEW, reporter=EachStep({3: later(stop)}))
    assert newest(tuned_shop).facts["seconds"] == 300.0
    assert train_model(tuned_shop, overrides=NEW, reporter=EachStep({4: later()})).run.facts["seconds"] == 400.0


def test_a_run_holds_its_recipe_with_nothing_left_open(tuned_shop: Workspace) -> None:
    made = train_model(tuned_shop, recipe="quick", overrides=("stage.1.max_steps=3", "selection.metric=auroc"))
    asked = read_json(made.run.folder / "recipe.json", "faqtune train")
    taken = read_json(made.run.folder / "recipe_as_run.json", "faqtune train")
    assert open_settings(asked), "there is something to fill in"
    assert open_settings(taken) == []
    (began,) = (event for event in events_of(made.run) if event["event"] == "started")
    assert taken["stages"][0]["losses"] == began["settings"]["losses"]
    assert (taken["stages"][0]["steps"], taken["micro_batch_tokens"]) == (3, began["micro_batch_tokens"])
    assert same_but_open(asked, taken)


def test_a_stage_that_has_not_begun_is_as_the_recipe_has_it() -> None:
    plan = Recipe.model_validate(
        {"stages": [{"name": name, "data": {"labels": 1}, "losses": {"ranking": {"weight": 1}}} for name in "ab"]}
    )
    first = plan.stages[0].model_dump() | {"evaluate_every_steps": 20}
    extent = {"steps": 100, "queries_per_step": {"labels": 32}, "sizes": {"labels": 640}}
    facts = {"micro_batch_tokens": 2048, "graph_tokens": 8192, "device": "cpu", "precision": "float32", "processes": 1}
    events = [{"event": "mined", "stage": 1}, {"event": "started", "stage": 1, "settings": first, **extent, **facts}]
    filled = recipe_as_run(plan, events)
    assert filled["stages"] == [first | extent, plan.stages[1].model_dump()]
    assert filled | {"stages": []} == plan.model_dump() | facts | {"stages": []}


def open_settings(value: Any, place: str = "") -> list[str]:
    """Where a recipe says nothing."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for name, inner in items for found in open_settings(inner, f"{place}.{name}")]
    return [place] * (value is None)


def same_but_open(asked: Any, taken: Any) -> bool:
    """Whether what was asked for is what was taken, wherever something was asked for."""
    if isinstance(asked, dict):
        return all(same_but_open(value, taken[name]) for name, value in asked.items())
    if isinstance(asked, list):
        return all(map(same_but_open, asked, taken))
    return asked is None or asked == taken
