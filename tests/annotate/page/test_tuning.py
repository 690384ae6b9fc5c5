"""Tuning in the background: one at a time, stopped, broken off and taken up again, failing with a reason."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faqtune.annotate.refused import Refused
from faqtune.annotate.tuning import CANCELLED, DONE, FAILED, IDLE, RUNNING, Tuner, TuningState

CHILD = """
import sys, time
from pathlib import Path
from faqtune.annotate.tuning import TuningState
state = TuningState(Path(sys.argv[1]), sys.argv[2])
state.say("begun")
{work}
"""


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., tuple[Tuner, list[str]]]:
    def tuner(work: str) -> tuple[Tuner, list[str]]:
        path = tmp_path / "tuning.json"
        told: list[str] = []
        command = [sys.executable, "-c", CHILD.format(work=work), str(path)]
        made = Tuner(
            path, ["a", "b"], lambda recipe: [*command, recipe], lambda: 0.5,
            lambda share: told.append(f"share {share}"), lambda: told.append("taken over"),
        )  # fmt: skip
        return made, told

    return tuner


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


@pytest.mark.parametrize("taken_over", [True, False])
def test_a_better_model_is_taken_over_and_a_worse_one_is_not(
    make: Callable[..., tuple[Tuner, list[str]]], taken_over: bool
) -> None:
    tuner, told = make(f"state.finish('done', result={{'taken_over': {taken_over}}})")
    tuner.start("b", 0.7)
    until(lambda: tuner.state()["status"] == DONE)
    assert tuner.state()["recipe"] == "b"
    assert tuner.state()["lines"] == ["begun"]
    if taken_over:
        until(lambda: told == ["share 0.7", "taken over"])
    else:
        until(lambda: not tuner._is_running())
        assert told == ["share 0.7"]


def test_it_runs_once_and_can_be_stopped_for_good(make: Callable[..., tuple[Tuner, list[str]]]) -> None:
    tuner, _ = make("time.sleep(60)")
    assert tuner.state()["status"] == IDLE
    first = tuner.start()["process"]
    until(lambda: tuner.state()["lines"] == ["begun"])
    assert tuner.start()["process"] == first
    assert tuner.cancel()["status"] == CANCELLED
    assert not make("")[0].go_on()


def test_what_the_servers_end_broke_off_goes_on_with_the_next(make: Callable[..., tuple[Tuner, list[str]]]) -> None:
    tuner, _ = make("time.sleep(60)")
    tuner.start("b")
    until(lambda: tuner.state()["lines"] == ["begun"])
    tuner.close()
    assert tuner.state()["status"] == RUNNING
    again, told = make("state.finish('done', result={'taken_over': True})")
    assert again.go_on()
    until(lambda: told == ["taken over"])
    assert again.state()["recipe"] == "b"
    assert not again.go_on()


def test_one_that_outlived_its_server_is_watched_and_stopped_by_the_next(
    make: Callable[..., tuple[Tuner, list[str]]],
) -> None:
    tuner, _ = make("time.sleep(1.5); state.finish('done', result={'taken_over': True})")
    process = tuner.start()["process"]
    until(lambda: tuner.state()["lines"] == ["begun"])
    # Killed servers neither watch nor stop what they started.
    tuner._process = None
    again, told = make("raise SystemExit(1)")
    assert again.go_on()
    assert again.state()["process"] == process
    until(lambda: told == ["taken over"])
    tuner, _ = make("time.sleep(60)")
    tuner.start()
    until(lambda: tuner.state()["lines"] == ["begun"])
    process, tuner._process = tuner._process, None
    other, _ = make("")
    assert other.go_on()
    assert other.cancel()["status"] == CANCELLED
    assert process.wait(20) != 0


def test_a_failure_says_why(make: Callable[..., tuple[Tuner, list[str]]]) -> None:
    tuner, told = make("raise SystemExit('the disk is full')")
    tuner.start()
    until(lambda: tuner.state()["status"] == FAILED)
    assert tuner.state()["problem"] == "the disk is full"
    assert told == []
    with pytest.raises(Refused, match="no recipe"):
        tuner.start("/etc/passwd")


def test_the_state_keeps_progress_and_is_whole_at_every_moment(tmp_path: Path) -> None:
    told: list[Any] = []

    class Also:
        def say(self, text: str) -> None:
            told.append(text)

        def advance(self, what: str, done: int, total: int) -> None:
            told.append((what, done, total))

    state = TuningState(tmp_path / "tuning.json", "a", Also())
    state.say("one")
    state.advance("steps", 1, 2)
    state.advance("steps", 2, 2)
    kept = json.loads((tmp_path / "tuning.json").read_text(encoding="utf-8"))
    assert (kept["what"], kept["done"], kept["total"], kept["lines"]) == ("steps", 2, 2, ["one"])
    assert told == ["one", ("steps", 1, 2), ("steps", 2, 2)]
