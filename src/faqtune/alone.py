"""One command at a time writes a project: two of them would each take the other's half-made files for its own."""

from __future__ import annotations

import errno
import functools
import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from faqtune.config import CONFIG_NAME
from faqtune.errors import UserError
from faqtune.workspace import Workspace

fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None
windows: Any = importlib.import_module("msvcrt") if os.name == "nt" else None

LOCK_NAME = ".faqtune.lock"
LOCKED_BYTE = 1 << 30
"""What Windows locks, others cannot read; it lies far behind the number of the process."""

P = ParamSpec("P")
R = TypeVar("R")

_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())
"""Folders that this thread has locked: steps inside `tune` find it locked by themselves."""


def alone(step: Callable[Concatenate[Workspace, P], R]) -> Callable[Concatenate[Workspace, P], R]:
    """A step that has the project to itself while it runs.

    It raises UserError that names the process which is at work there. The system gives a lock back
    when its process ends, however it ends.
    """

    @functools.wraps(step)
    def locked(workspace: Workspace, /, *args: P.args, **kwargs: P.kwargs) -> R:
        root = workspace.root.resolve()
        with _lock(root) if (root / CONFIG_NAME).exists() else nullcontext():
            return step(workspace, *args, **kwargs)

    return locked


def alone_in(folder: Path) -> AbstractContextManager[None]:
    """The same for what works in a folder of its own, such as a run, made if need be. Raises UserError as `alone`."""
    with suppress(OSError):  # whoever writes there says it better
        folder.mkdir(parents=True, exist_ok=True)
    return _lock(folder.resolve())


@contextmanager
def _lock(root: Path) -> Iterator[None]:
    held = _held.get()
    descriptor = None if root in held else _opened(root)
    if descriptor is None:
        yield
        return
    try:
        _take(descriptor, root)
        token = _held.set(held | {root})
        try:
            yield
        finally:
            _held.reset(token)
    finally:
        os.close(descriptor)


def _opened(root: Path) -> int | None:
    """A descriptor of the lock file; None where nothing can be written anyway, or nothing can be locked."""
    if fcntl is None and windows is None:
        return None
    try:
        return os.open(root / LOCK_NAME, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError:
        return None


def _take(descriptor: int, root: Path) -> None:
    """Raises UserError if another process has it."""
    if _is_held(descriptor):
        os.lseek(descriptor, 0, os.SEEK_SET)
        owner = os.read(descriptor, 20).decode(errors="replace").strip()
        raise UserError(
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
