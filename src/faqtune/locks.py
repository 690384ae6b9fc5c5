"""Locks of the operating system: they vanish with the process that holds them, however it ends."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faqtune.errors import UserError

LOCK_NAME = ".faqtune.lock"

_holders: dict[Path, int] = {}
"""Folder to the thread of this process that is its only writer."""
_guard = threading.Lock()


if sys.platform == "win32":
    import msvcrt

    FAR = 1 << 30
    """Windows lets nobody read what is locked: a byte far behind the process id."""

    def try_lock(handle: int) -> bool | None:
        """Whether the open file is now this process's own; None where its file system knows no locks."""
        os.lseek(handle, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        except OSError:
            return None
        return True

else:
    import fcntl

    def try_lock(handle: int) -> bool | None:
        """Whether the open file is now this process's own; None where its file system knows no locks."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Be the only one who writes into a project; whoever only reads asks nobody.

    Nested calls of one thread are one writer. A folder that is not there or cannot be written needs no
    lock: what is written into it says so itself. Raises UserError that names the other process.
    """
    place, me = folder.resolve(), threading.get_ident()
    with _guard:
        nested = _holders.get(place) == me
        if place in _holders and not nested:
            raise _taken(folder, str(os.getpid()))
        handle = None if nested else _locked(folder)
        _holders.setdefault(place, me)
    try:
        yield
    finally:
        if not nested:
            _release(place, handle)


def _locked(folder: Path) -> int | None:
    """The open lock file, with our process id in it; None where there can be none."""
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        return None
    if try_lock(handle) is False:
        os.lseek(handle, 0, os.SEEK_SET)
        other = os.read(handle, 20).decode(errors="replace").strip()
        os.close(handle)
        raise _taken(folder, other)
    # On a full disk the lock holds without the number.
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, f"{os.getpid()}\n".encode())
    return handle


def _release(place: Path, handle: int | None) -> None:
    with _guard:
        del _holders[place]
    if handle is not None:
        # The file stays: were it removed, two could hold a lock on two files of one name.
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
        os.close(handle)


def _taken(folder: Path, process: str) -> UserError:
    named = f"process {process}" if process else "another process"
    stop = f"stop it with `kill {process}`" if process else "stop it"
    return UserError(
        f"{folder}: another faqtune is writing into this project ({named})",
        f"wait until it has finished, or {stop}; then run the same command again",
    )
