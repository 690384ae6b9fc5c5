"""Trainings of two stages that are interrupted and go on, as trackers have them."""

from __future__ import annotations

import os
import signal
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from accelerate import PartialState

from faqtune import Workspace, train_model
from faqtune.commands.training import trackers
from faqtune.commands.training.on_its_way import Interrupted
from faqtune.commands.training.trackers import TRACKED
from faqtune.progress import Silent
from faqtune.runs import Run

STAGE = """\
[[stages]]
batch_queries = 8
epochs = 9
max_steps = {steps}
evaluate_every_steps = 2
data.{source} = 1
losses.ranking.weight = 1.0
"""
TWO_STAGES = (
    """\
name = "two stages"
checkpoint_every_steps = 1
[selection]
metric = "auroc"
guard = "recall@5"
"""
    + STAGE.format(steps=4, source="labels")
    + STAGE.format(steps=3, source="catalogue")
)
STEPS, MEASURED = [1, 2, 3, 4, 5, 6, 7], [0, 2, 4, 6, 7]
"""Of the training above, over both stages."""


class CtrlC(Silent):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, after_steps: int = 0) -> None:
        self.left = after_steps

    def advance(self, what: str, done: int, total: int) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def two_stages(tuned_shop: Workspace) -> Workspace:
    (tuned_shop.root / "few_steps.toml").write_text(TWO_STAGES, encoding="utf-8")
    return tuned_shop


def train_interrupted_twice(workspace: Workspace, name: str) -> Run:
    """In the first stage and in the second."""
    for after_steps in (3, 2):
        with pytest.raises(Interrupted):
            train_model(workspace, track=name, reporter=CtrlC(after_steps))
    return train_model(workspace, track=name).run


class Service:
    """What keeps the runs of a tracker, with the rule that Weights & Biases has: what comes with a lower step than
    there was is dropped. Stands in for the package, so that all of accelerate's part is the real one.

    `offline`: each process has a file of its own and knows of no other; a value that is told twice counts once.
    """

    def __init__(self, *, offline: bool) -> None:
        self.offline = offline
        self.runs: dict[str, dict[str, list[int]]] = {}
        self.asked: list[dict[str, Any]] = []
        self.config: dict[str, Any] = {}
        self.dropped = 0

    def module(self, name: str) -> types.ModuleType:
        module = types.ModuleType(name)
        module.__dict__.update(init=self.init, config=types.SimpleNamespace(update=self._configure))
        if name == "swanlab":
            module.__dict__["config"] = type("Config", (dict,), {"update": lambda _, values, **__: None})()
        return module

    def init(self, **asked: Any) -> Any:
        self.asked.append(asked)
        values = self.runs.setdefault(asked.get("id") or asked["name"], {})
        last = 0 if self.offline else max((step for steps in values.values() for step in steps), default=0)

        def log(told: dict[str, float], step: int) -> None:
            nonlocal last
            self.dropped += step < last
            last = max(last, step)
            for name in told:
                steps = values.setdefault(name, [])
                if not (self.offline and step in steps):
                    steps.append(step)

        return types.SimpleNamespace(log=log, finish=lambda: None, step=last + 1 if last else 0)

    def _configure(self, values: dict[str, Any], **_: Any) -> None:
        self.config |= values


@pytest.fixture(autouse=True)
def no_state() -> Iterator[None]:
    """As accelerate is in a process that has just started, where it refuses to speak before it has one."""
    PartialState._reset_state()
    yield
    PartialState._reset_state()


@pytest.mark.parametrize(
    ("name", "offline"), [("wandb", False), ("wandb", True), ("trackio", False), ("swanlab", True)]
)
def test_both_stages_of_a_training_that_was_interrupted_are_one_run_with_rising_steps(
    two_stages: Workspace, monkeypatch: pytest.MonkeyPatch, name: str, offline: bool
) -> None:
    service = Service(offline=offline)
    monkeypatch.setitem(sys.modules, name, service.module(name))
    monkeypatch.setattr(trackers, "find_spec", lambda package: object())
    run = train_interrupted_twice(two_stages, name)

    (values,) = service.runs.values()
    assert values["stage 1 loss/total"] + values["stage 2 loss/total"] == STEPS
    assert values["selection/auroc"] == MEASURED
    assert service.dropped == 0
    if name != "swanlab":  # whose settings are an object of its own
        assert service.config["stage.2.batch_queries"] == 8
    assert [asked["resume"] for asked in service.asked] == (
        ["never", "allow", "allow"] if name == "trackio" else ["allow"] * 3
    )
    assert len({asked.get("id") for asked in service.asked}) == 1 and run.facts[TRACKED].keys() == {name}

    # Trained anew it is another run: the steps of the old one would be in its way.
    train_model(two_stages, track=name, force=True)
    if name == "trackio":
        assert service.asked[-1]["resume"] == "never"
    else:
        assert len(service.runs) == 2


def test_tensorboard_has_both_stages_of_a_training_that_was_interrupted_in_one_run(two_stages: Workspace) -> None:
    """The real one, read back with its own reader."""
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    run = train_interrupted_twice(two_stages, "tensorboard")
    found = EventMultiplexer().AddRunsFromDirectory(str(run.folder / "tracking"))
    found.Reload()
    assert list(found.Runs()) == [run.name]
    steps = {tag: [event.step for event in found.Scalars(run.name, tag)] for tag in found.Runs()[run.name]["scalars"]}
    assert steps["stage 1 loss/total"] + steps["stage 2 loss/total"] == STEPS
    assert steps["selection/auroc"] == MEASURED


def test_what_a_kill_has_cost_a_tracker_is_told_again(two_stages: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(offline=True)
    monkeypatch.setitem(sys.modules, "wandb", service.module("wandb"))
    monkeypatch.setattr(trackers, "find_spec", lambda package: object())
    with pytest.raises(Interrupted):
        train_model(two_stages, track="wandb", reporter=CtrlC(after_steps=6))
    service.runs.clear()  # it had written nothing yet
    train_model(two_stages, track="wandb")
    (values,) = service.runs.values()
    assert values["stage 1 loss/total"] + values["stage 2 loss/total"] == STEPS
    assert values["selection/auroc"] == MEASURED and values["mining/related"][0] == 0
