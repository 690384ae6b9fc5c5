"""Append and read Claims: one SQLite table (WAL), so that a web page and a terminal may write at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from faqtune.errors import UserError
from faqtune.records import Claim

MIGRATIONS = (
    """CREATE TABLE claims (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        query TEXT NOT NULL, entry TEXT, by TEXT NOT NULL,
        confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
        why TEXT NOT NULL, "when" TEXT NOT NULL, reason TEXT NOT NULL)""",
    "CREATE INDEX claims_by_query ON claims (query, number)",
)
"""Applied in order; `PRAGMA user_version` counts those done. Never change one that was released."""


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            done = connection.execute("PRAGMA user_version").fetchone()[0]
            if done > len(MIGRATIONS):
                raise UserError(f"{path} was written by a later version of faqtune", "update faqtune")
            for number, migration in enumerate(MIGRATIONS[done:], start=done + 1):
                with connection:
                    connection.execute(migration)
                    connection.execute(f"PRAGMA user_version={number}")
            yield connection
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path}: {error}", "move the file away if it is damaged, and label again") from error


def append(path: Path, claims: Iterable[Claim]) -> int:
    """Append claims in one transaction; all or nothing. Returns how many."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    rows = [(c.query, c.entry, c.by, c.confidence, c.why, c.when or now, c.reason) for c in claims]
    with _open(path) as connection, connection:
        connection.executemany(
            'INSERT INTO claims (query, entry, by, confidence, why, "when", reason) VALUES (?,?,?,?,?,?,?)', rows
        )
    return len(rows)


def replace(path: Path, by: str, claims: Iterable[Claim]) -> int:
    """Replace all claims of one machine source (rules label anew on every run). Returns how many there are now.

    Raises ValueError for a human source: what people said is never removed.
    """
    if by.startswith("human:"):
        raise ValueError("claims of people are append-only")
    claims = list(claims)
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    rows = [(c.query, c.entry, c.by, c.confidence, c.why, c.when or now, c.reason) for c in claims]
    with _open(path) as connection, connection:
        connection.execute("DELETE FROM claims WHERE by = ?", (by,))
        connection.executemany(
            'INSERT INTO claims (query, entry, by, confidence, why, "when", reason) VALUES (?,?,?,?,?,?,?)', rows
        )
    return len(rows)


def read(path: Path) -> list[Claim]:
    """All claims, oldest first; none if nobody has labelled yet."""
    if not path.exists():
        return []
    with _open(path) as connection:
        rows = connection.execute(
            'SELECT query, entry, by, confidence, why, "when", reason FROM claims ORDER BY number'
        ).fetchall()
    return [Claim(*row) for row in rows]
