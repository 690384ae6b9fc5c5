"""One command at a time writes a project."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faqtune import UserError, Workspace
from faqtune import alone as alone_module
from faqtune.alone import alone, alone_in

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


class Msvcrt:
    """What Windows has: a byte that one handle has locked is refused to every other one, until it is closed."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.held: dict[tuple[int, int, int], int] = {}

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        file, place = os.fstat(descriptor), os.lseek(descriptor, 0, os.SEEK_CUR)
        holder = self.held.setdefault((file.st_dev, file.st_ino, place), descriptor)
        if holder != descriptor and _is_open(holder):
            raise PermissionError(errno.EACCES, "Permission denied")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_on_windows_two_are_kept_apart_as_well(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    system = Msvcrt()
    monkeypatch.setattr(alone_module, "fcntl", None)
    monkeypatch.setattr(alone_module, "windows", system)
    assert all_steps(shop) == 43
    ((_, _, place),) = system.held
    number = (shop.root / alone_module.LOCK_NAME).read_bytes()
    assert number == str(os.getpid()).encode() and place > 20, "the number can be read while the byte is locked"
    system.held.clear()

    descriptor = os.open(shop.root / alone_module.LOCK_NAME, os.O_RDWR)
    try:
        os.lseek(descriptor, place, os.SEEK_SET)
        system.locking(descriptor, system.LK_NBLCK, 1)
        with pytest.raises(UserError, match=rf"another faqtune \(process {os.getpid()}\)"):
            step(shop)
    finally:
        os.close(descriptor)
    system.held.clear()
    assert step(shop) == 42


def test_a_file_system_without_locks_is_no_reason_to_refuse(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoLocks(Msvcrt):
        def locking(self, descriptor: int, mode: int, count: int) -> None:
            raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(alone_module, "fcntl", None)
    for system in (NoLocks(), None):
        monkeypatch.setattr(alone_module, "windows", system)
        assert step(shop) == 42


def test_a_folder_of_its_own_is_made_and_kept_apart(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "new"
    code = (
        "import sys; from pathlib import Path; from faqtune.alone import alone_in\n"
        "with alone_in(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        with pytest.raises(UserError, match=rf"process {process.pid}"), alone_in(run):
            pass
        process.communicate()
    with alone_in(run), alone_in(run):
        assert (run / alone_module.LOCK_NAME).is_file()
