"""Chats written out as text, as chat windows are copied and exported: when, who and what, a message a line or more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from statistics import median
from typing import Literal, NamedTuple

from faqtune.config import ConversationsConfig
from faqtune.errors import UserError
from faqtune.ingest.encodings import open_text
from faqtune.ingest.headers import fold
from faqtune.ingest.kinds import Kind, Source
from faqtune.ingest.messages import JOINT, Message, Session
from faqtune.ingest.report import IngestReport
from faqtune.ingest.roles import guess_role
from faqtune.ingest.times import in_time

SAMPLE_LINES = 400
"""Lines by which a chat is told from a list of sentences."""
LEAST_SHARE = 0.5
"""Of the lines of a chat, so many begin a message; of one that names the speaker in a line of its own, half as many."""
MOST_MESSAGES = 5_000
"""A conversation that is longer is several, which nothing parts."""
LONGEST_LINE_CHARS = 1 << 20
LONGEST_NAME_CHARS = 20

_DAY = r"\d{2,4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?[\sT,，]*"
_CLOCK = r"\d{1,2}[:：时]\d{1,2}(?:[:：分]\d{1,2}秒?(?:[.,]\d+)?)?(?:\s?[AaPp][Mm])?"
_TIME = rf"(?:{_DAY})?(?:[上下]午|凌晨|中午|晚上)?\s?{_CLOCK}"
_TIME_FIRST = re.compile(rf"\s*[\[(（【<]?(?P<time>{_TIME})[\])）】>]?[\s,，]*")
_NAME_AND_TIME = re.compile(
    rf"(?P<who>[^:：]{{1,20}}?)[\s(（\[【<]{{1,3}}(?P<time>{_TIME})[)）\]】>]?\s*[:：]?\s*(?P<text>.*)"
)
_NAME_AND_TEXT = re.compile(r"(?P<who>[^:：]{1,20}?)\s*[:：]\s*(?P<text>.*)")
_NAME_IN_BRACKETS = re.compile(r"[\[(（【<](?P<who>[^\])）】>]{1,20})[\])）】>]\s*[:：]?\s*(?P<text>.*)")
_RULE = re.compile(r"\s*([=\-*#_~—─·])\1{2,}(?P<title>.*)")
_HAS_DAY = re.compile(_DAY)

Parted = Literal["rules", "blank lines", ""]
"""What stands between two conversations; "" where nothing does, and the file is one."""
IsKnown = Callable[[str], bool]


class _Begun(NamedTuple):
    """A line that begins a message; `text` is "" where it names only who speaks."""

    who: str
    text: str
    time: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """How a chat is written out."""

    parted: Parted


def is_text(source: Source, kind: Kind) -> bool:
    """Whether a file can be a chat that is written out: text that is not called a table."""
    return kind == "text" and source.path.suffix.lower() not in (".csv", ".tsv")


def transcript_of(source: Source, config: ConversationsConfig) -> Transcript | None:
    """How a text file writes out a chat, by its beginning; None if it is none: a table, or sentences.

    A chat names who speaks, of which at least one side is known by its name, at the beginning of most lines.
    """
    is_known = _known(config)
    lines = list(islice(_lines(source), SAMPLE_LINES))
    written = [line for _, line in lines if line and not _RULE.fullmatch(line)]
    begun = [found for line in written if (found := _begun(line, is_known))]
    sides = {_side(found.who, config) for found in begun} & {"customer", "agent"}
    # Where one side has other names, only times tell that these are no words of a sentence.
    is_told = len(sides) == 2 or (len(sides) == 1 and len({found.who for found in begun}) > 1 and _are_timed(begun))
    share = LEAST_SHARE if any(found.text for found in begun) else LEAST_SHARE / 2
    if not is_told or len(begun) < share * len(written):
        return None
    if any(_RULE.fullmatch(line) for _, line in lines):
        return Transcript("rules")
    groups = [sum(_begun(line, is_known) is not None for line in group) for group in _groups(line for _, line in lines)]
    return Transcript("blank lines" if len(groups) > 1 and median(groups) >= 2 else "")


def transcript_sessions(
    source: Source,
    written: Transcript,
    config: ConversationsConfig,
    report: IngestReport,
    most_messages: int | None = None,
) -> Iterator[Session]:
    """The conversations of a chat that is written out, streamed. A line that begins no message goes on with the last.

    Raises UserError for one of more than `MOST_MESSAGES`, which are several.
    """
    is_known = _known(config)
    how = f"conversations parted by {written.parted}" if written.parted else "the file is read as one conversation"
    report.note(source.name, "read as a chat written out, who speaks before each message", how)
    title, first, messages, count = "", 1, list[Message](), 0
    for row, line in _lines(source):
        rule = _RULE.fullmatch(line) if written.parted == "rules" else None
        if rule or (written.parted == "blank lines" and not line):
            if messages:
                yield Session(title, in_time(messages), first)
            title, first, messages = (_title(rule["title"]) if rule else ""), row + 1, []
        elif found := _begun(line, is_known):
            if count == most_messages:
                break
            count += 1
            messages.append(Message(found.who, found.text, found.time))
            _refuse_endless(source, messages)
        elif line and messages:
            last = messages[-1]
            messages[-1] = Message(last.role, f"{last.text}{JOINT}{line}" if last.text else line, last.time)
        elif line:
            report.skip(source.name, "line before the first message", line[:40], row=row)
    if messages:
        yield Session(title, in_time(messages), first)


def _lines(source: Source) -> Iterator[tuple[int, str]]:
    """Lines from 1, without white space around them."""
    file, _ = open_text(source.path)
    with file:
        row = 0
        while line := file.readline(LONGEST_LINE_CHARS):
            row += 1
            yield row, line.strip("\ufeff \t\r\n　")


def _begun(line: str, is_known: IsKnown) -> _Begun | None:
    """The message that a line begins; None if it begins none."""
    ahead = _TIME_FIRST.match(line)
    time, rest = (ahead["time"], line[ahead.end() :]) if ahead else ("", line)
    if (found := _NAME_IN_BRACKETS.fullmatch(rest)) and is_known(found["who"]):
        return _Begun(found["who"].strip(), found["text"], time)
    behind = None if time else _NAME_AND_TIME.fullmatch(rest)
    # 我们约在 10:30 见 is a sentence.
    if behind and (is_known(behind["who"]) or (not behind["text"] and _HAS_DAY.match(behind["time"]))):
        return _Begun(behind["who"].strip(), behind["text"], behind["time"])
    if (found := _NAME_AND_TEXT.fullmatch(rest)) and _is_name(found["who"]) and (time or is_known(found["who"])):
        return _Begun(found["who"].strip(), found["text"], time)
    if time and _is_name(rest) and (is_known(rest) or _HAS_DAY.match(time)):
        return _Begun(rest, "", time)
    return None


def _is_name(text: str) -> bool:
    return 0 < len(text.strip()) <= LONGEST_NAME_CHARS


def _known(config: ConversationsConfig) -> IsKnown:
    """Whether a name says which side speaks."""
    return lambda who: _is_name(who) and _side(who.strip(), config) is not None


def _side(who: str, config: ConversationsConfig) -> str | None:
    if fold(who) in map(fold, config.customer_roles):
        return "customer"
    if fold(who) in map(fold, config.agent_roles):
        return "agent"
    return guess_role(who)


def _are_timed(begun: list[_Begun]) -> bool:
    return all(found.time for found in begun)


def _groups(lines: Iterable[str]) -> Iterator[list[str]]:
    """Stretches of lines between empty ones."""
    rest = iter(lines)
    for line in rest:
        if line:
            yield [line, *takewhile(bool, rest)]


def _title(behind_rule: str) -> str:
    """What a line of marks says: `===== 会话 50 =====` is called 会话 50."""
    return behind_rule.strip("=-*#_~—─· \t")


def _refuse_endless(source: Source, messages: list[Message]) -> None:
    if len(messages) > MOST_MESSAGES:
        raise UserError(
            f"{source.name}: more than {MOST_MESSAGES:,} messages and nothing that parts conversations",
            "put a line of ===== between them, or each into a file of its own",
        )
