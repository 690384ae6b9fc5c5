"""Everything people do on the page or in the terminal, as an append-only log: SQLite (WAL), several processes at once.

An act is written here first and then, if it says what a query means, as Claims; only then is it acknowledged. Both
stores pass over an act they know, so a request that is repeated because no answer came counts once, and an act
that was written here only (the process was killed in between) gets its Claims on the next start.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from faqtune.errors import UserError
from faqtune.sqlite import as_it_lies, migrate, reason, transaction

MIGRATIONS = (
    """CREATE TABLE acts (
        number INTEGER PRIMARY KEY AUTOINCREMENT, act TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL, by TEXT NOT NULL, data TEXT NOT NULL, "when" TEXT NOT NULL)""",
    "CREATE TABLE leases (item TEXT PRIMARY KEY, by TEXT NOT NULL, why TEXT NOT NULL, until REAL NOT NULL)",
)
"""Applied in order; `PRAGMA user_version` counts those done. Never change one that was released."""

ANSWER, UNDO, PROPOSAL, SAME = KINDS = ("answer", "undo", "proposal", "same")
WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody did. `act` is the id its client made, `data` what belongs to its kind."""

    act: str
    kind: str
    by: str
    data: dict[str, Any] = field(default_factory=dict)
    when: str = ""


class Store:
    """The acts of a project, in the order in which they were made, and who has which item now.

    Safe for several threads and processes. What `add` has returned for survives a sudden end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._seen = 0
        self._acts: list[Act] = []
        with self._open():
            self._held = held_open(path)

    def close(self) -> None:
        """Let go of the file."""
        self._held.close()

    def add(self, act: Act) -> bool:
        """Write an act; False if it was there already."""
        when = act.when or datetime.now(UTC).isoformat(timespec="seconds")
        row = (act.act, act.kind, act.by, json.dumps(act.data, ensure_ascii=True), when)
        with self._open() as connection, transaction(connection):
            done = connection.execute(
                'INSERT OR IGNORE INTO acts (act, kind, by, data, "when") VALUES (?,?,?,?,?)', row
            )
            # Whoever acted on an item gives it back.
            if act.kind == ANSWER:
                connection.execute("DELETE FROM leases WHERE item = ? AND by = ?", (act.data["item"], act.by))
            return bool(done.rowcount)

    def acts(self) -> list[Act]:
        """All acts, undone ones and undoings too, oldest first."""
        with self._lock, self._open() as connection:
            for number, act in _after(connection, self._seen):
                self._acts.append(act)
                self._seen = number
            return list(self._acts)

    def standing(self, *kinds: str) -> list[Act]:
        """The acts of these kinds that nobody has undone."""
        return standing(self.acts(), *kinds)

    def undo(self, undoing: str, by: str, chosen: str = "") -> Act | None:
        """Take back this person's last act of answering that still stands, or the `chosen` one; None if there is none.

        `undoing` is the client's id of this request: repeated, it takes back nothing more.
        """
        with self._open() as connection, transaction(connection):
            rows = connection.execute(
                "SELECT act, kind, data FROM acts WHERE by = ? AND kind IN (?, ?) ORDER BY number",
                (by, ANSWER, UNDO),
            ).fetchall()
            undone = {act: json.loads(data)["of"] for act, kind, data in rows if kind == UNDO}
            of = undone.get(undoing)
            if of is None:
                taken = set(undone.values())
                able = (act for act, kind, _ in reversed(rows) if kind == ANSWER and act not in taken)
                of = next((act for act in able if chosen in ("", act)), None)
                if of is None:
                    return None
                when = datetime.now(UTC).isoformat(timespec="seconds")
                connection.execute(
                    'INSERT INTO acts (act, kind, by, data, "when") VALUES (?,?,?,?,?)',
                    (undoing, UNDO, by, json.dumps({"of": of}), when),
                )
        return next(act for act in self.acts() if act.act == of)

    def leases(self, now: float | None = None) -> dict[str, tuple[str, str]]:
        """Item to the person who has it and why it was chosen; those that ran out are left out."""
        found = "SELECT item, by, why FROM leases WHERE until > ? ORDER BY rowid"
        with self._open() as connection:
            rows = connection.execute(found, (time.time() if now is None else now,))
            return {item: (by, why) for item, by, why in rows.fetchall()}

    def lease(self, item: str, by: str, why: str, seconds: float) -> bool:
        """Give an item to one person for a while, or longer if it is theirs; False if somebody else has it."""
        now = time.time()
        with self._open() as connection, transaction(connection):
            taken = connection.execute(
                "SELECT 1 FROM leases WHERE item = ? AND by != ? AND until > ?", (item, by, now)
            ).fetchone()
            if taken:
                return False
            connection.execute("INSERT OR REPLACE INTO leases VALUES (?,?,?,?)", (item, by, why, now + seconds))
            return True

    def release(self) -> None:
        """Take all items back: the next ones are chosen anew."""
        with self._open() as connection, transaction(connection):
            connection.execute("DELETE FROM leases")

    def renew(self, items: Sequence[str], by: str, seconds: float) -> None:
        """Keep items that are still this person's."""
        if items:
            with self._open() as connection, transaction(connection):
                connection.executemany(
                    "UPDATE leases SET until = ? WHERE item = ? AND by = ?",
                    [(time.time() + seconds, item, by) for item in items],
                )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
                # On the disk before it is acknowledged; SQLite may have been built with less.
                connection.execute("PRAGMA synchronous=FULL")
                migrate(connection, self.path, MIGRATIONS)
                yield connection
        except OSError as error:
            raise UserError(
                f"{self.path}: {error.strerror or error}", "check the folder and its permissions"
            ) from error
        except sqlite3.DatabaseError as error:
            raise _user_error(self.path, error) from error


def read_acts(path: Path) -> list[Act]:
    """All acts, undone ones and undoings too, oldest first, also where nothing can be written; none if nobody has
    labelled yet."""
    if not path.exists():
        return []
    try:
        with closing(Store(path)) as store:
            return store.acts()
    except UserError as failure:
        try:
            with as_it_lies(path, MIGRATIONS, failure) as connection:
                return [act for _, act in _after(connection, 0)]
        except sqlite3.DatabaseError as error:
            raise _user_error(path, error) from error


def standing(acts: Sequence[Act], *kinds: str) -> list[Act]:
    """The acts of these kinds that nobody has undone."""
    undone = {act.data["of"] for act in acts if act.kind == UNDO}
    return [act for act in acts if act.kind in kinds and act.act not in undone]


def _after(connection: sqlite3.Connection, seen: int) -> list[tuple[int, Act]]:
    """The acts that were written after the number `seen`, with their numbers."""
    found = 'SELECT number, act, kind, by, data, "when" FROM acts WHERE number > ? ORDER BY number'
    rows = connection.execute(found, (seen,)).fetchall()
    return [(number, Act(act, kind, by, json.loads(data), when)) for number, act, kind, by, data, when in rows]


def _user_error(path: Path, error: sqlite3.DatabaseError) -> UserError:
    return UserError(
        f"{path}: {reason(path, error)}",
        "keep the file, it holds what people have said; check the folder and its disk",
    )


def held_open(path: Path) -> sqlite3.Connection:
    """A connection that does nothing but stay: whenever the last one closes, SQLite writes its log back into the
    database and syncs, which takes longer than the decision that was written."""
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA user_version").fetchone()
    return connection
