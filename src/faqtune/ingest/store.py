"""What must not fill the memory, on disk: messages of interleaved sessions, and which conversations were seen.

Both lie in private temporary databases of SQLite. They have no name on disk, so that nothing is
left behind even if the process is killed; $SQLITE_TMPDIR, /var/tmp or /tmp holds them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from faqtune.errors import UserError
from faqtune.ingest.messages import Message, Session
from faqtune.ingest.times import in_time
from faqtune.records import Turn

CACHE_KB = 16_000


@contextmanager
def temporary_database() -> Iterator[sqlite3.Connection]:
    """A database on disk that vanishes when it is closed. Raises UserError when the disk is full."""
    database = sqlite3.connect("", isolation_level=None)
    try:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "temp_store=FILE", f"cache_size=-{CACHE_KB}"):
            database.execute(f"PRAGMA {pragma}")
        yield database
    except sqlite3.Error as error:
        raise UserError(
            f"the temporary database for putting messages in order: {error}",
            "free some disk space, or set SQLITE_TMPDIR to a folder on a larger disk",
        ) from None
    finally:
        database.close()


def regroup(rows: Iterable[tuple[str, int, Message]]) -> Iterator[Session]:
    """Sessions in the order in which they begin, of messages (session id, row, message) in any order.

    Within a session messages are sorted by time (`in_time`).
    """
    with temporary_database() as database:
        database.execute(
            "CREATE TABLE message (place INTEGER PRIMARY KEY, session, row, role, text, time, half, images)"
        )
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO message (session, row, role, text, time, half, images) VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((session, row, m.role, m.text, m.time, m.is_half, "\n".join(m.images)) for session, row, m in rows),
        )
        database.execute("COMMIT")
        database.execute("CREATE INDEX by_session ON message (session, place)")
        sessions = database.execute("SELECT session, MIN(place), MIN(row) FROM message GROUP BY session ORDER BY 2")
        for session, _, row in sessions:
            found = database.execute(
                "SELECT role, text, time, half, images FROM message WHERE session = ? ORDER BY place", (session,)
            )
            messages = [
                Message(role, text, time, bool(half), tuple(filter(None, images.split("\n"))))
                for role, text, time, half, images in found
            ]
            yield Session(session, in_time(messages), row)


def remember_seen(database: sqlite3.Connection) -> None:
    """Prepare a database for `claim`."""
    database.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, session TEXT, content BLOB) WITHOUT ROWID")
    database.execute("CREATE INDEX by_content ON seen (content, session)")


def claim(database: sqlite3.Connection, session: str, numbered: str, turns: Sequence[Turn]) -> tuple[str, str]:
    """The id of a conversation, and "" or the id of the same one read before.

    `session` is the id that the chat system gave ("" if none), `numbered` the unique
    "file#index". Two sessions with ids of their own are two conversations even if they say the
    same; without an id the same words are the same conversation. A session id that comes again
    with other words gets `numbered` behind it.
    """
    content = hashlib.blake2b(digest_size=16)
    for turn in turns:
        content.update(f"{turn.customer}\x1f{turn.agent}\x1e".encode())
    query, values = "SELECT id FROM seen WHERE content = ?", [content.digest()]
    if session:
        query, values = f"{query} AND session IN (?, '')", [*values, session]  # type: ignore[list-item]
    if twin := database.execute(query, values).fetchone():
        return twin[0], twin[0]
    conversation = session or numbered
    if database.execute("SELECT 1 FROM seen WHERE id = ?", (conversation,)).fetchone():
        conversation = f"{conversation}@{numbered}"
    database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (conversation, session, content.digest()))
    return conversation, ""
