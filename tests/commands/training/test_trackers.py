"""A training followed in a tracker: all of it, once, and without being able to hurt it."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest
from accelerate import tracking

from faqtune.commands.training import trackers
from faqtune.commands.training.run_files import RunFiles
from faqtune.commands.training.trackers import Tracked, refuse_tracker
from faqtune.errors import UserError
from faqtune.progress import Silent
from faqtune.recipe import Recipe
from faqtune.runs import Run
from faqtune.train import StepLoss

PLAN = Recipe.model_validate({"stages": [{"data": {"labels": 1}, "losses": {"ranking": {"weight": 1}}}] * 2})


class Fake:
    """Keeps what it is told; fails where it is to."""

    made: dict[str, Any]

    def __init__(self, *given: Any, **more: Any) -> None:
        self.values: list[tuple[dict[str, float], int]] = []
        self.fails = self.finished = False
        Fake.made = {"given": given, "more": more, "tracker": self}

    def start(self) -> None:
        print("a greeting")

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.configuration = values

    def log(self, values: dict[str, float], step: int) -> None:
        if self.fails:
            raise ConnectionError("no route to host")
        self.values.append((values, step))

    def finish(self) -> None:
        self.finished = True


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, heard: Any) -> tuple[Tracked, Fake, Any]:
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", Fake)
    run = Run(tmp_path / "2026-default-1", "default", "builtin", "digest")
    return Tracked(PLAN, heard, RunFiles(run, PLAN), "wandb"), Fake.made["tracker"], heard


def test_everything_that_is_measured_is_told(
    tracked: tuple[Tracked, Fake, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    listener, tracker, _ = tracked
    listener.stage_started(PLAN.stages[0], 1, 10, 0, 0, {"labels": 8})
    listener.stepped(PLAN.stages[0], 1, 1, StepLoss(0.7, {"ranking": 0.7}))
    listener.measured(1, 5, {"recall@1/macro": 0.4, "oscr@5": float("nan")}, True)
    mined = {"noise_similarity": 0.3, "noise_best_similarity": 0.5, "queries_without_negative": 0.0}
    listener.stage_started(PLAN.stages[1], 2, 10, 0, 10, {"labels": 8})
    listener.mined(2, 5, mined)
    listener.finish()
    assert tracker.values == [
        ({"stage 1 loss/total": 0.7, "stage 1 loss/ranking": 0.7}, 1),
        ({"selection/recall at 1 macro": 0.4}, 5),
        ({f"mining/{name}": value for name, value in mined.items()}, 15),
    ]
    assert tracker.finished and tracker.configuration["run"] == "2026-default-1"
    assert tracker.configuration["stage.2.losses.ranking.weight"] == 1
    assert tracker.configuration["stage.1.learning_rate"] == PLAN.stages[0].learning_rate
    assert capsys.readouterr().out == "", "our figures alone go to stdout"


def test_a_tracker_that_fails_is_left_alone(tracked: tuple[Tracked, Fake, Any]) -> None:
    listener, tracker, heard = tracked
    listener.stage_started(PLAN.stages[0], 1, 10, 0, 0, {"labels": 8})
    tracker.fails = True
    for step in (1, 2):
        listener.stepped(PLAN.stages[0], 1, step, StepLoss(0.7, {}))
    listener.finish()
    told = [text for text in heard.lines if "wandb" in text]
    assert told == ["wandb failed and is told no more; the training goes on: no route to host"]
    assert not tracker.finished


def test_one_that_does_not_start_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("log in first")

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "trackio", broken)
    run = Run(tmp_path / "r", "default", "builtin", "digest")
    with pytest.raises(UserError, match="trackio cannot be started: log in first"):
        Tracked(PLAN, Silent(), RunFiles(run, PLAN), "trackio")


@pytest.mark.parametrize(
    ("name", "message"),
    [("tensorbord", "no tracker tensorbord"), ("swanlab", "swanlab is not installed.*pip install swanlab")],
)
def test_what_is_not_there_is_refused_before_anything_begins(
    monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda package: object() if package == "accelerate" else None)
    with pytest.raises(UserError, match=message):
        refuse_tracker(name)


def test_mlflow_goes_on_in_the_run_that_it_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Numbered(Fake):
        tracker = types.SimpleNamespace(info=types.SimpleNamespace(run_id="number of mlflow's own"))

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "mlflow", Numbered)
    run = Run(tmp_path / "2026-default-1", "default", "builtin", "digest")
    asked = []
    for _ in range(2):
        Tracked(PLAN, Silent(), RunFiles(run, PLAN), "mlflow")
        asked.append(Fake.made["more"])
    first = {"experiment_name": "faqtune", "run_name": "2026-default-1", "run_id": None}
    assert asked == [first, first | {"run_id": "number of mlflow's own"}]
