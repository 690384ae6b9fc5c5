"""SQLite as the project's databases use it: numbered migrations, and transactions that take the lock at once."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from faqtune.errors import UserError


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    """Apply what is missing of `migrations`, in order, all or nothing; `PRAGMA user_version` counts those done.

    Raises UserError if a later version of faqtune has written the database.
    """
    if version(connection) == len(migrations):
        return
    connection.execute("PRAGMA journal_mode=WAL")
    with transaction(connection):
        # Asked again under the lock: another process may have migrated meanwhile.
        done = version(connection)
        if done > len(migrations):
            raise UserError(f"{path} was written by a later version of faqtune", "update faqtune")
        for migration in migrations[done:]:
            connection.execute(migration)
        connection.execute(f"PRAGMA user_version={len(migrations)}")


def version(connection: sqlite3.Connection) -> int:
    """How many migrations the database has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Take the write lock at once, so that waiting is over before anything is read or written."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


CANNOT_WRITE = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_FULL")


@contextmanager
def as_it_lies(path: Path, migrations: Sequence[str], failure: UserError) -> Iterator[sqlite3.Connection]:
    """A copy of a database in memory, to read, where nothing can be written. Raises `failure`, with which opening it
    ended, where that is not what is wrong, sqlite3.DatabaseError where the file is damaged.

    Even to read a database in WAL mode SQLite makes a file beside it. Where it cannot (a read-only folder, a
    full disk) and nobody is writing, the file is all there is: read as one that never changes.
    """
    name = getattr(failure.__cause__, "sqlite_errorname", "")
    if not name.startswith(CANNOT_WRITE) or _is_written(path):
        raise failure
    lying = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with (
        closing(sqlite3.connect(lying, uri=True)) as file,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as connection,
    ):
        # A file of an earlier version is migrated too, only not where it lies.
        file.backup(connection)
        migrate(connection, path, migrations)
        yield connection


def _is_written(path: Path) -> bool:
    """Whether something lies beside the file that is not in it yet, or not yet out of it again."""
    logs = [path.with_name(path.name + suffix) for suffix in ("-wal", "-journal")]
    return any(log.exists() and log.stat().st_size > 0 for log in logs)


NO_ROOM_BYTES = 1 << 16
"""Less free than this, and SQLite can make neither its log nor a page more."""


def reason(path: Path, error: sqlite3.DatabaseError) -> str:
    """What SQLite says of a database, in plainer words where the folder or the disk is the cause.

    A folder that cannot be written is to SQLite a file that cannot be opened, a full disk an I/O error.
    """
    if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_READONLY")):
        if not os.access(path.parent, os.W_OK):
            return f"the folder cannot be written ({error})"
        if shutil.disk_usage(path.parent).free < NO_ROOM_BYTES:
            return f"the disk is full ({error})"
    return str(error)
