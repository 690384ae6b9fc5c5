"""One command at a time writes a project."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faqtune import UserError, Workspace
from faqtune.alone import alone

HOLD = """
import sys, time
from pathlib import Path
from faqtune import Workspace
from faqtune.alone import alone

@alone
def work(workspace):
    print("at work", flush=True)
    time.sleep(60)

work(Workspace(Path(sys.argv[1])))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.config_path.touch()
    return workspace


@alone
def step(workspace: Workspace, answer: int = 42) -> int:
    return answer


@alone
def all_steps(workspace: Workspace) -> int:
    return step(workspace) + step(workspace, answer=1)


@pytest.fixture
def other(shop: Workspace) -> Iterator[subprocess.Popen[str]]:
    """Another process that is at work in the project."""
    command = [sys.executable, "-c", HOLD, str(shop.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_the_first_is_named(shop: Workspace, other: subprocess.Popen[str]) -> None:
    with pytest.raises(UserError, match=rf"another faqtune \(process {other.pid}\)") as caught:
        step(shop)
    assert "wait until it has finished" in caught.value.next_step


def test_a_killed_process_leaves_no_lock(shop: Workspace, other: subprocess.Popen[str]) -> None:
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert step(shop) == 42


def test_steps_inside_a_step_find_their_own_lock(shop: Workspace) -> None:
    assert all_steps(shop) == 43
    assert step(shop) == 42


def test_a_project_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert step(Workspace(tmp_path / "none")) == 42
    assert not (tmp_path / "none").exists()
