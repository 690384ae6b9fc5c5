"""Write a whole folder or nothing: a temporary neighbour, fsynced, then swapped in by rename."""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from faqtune.atomic import held_folder, new_neighbour, remove_leftovers, sync_folder, write_error


@contextmanager
def atomic_folder(target: Path, *, replace: bool) -> Iterator[Path]:
    """Yield an empty neighbour of `target` to be filled; on success it becomes `target`.

    With `replace` an older `target` is swapped out and then removed; without, one that another
    process has finished in the meantime stays, and ours is dropped. On any error what was at
    `target` is untouched and the neighbour is removed. Should the process die between the two
    renames of a swap, the older folder lies beside it as `.<name>.<random>.old` until the next one is there.
    What killed processes left is removed.

    Raises UserError when the disk is full or the place cannot be written.
    """
    part: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target)
        part = new_neighbour(target)
        part.mkdir()
        with held_folder(part):
            yield part
            _finish(part)
            if replace:
                _swap(part, target)
            else:
                _settle(part, target)
        sync_folder(target.parent)
    except SafetensorError as error:
        raise write_error(target, _as_os_error(error)) from error
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _swap(part: Path, target: Path) -> None:
    if not target.exists():
        part.rename(target)
        return
    old = part.with_suffix(".old")
    target.rename(old)
    try:
        part.rename(target)
    except OSError:
        old.rename(target)
        raise
    # Of an earlier swap, too, that was cut off before this line.
    for gone in target.parent.glob(f".{glob.escape(target.name)}.????????.old"):
        shutil.rmtree(gone, ignore_errors=True)


def _settle(part: Path, target: Path) -> None:
    """Rename, unless another process was faster: a folder that has something in it is not renamed over."""
    try:
        part.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _finish(folder: Path) -> None:
    """Make everything in a folder durable, and as readable as the folder is: safetensors writes for the owner only."""
    mode = folder.stat().st_mode & 0o666
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            sync_folder(path)
            continue
        path.chmod(mode)
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _as_os_error(error: SafetensorError) -> OSError:
    """safetensors tells of a full disk in words only: "… (os error 28)"."""
    found = re.search(r"os error (\d+)", str(error))
    return OSError(int(found[1]) if found else 0, str(error))
