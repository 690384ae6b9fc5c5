"""What SQLite says of a database, in words that name the cause."""

from __future__ import annotations

import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest

from faqtune import UserError, sqlite
from faqtune.sqlite import as_it_lies, reason

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


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_a_database_is_not_read_as_it_lies_beside_what_is_not_in_it_or_not_out_of_it(
    tmp_path: Path, suffix: str
) -> None:
    path, failure = tmp_path / "some.db", UserError("cannot be opened", "check the folder")
    failure.__cause__ = failed("SQLITE_CANTOPEN")
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE told (what TEXT)")
    connection.close()
    log = path.with_name(path.name + suffix)
    log.touch()
    with as_it_lies(path, (), failure) as found:
        assert found.execute("SELECT COUNT(*) FROM told").fetchone() == (0,)
    log.write_bytes(b"half of it")
    with pytest.raises(UserError, match="cannot be opened"), as_it_lies(path, (), failure):
        pass
