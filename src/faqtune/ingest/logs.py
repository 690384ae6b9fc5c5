"""Read chat logs of any size and form as conversations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from faqtune.config import ConversationsConfig
from faqtune.errors import UserError
from faqtune.ingest.clean import Clean, cleaner
from faqtune.ingest.kinds import Source, expand, kind_of
from faqtune.ingest.messages import Message, Session, turns_of
from faqtune.ingest.report import IngestReport, add_names
from faqtune.ingest.roles import role_reader
from faqtune.ingest.sessions import sessions_of
from faqtune.ingest.store import claim, remember_seen, temporary_database
from faqtune.records import Conversation, Turn

SAMPLE_SESSIONS = 200
"""Sessions from which the roles are guessed."""

NAMED_ROLES = 12
"""Values of the role column that a report names."""


def read_conversations(
    paths: Sequence[Path], config: ConversationsConfig
) -> tuple[Iterator[Conversation], IngestReport]:
    """Stream every conversation of the files; a folder stands for the files in it.

    The report is complete once the iterator is exhausted. `Conversation.source` is
    "output.json#12": the file and the index of the conversation in it, counted from 0 before
    anything is skipped; sessions of files with one message per row count in the order in which
    they begin. `Conversation.id` is the session id if there is one, else the same as `source`.

    Memory does not grow with the size of JSON, JSONL and CSV logs: rows of interleaved sessions
    are put in order in a temporary database on disk. The same conversation is read once.

    Raises UserError (some while iterating) for files that cannot be read, columns or roles that
    cannot be told, and if there is no conversation in any of them.
    """
    report = IngestReport()
    return _conversations(expand(paths), config, report), report


def _conversations(
    sources: Sequence[Source], config: ConversationsConfig, report: IngestReport
) -> Iterator[Conversation]:
    with temporary_database() as seen:
        remember_seen(seen)
        for source in sources:
            for index, (session, turns) in enumerate(session_turns(source, config, report)):
                numbered = f"{source.name}#{index}"
                if not turns:
                    report.skip(source.name, "conversation without text", numbered, row=session.row)
                    continue
                conversation, twin = claim(seen, session.id, numbered, turns)
                if twin:
                    report.skip(source.name, "repeated conversation", f"{numbered}, as {twin}", row=session.row)
                    continue
                report.count(source.name, "conversations")
                report.count(source.name, "turns", len(turns))
                yield Conversation(conversation, turns, numbered)
    if sources and not report.totals().get("conversations"):
        names = ", ".join(source.name for source in sources)
        raise UserError(f"{names}: no conversation with any text", "check that these are the right files")


def session_turns(
    source: Source,
    config: ConversationsConfig,
    report: IngestReport,
    clean: Clean | None = None,
    most_rows: int | None = None,
) -> Iterator[tuple[Session, tuple[Turn, ...]]]:
    """Every session of one file with its turns; no session is left out, even if no turn remains.

    `clean` strips the texts, by default of the config's system phrases and the known ones;
    `most_rows` as in `sessions_of`.
    Raises UserError as `read_conversations` does.
    """
    kind = kind_of(source)
    report.file(source.name).form = kind
    clean = clean or cleaner(config.system_phrases)
    sessions = sessions_of(source, kind, config, report, most_rows)
    sample = list(islice(sessions, SAMPLE_SESSIONS))
    messages = (message for session in sample for message in session.messages)
    values = Counter(message.role for message in messages if message.role and not message.is_half)
    role_of, assumed = role_reader(config, values, source.name)
    for value, _ in values.most_common(NAMED_ROLES):
        add_names(report.file(source.name).roles, role_of(value) or "unknown", [value])
    if assumed:
        report.note(source.name, "roles told by exclusion", assumed)
    for session in chain(sample, sessions):

        def skip_unknown(message: Message, row: int = session.row) -> None:
            report.skip(source.name, "message of an unknown role", message.role, row=row)

        yield session, turns_of(session.messages, role_of, clean, skip_unknown)
