"""What SQLite says of a database, in words that name the cause."""

from __future__ import annotations

import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest

from faqtune import sqlite
from faqtune.sqlite import reason

Usage = namedtuple("Usage", "total used free")


def failed(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    return error


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "claims.db"
    assert reason(path, failed("SQLITE_IOERR_WRITE")) == "disk I/O error"
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(100, 100, 0))
    assert reason(path, failed("SQLITE_IOERR_SHMSIZE")) == "the disk is full (disk I/O error)"
    assert reason(path, failed("SQLITE_CORRUPT")) == "disk I/O error", "damage is damage, however full the disk is"
    monkeypatch.setattr(sqlite.os, "access", lambda folder, mode: False)
    assert reason(path, failed("SQLITE_CANTOPEN")) == "the folder cannot be written (disk I/O error)"
