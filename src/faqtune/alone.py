"""One command at a time writes a project: two of them would each take the other's half-made files for its own."""

from __future__ import annotations

import errno
import functools
import importlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from faqtune.config import CONFIG_NAME
from faqtune.errors import UserError
from faqtune.workspace import Workspace

fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None
windows: Any = importlib.import_module("msvcrt") if os.name == "nt" else None

LOCK_NAME = ".faqtune.lock"
LLM_LOCK_NAME = ".faqtune-llm.lock"
"""Held by whoever asks a language model, for hours perhaps: beside it everything else goes on."""
SECONDS_BETWEEN_TRIES = 0.5
LOCKED_BYTE = 1 << 30
"""What Windows locks, others cannot read; it lies far behind the number of the process."""

P = ParamSpec("P")
R = TypeVar("R")

_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())
"""Locks that this thread has: steps inside `tune` find the project locked by themselves."""


class Busy(UserError):  # noqa: N818 - that somebody is at work is no error
    """Another process has the lock."""


def alone(step: Callable[Concatenate[Workspace, P], R]) -> Callable[Concatenate[Workspace, P], R]:
    """A step that has the project to itself while it runs.

    It raises Busy, a UserError that names the process which is at work there. The system gives a lock back
    when its process ends, however it ends.
    """

    @functools.wraps(step)
    def locked(workspace: Workspace, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with alone_with(workspace):
            return step(workspace, *args, **kwargs)

    return locked


def alone_with(workspace: Workspace, lock: str = LOCK_NAME) -> AbstractContextManager[None]:
    """The same for a part of a step, or of another lock of the project. Raises Busy."""
    root = workspace.root.resolve()
    return _lock(root, lock) if (root / CONFIG_NAME).exists() else nullcontext()


@contextmanager
def alone_when_free(workspace: Workspace, waiting: Callable[[str], object]) -> Iterator[None]:
    """The project to itself, as soon as nobody else has it; `waiting` is told once for whom it waits."""
    with ExitStack() as stack:
        told = False
        while True:
            try:
                stack.enter_context(alone_with(workspace))
                break
            except Busy as busy:
                if not told:
                    waiting(f"waiting: {busy.problem}")
                told = True
                time.sleep(SECONDS_BETWEEN_TRIES)
        yield


def alone_in(folder: Path) -> AbstractContextManager[None]:
    """The same for what works in a folder of its own, such as a run, made if need be. Raises UserError as `alone`."""
    with suppress(OSError):  # whoever writes there says it better
        folder.mkdir(parents=True, exist_ok=True)
    return _lock(folder.resolve())


@contextmanager
def _lock(root: Path, name: str = LOCK_NAME) -> Iterator[None]:
    held, path = _held.get(), root / name
    descriptor = None if path in held else _opened(path)
    if descriptor is None:
        yield
        return
    try:
        _take(descriptor, root)
        token = _held.set(held | {path})
        try:
            yield
        finally:
            _held.reset(token)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int | None:
    """A descriptor of the lock file; None where nothing can be written anyway, or nothing can be locked."""
    if fcntl is None and windows is None:
        return None
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError:
        return None


def _take(descriptor: int, root: Path) -> None:
    """Raises Busy if another process has it."""
    if _is_held(descriptor):
        os.lseek(descriptor, 0, os.SEEK_SET)
        owner = os.read(descriptor, 20).decode(errors="replace").strip()
        raise Busy(
            f"{root} is being worked on by another faqtune{f' (process {owner})' if owner else ''}",
            "wait until it has finished, or stop it and run this command again: it goes on from there",
        )
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, str(os.getpid()).encode())
    except OSError:
        return  # A full disk: the lock holds without the number as well.


def _is_held(descriptor: int) -> bool:
    """Lock what is open; whether another process has. False too on a file system without locks, as of some shares."""
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
            windows.locking(descriptor, windows.LK_NBLCK, 1)
    except OSError as error:
        return isinstance(error, BlockingIOError) or (fcntl is None and error.errno in (errno.EACCES, errno.EDEADLK))
    return False
