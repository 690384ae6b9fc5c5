"""SQLite as the project's databases use it: numbered migrations, and transactions that take the lock at once."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
