"""Write a whole file or nothing: a neighbour, fsynced, then renamed over the target."""

from __future__ import annotations

import contextlib
import errno
import glob
import io
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from faqtune.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: what a killed process left stays.
    fcntl = None  # type: ignore[assignment]

LEAST_AGE_SECONDS = 2.0
"""A younger neighbour may be one that its writer has not locked yet."""


@contextmanager
def atomic_text(path: Path) -> Iterator[TextIO]:
    """`atomic_file` for text: UTF-8, half a surrogate pair as its escape."""
    with atomic_file(path) as raw:
        file = io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="\n")
        try:
            yield file
            file.flush()
        finally:
            with contextlib.suppress(OSError):
                file.detach()


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a neighbour of `path` for writing; on success fsync and rename it over `path`.

    On any error the neighbour is removed and what was at `path` before is untouched; what killed processes
    left of earlier ones is removed too. Raises UserError when the disk is full or the place cannot be written.
    """
    neighbour = new_neighbour(path)
    in_block = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        with neighbour.open("xb") as file:
            _try_lock(file.fileno())
            in_block = True
            yield file
            in_block = False
            file.flush()
            os.fsync(file.fileno())
        neighbour.replace(path)
    except OSError as error:
        # A failed write names no file: an error that does is about something that the block reads.
        if in_block and error.filename is not None:
            raise
        raise write_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            neighbour.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the platform lets a folder be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def new_neighbour(target: Path) -> Path:
    """Where a file or folder is written before it takes the place of `target`."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Show that a folder is being written: nobody takes it for a leftover. Windows opens no folder."""
    handle = os.open(folder, os.O_RDONLY) if os.name == "posix" else None
    try:
        if handle is not None:
            _try_lock(handle)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def remove_leftovers(target: Path) -> None:
    """Remove neighbours of `target` whose writer was killed. Those of a living process are locked, and stay."""
    for neighbour in target.parent.glob(f".{glob.escape(target.name)}.????????.part"):
        with contextlib.suppress(OSError):
            if _is_left(neighbour):
                if neighbour.is_dir():
                    shutil.rmtree(neighbour)
                else:
                    neighbour.unlink()


def _is_left(neighbour: Path) -> bool:
    if time.time() - neighbour.stat().st_mtime < LEAST_AGE_SECONDS:
        return False
    handle = os.open(neighbour, os.O_RDONLY)
    try:
        return _try_lock(handle)
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    """Whether what is open is now this process's own; also False where the file system knows no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        return False
    return True


def write_error(path: Path, error: OSError) -> UserError:
    """What a failed write means for the user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        # Of this file only: a training has changed others before.
        return UserError(
            f"{path}: the disk is full; it was left as it was before", "free some room and run the same command again"
        )
    return UserError(f"{path}: {error.strerror or error}", "check the folder and its permissions")
