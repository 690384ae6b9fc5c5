"""A training followed in a tracker, which must not be able to hurt it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from accelerate import tracking

from faqtune.commands import trackers
from faqtune.commands.trackers import Tracked, refuse_tracker
from faqtune.errors import UserError
from faqtune.progress import Silent
from faqtune.recipe import Recipe
from faqtune.runs import Run
from faqtune.train import StepLoss

PLAN = Recipe.model_validate({"stages": [{"data": {"labels": 1}, "losses": {"ranking": {"weight": 1}}}]})


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


class Fake:
    """Keeps what it is told; fails where it is to."""

    made: dict[str, Any]

    def __init__(self, *given: Any, **more: Any) -> None:
        self.values: list[tuple[dict[str, float], int]] = []
        self.fails = self.finished = False
        Fake.made = {"given": given, "more": more, "tracker": self}

    def start(self) -> None: ...

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.configuration = values

    def log(self, values: dict[str, float], step: int) -> None:
        if self.fails:
            raise ConnectionError("no route to host")
        self.values.append((values, step))

    def finish(self) -> None:
        self.finished = True


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Tracked, Fake, Notes]:
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", Fake)
    notes = Notes()
    run = Run(tmp_path / "2026-default-1", "default", "builtin", "digest")
    return Tracked(PLAN, notes, "wandb", run), Fake.made["tracker"], notes


def test_everything_that_is_measured_is_told(tracked: tuple[Tracked, Fake, Notes]):
    listener, tracker, _ = tracked
    listener.stage_started(PLAN.stages[0], 1, 10, 0)
    listener.stepped(PLAN.stages[0], 1, 1, StepLoss(0.7, {"ranking": 0.7}))
    listener.measured(1, 5, {"recall@1": 0.4, "oscr@5": float("nan")}, True)
    mined = {"noise_similarity": 0.3, "noise_best_similarity": 0.5, "queries_without_negative": 0.0}
    listener.mined(2, 5, mined)
    listener.finish()
    assert tracker.values == [
        ({"stage 1 loss/total": 0.7, "stage 1 loss/ranking": 0.7}, 1),
        ({"stage 1 selection/recall at 1": 0.4}, 5),
        ({f"stage 2 mining/{name}": value for name, value in mined.items()}, 5),
    ]
    assert tracker.finished and tracker.configuration["run"] == "2026-default-1"
    assert Recipe.model_validate_json(tracker.configuration["recipe"]) == PLAN


def test_a_tracker_that_fails_is_left_alone(tracked: tuple[Tracked, Fake, Notes]):
    listener, tracker, notes = tracked
    listener.stage_started(PLAN.stages[0], 1, 10, 0)
    tracker.fails = True
    for step in (1, 2):
        listener.stepped(PLAN.stages[0], 1, step, StepLoss(0.7, {}))
    listener.finish()
    told = [text for text in notes.said if "wandb" in text]
    assert told == ["wandb failed and is told no more; the training goes on: no route to host"]
    assert not tracker.finished


def test_one_that_does_not_start_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("log in first")

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "trackio", broken)
    with pytest.raises(UserError, match="trackio cannot be started: log in first"):
        Tracked(PLAN, Silent(), "trackio", Run(tmp_path / "r", "default", "builtin", "digest"))


@pytest.mark.parametrize(
    ("name", "message"),
    [("tensorbord", "no tracker tensorbord"), ("swanlab", "swanlab is not installed.*pip install swanlab")],
)
def test_what_is_not_there_is_refused_before_anything_begins(monkeypatch: pytest.MonkeyPatch, name: str, message: str):
    monkeypatch.setattr(trackers, "find_spec", lambda package: object() if package == "accelerate" else None)
    with pytest.raises(UserError, match=message):
        refuse_tracker(name)
