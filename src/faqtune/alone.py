"""One command at a time writes a project: two of them would each take the other's half-made files for its own."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from faqtune.config import CONFIG_NAME
from faqtune.errors import UserError
from faqtune.workspace import Workspace

try:
    import fcntl
except ImportError:  # Windows: nothing is kept apart there.
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = ".faqtune.lock"

P = ParamSpec("P")
R = TypeVar("R")

_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())
"""Projects that this thread has locked: steps inside `tune` find it locked by themselves."""


def alone(step: Callable[Concatenate[Workspace, P], R]) -> Callable[Concatenate[Workspace, P], R]:
    """A step that has the project to itself while it runs.

    It raises UserError that names the process which is at work there. The system gives a lock back
    when its process ends, however it ends.
    """

    @functools.wraps(step)
    def locked(workspace: Workspace, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with _lock(workspace.root.resolve()):
            return step(workspace, *args, **kwargs)

    return locked


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
    """A descriptor of the lock file; None where there is no project yet, or nothing can be written anyway."""
    if fcntl is None or not (root / CONFIG_NAME).exists():
        return None
    try:
        return os.open(root / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        return None


def _take(descriptor: int, root: Path) -> None:
    """Raises UserError if another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        raise UserError(
            f"{root} is being worked on by another faqtune{f' (process {owner})' if owner else ''}",
            "wait until it has finished, or stop it and run this command again: it goes on from there",
        ) from None
    except OSError:
        return  # A file system without locks, such as some network shares.
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    except OSError:
        return  # A full disk: the lock holds without the number as well.
