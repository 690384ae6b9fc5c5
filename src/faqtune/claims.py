"""Append, withdraw and read Claims: SQLite (WAL), so that a web page and a terminal may write at once.

What people said is only ever added to; what they take back is a withdrawal beside it. Whoever repeats a request
because no answer came sends the same act again: it is there once. What a call has returned for survives the
process's and the machine's sudden end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faqtune.errors import UserError
from faqtune.records import HUMAN, Claim
from faqtune.sqlite import as_it_lies, migrate, reason, transaction

MIGRATIONS = (
    """CREATE TABLE claims (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        query TEXT NOT NULL, entry TEXT, by TEXT NOT NULL,
        confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
        why TEXT NOT NULL, "when" TEXT NOT NULL, reason TEXT NOT NULL)""",
    "CREATE INDEX claims_by_query ON claims (query, number)",
    "ALTER TABLE claims ADD COLUMN act TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX claims_by_act ON claims (act) WHERE act != ''",
    'CREATE TABLE withdrawals (act TEXT PRIMARY KEY, by TEXT NOT NULL, "when" TEXT NOT NULL)',
)
"""Applied in order; `PRAGMA user_version` counts those done. Never change one that was released."""

WAIT_SECONDS = 30.0
"""For another process that is writing."""

EVERYTHING = """
    SELECT claims.query, claims.entry, claims.by, claims.confidence, claims.why, claims."when", claims.reason,
        claims.act, withdrawals.by, withdrawals."when"
    FROM claims LEFT JOIN withdrawals ON claims.act != '' AND withdrawals.act = claims.act ORDER BY number"""
CLAIM_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class Told:
    """A claim that was made at some time; `withdrawn_by` and `withdrawn_when` are empty while it is in force."""

    claim: Claim
    withdrawn_by: str = ""
    withdrawn_when: str = ""


def append(path: Path, claims: Iterable[Claim]) -> int:
    """Append claims in one transaction; all or nothing. Returns how many were written.

    Claims of an act that is stored already are passed over, so the claims of one act must come in one call; those
    without an act are always written. A claim without `when` gets the time of now. Raises ValueError for a
    confidence outside 0 to 1.
    """
    rows = _rows(claims)
    with _open(path) as connection, transaction(connection):
        known = {act for act in {row[-1] for row in rows} if _is_stored(connection, act)}
        new = [row for row in rows if row[-1] not in known]
        _insert(connection, new)
    return len(new)


def withdraw(path: Path, act: str, by: str) -> int:
    """Take the claims of an act out of force, in the name of `by`. Returns how many that are; 0 if it was done before.

    For good: what was withdrawn by mistake is said again, by a new act. An act that comes only after its withdrawal
    (requests may overtake each other) is never in force. Raises ValueError for an empty act, which is no act.
    """
    if not act:
        raise ValueError("a claim without an act cannot be withdrawn")
    act, now = str(_storable(act)), _now()
    with _open(path) as connection, transaction(connection):
        done = connection.execute("INSERT OR IGNORE INTO withdrawals VALUES (?, ?, ?)", (act, _storable(by), now))
        if not done.rowcount:
            return 0
        counted = "SELECT COUNT(*) FROM claims WHERE act = ? AND act != ''"
        return int(connection.execute(counted, (act,)).fetchone()[0])


def replace(path: Path, by: str, claims: Iterable[Claim]) -> int:
    """Replace all claims of one machine source (rules label anew on every run). Returns how many there are now.

    Raises ValueError for a human source, since what people said is never removed, for claims
    that are not by this source, and for a confidence outside 0 to 1.
    """
    claims = list(claims)
    if by.startswith(HUMAN):
        raise ValueError("claims of people are append-only")
    if any(claim.by != by for claim in claims):
        raise ValueError(f"not all claims are by {by}")
    rows = _rows(claims)
    with _open(path) as connection, transaction(connection):
        connection.execute("DELETE FROM claims WHERE by = ?", (by,))
        _insert(connection, rows)
    return len(rows)


def read(path: Path) -> list[Claim]:
    """The claims in force, oldest first; none if nobody has labelled yet."""
    return [told.claim for told in history(path) if not told.withdrawn_by]


def history(path: Path) -> list[Told]:
    """All claims that were ever made and not replaced, oldest first, and by whom and when they were withdrawn."""
    if not path.exists():
        return []
    try:
        with _open(path) as connection:
            rows = connection.execute(EVERYTHING).fetchall()
    except UserError as error:
        rows = _rows_as_they_lie(path, error)
    return [Told(Claim(*row[:CLAIM_COLUMNS]), *(value or "" for value in row[CLAIM_COLUMNS:])) for row in rows]


def _rows_as_they_lie(path: Path, failure: UserError) -> list[tuple[Any, ...]]:
    """All rows where nothing can be written. Raises `failure` where that is not what is wrong."""
    try:
        with as_it_lies(path, MIGRATIONS, failure) as connection:
            return connection.execute(EVERYTHING).fetchall()
    except sqlite3.DatabaseError as error:
        raise _user_error(path, error) from error


def _rows(claims: Iterable[Claim]) -> list[tuple[object, ...]]:
    now = _now()
    claims = list(claims)
    if not all(0 <= claim.confidence <= 1 for claim in claims):
        raise ValueError("a confidence is not in 0 to 1")
    values = ((c.query, c.entry, c.by, c.confidence, c.why, c.when or now, c.reason, c.act) for c in claims)
    return [tuple(map(_storable, row)) for row in values]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _storable(value: object) -> object:
    """SQLite takes no half surrogate pair (an emoji cut in two in a reply that `why` quotes): its escape instead."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _insert(connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    connection.executemany(
        'INSERT INTO claims (query, entry, by, confidence, why, "when", reason, act) VALUES (?,?,?,?,?,?,?,?)', rows
    )


def _is_stored(connection: sqlite3.Connection, act: object) -> bool:
    found = connection.execute("SELECT 1 FROM claims WHERE act = ? AND act != '' LIMIT 1", (act,))
    return found.fetchone() is not None


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, made and migrated where needed. Errors of SQLite become UserErrors."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
            # On the disk before it is acknowledged; SQLite may have been built with less.
            connection.execute("PRAGMA synchronous=FULL")
            migrate(connection, path, MIGRATIONS)
            yield connection
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "check the folder and its permissions") from error
    except sqlite3.DatabaseError as error:
        raise _user_error(path, error) from error


def _user_error(path: Path, error: sqlite3.DatabaseError) -> UserError:
    """What people said cannot be made again: no advice here removes it."""
    next_step = {
        "SQLITE_BUSY": "wait until the other command has finished, then run this one again",
        "SQLITE_FULL": "free some room and run the same command again",
        "SQLITE_NOTADB": "move it away and run `faqtune label`; keep it if people have labelled",
        "SQLITE_CORRUPT": "move it away and run `faqtune label`; if people have labelled, keep it and try "
        "`sqlite3 claims.db .recover`: their labels cannot be made again",
    }.get(getattr(error, "sqlite_errorname", ""), "check the folder, its permissions and its disk")
    return UserError(f"{path}: {reason(path, error)}", next_step)
