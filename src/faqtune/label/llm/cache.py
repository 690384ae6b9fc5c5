"""Answers that were paid for, kept by the content of their question: none is ever asked for again.

One SQLite file in the project, each answer committed as it arrives, so that a process killed at any instant
loses only what was on its way. It also keeps the project's secret, and how a server wants its answers asked for.
Nobody's labels are in it: it may be removed, at the price of asking again.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from faqtune.errors import UserError
from faqtune.label.llm.cost import Usage
from faqtune.sqlite import reason

VERSION = 1
TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE answers (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, probability REAL NOT NULL,
    read INTEGER NOT NULL, written INTEGER NOT NULL, model TEXT NOT NULL, "when" TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE offers (key TEXT PRIMARY KEY, offer TEXT NOT NULL) WITHOUT ROWID;
"""
WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Kept:
    """The text of an answer, how likely the model found it (1 if unknown), and what it took."""

    text: str
    probability: float
    usage: Usage


class Cache:
    """Not to be used from several threads."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection

    def get(self, key: str) -> Kept | None:
        with _errors(self._path):
            row = self._connection.execute(
                "SELECT text, probability, read, written FROM answers WHERE key = ?", (key,)
            ).fetchone()
        return Kept(row[0], row[1], Usage(row[2], row[3])) if row else None

    def put(self, key: str, model: str, kept: Kept) -> None:
        """Committed when it returns. An answer that is there already stays."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        text = kept.text.encode("utf-8", "backslashreplace").decode()
        with _errors(self._path):
            self._connection.execute(
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key, text, kept.probability, kept.usage.read, kept.usage.written, model, now),
            )

    def offer(self, key: str) -> str | None:
        """What was offered for a question before: the last digits of a model's vectors depend on what else is
        encoded beside, and another entry on offer would be another question, to be paid for again."""
        with _errors(self._path):
            row = self._connection.execute("SELECT offer FROM offers WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def keep_offers(self, offers: Mapping[str, str]) -> None:
        with _errors(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR IGNORE INTO offers VALUES (?, ?)", offers.items())
            self._connection.execute("COMMIT")

    def fact(self, name: str) -> str | None:
        with _errors(self._path):
            row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def remember(self, name: str, value: str | None) -> None:
        """Keep a fact in the place of an earlier one; None forgets it."""
        with _errors(self._path):
            self._connection.execute("DELETE FROM facts WHERE name = ?", (name,))
            if value is not None:
                self._connection.execute("INSERT INTO facts VALUES (?, ?)", (name, value))

    @property
    def secret(self) -> bytes:
        """What order, ids and marks of this project's prompts follow from; made once."""
        with _errors(self._path):
            self._connection.execute("INSERT OR IGNORE INTO facts VALUES ('secret', ?)", (secrets.token_hex(32),))
        return bytes.fromhex(self.fact("secret") or "")


@contextmanager
def open_cache(path: Path) -> Iterator[Cache]:
    """The cache of a project, made where there is none. Raises UserError for a file that is no such cache."""
    with _errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    try:
        with _errors(path):
            _prepare(connection, path)
        yield Cache(path, connection)
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # What SQLite keeps beside a file in WAL mode is synced when it is folded in: a killed process loses nothing.
    connection.execute("PRAGMA journal_mode=WAL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version={VERSION}; COMMIT;")
    elif version != VERSION:
        raise UserError(f"{path} was written by another version of faqtune", "move it away: answers are asked for anew")


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "check the folder and its permissions") from error
    except sqlite3.DatabaseError as error:
        advice = "check the folder, its permissions and its disk"
        if getattr(error, "sqlite_errorname", "") in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            advice = "move it away: no label is lost, but what is in it will be asked for, and paid for, again"
        raise UserError(f"{path}: {reason(path, error)}", advice) from error
