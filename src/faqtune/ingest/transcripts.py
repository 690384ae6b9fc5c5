"""Chats written out as text, as chat windows are copied and exported: when, who and what, a message a line or more."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
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
NEARLY_ALL = 0.8
MOST_MESSAGES = 5_000
"""A conversation that is longer is several, which nothing parts."""
LONGEST_LINE_CHARS = 1 << 20
LONGEST_NAME_CHARS = 20

_DAY = r"(?:(?:\d{2,4}[-/.年])?\d{1,2}[-/.月]\d{1,2}日?|今天|昨天|前天)?(?:\s?(?:星期|周)[一二三四五六日天])?[\sT,，]*"
_CLOCK = r"(?:[上下]午|凌晨|中午|晚上)?\s?\d{1,2}[:：时]\d{1,2}(?:[:：分]\d{1,2}秒?(?:[.,]\d+)?)?(?:\s?[AaPp][Mm])?"
_TIME_FIRST = re.compile(rf"\s*[\[(（【<]?(?P<time>{_DAY}{_CLOCK})[\])）】>]?[\s,，]*")
_NAME_AND_TIME = re.compile(
    rf"(?P<who>[^:：]{{1,20}}?)[\s(（\[【<]{{1,3}}(?P<time>{_DAY}{_CLOCK})[)）\]】>]?\s*[:：]?\s*(?P<text>.*)"
)
_NAME_AND_TEXT = re.compile(r"(?P<who>[^:：]{1,20}?)\s*[:：]\s*(?P<text>.*)")
_NAME_IN_BRACKETS = re.compile(r"[\[(（【<](?P<who>[^\])）】>]{1,20})[\])）】>]\s*[:：]?\s*(?P<text>.*)")
_RULE = re.compile(r"\s*([=\-*#_~—─·])\1{2,}(?P<title>.*)")
_MARKS = "=-*#_~—─· \t"

Parted = Literal["rules", "blank lines", ""]
"""What stands between two conversations; "" where nothing does, and the file is one."""


class _Begun(NamedTuple):
    """A line that begins a message; `text` is "" where it names only who speaks. `shape`: where the time stands, and
    whether it has a day; "" without one."""

    who: str
    text: str
    time: str
    shape: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """How a chat is written out. `shape`: that of its times, by which names of nobody known are told; "" if none is."""

    parted: Parted
    shape: str


def is_text(source: Source, kind: Kind) -> bool:
    """Whether a file can be a chat that is written out: text that is not called a table."""
    return kind == "text" and source.path.suffix.lower() not in (".csv", ".tsv")


def transcript_of(source: Source, config: ConversationsConfig) -> Transcript | None:
    """How a text file writes out a chat, by its beginning; None if it is none: a table, or sentences.

    A chat names who speaks, of which at least one side is known by its name, at the beginning of most lines.
    """
    lines = [line for _, line in islice(_lines(source), SAMPLE_LINES)]
    shapes = Counter(found.shape for line in lines if (found := _begun(line, config, "")))
    shape, times = next(iter(shapes.most_common(1)), ("", 0))
    # Where one side has other names, only times tell that these are no words of a sentence.
    shape = shape if shape and times >= NEARLY_ALL * shapes.total() else ""
    begun = [found for line in lines if (found := _begun(line, config, shape))]
    sides = {_side(found.who, config) for found in begun}
    written = sum(bool(line) and not _RULE.fullmatch(line) for line in lines)
    share = LEAST_SHARE if any(found.text for found in begun) else LEAST_SHARE / 2
    if not sides & {"customer", "agent"} or len(sides - {"system"}) < 2 or len(begun) < share * written:
        return None
    return Transcript(_parted(lines, config, shape), shape)


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
    how = f"conversations parted by {written.parted}" if written.parted else "the file is read as one conversation"
    report.note(source.name, "read as a chat written out, who speaks before each message", how)
    title, first, count = "", 1, 0
    messages: list[Message] = []
    # Lines that part conversations if a message comes next, and else belong to the last one.
    held: list[str] = []
    for row, line in _lines(source):
        found = _begun(line, config, written.shape)
        if found is None:
            if not line or _RULE.fullmatch(line):
                held.append(line)
            elif messages:
                messages[-1] = _longer(messages[-1], [*_told(held), line])
                held = []
            else:
                report.skip(source.name, "line before the first message", line[:40], row=row)
            continue
        if count == most_messages:
            report.file(source.name).is_cut = True
            break
        count += 1
        told = _told(held)
        if _part(held, written.parted):
            if messages:
                yield Session(title, in_time(messages), first)
            title, first, messages = _title(told), row, []
        elif messages and told:
            messages[-1] = _longer(messages[-1], told)
        held = []
        messages.append(Message(found.who, found.text, found.time))
        _refuse_endless(source, messages)
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


def _parted(lines: Iterable[str], config: ConversationsConfig, shape: str) -> Parted:
    """What parts conversations, by what stands between messages."""
    rules = parting = 0
    sizes: list[int] = []
    held: list[str] = []
    for line in lines:
        rules += (is_rule := _RULE.fullmatch(line) is not None)
        if not line or is_rule:
            held.append(line)
            continue
        begins = _begun(line, config, shape) is not None
        parting += begins and sum(map(bool, held))
        if begins and (held or not sizes):
            sizes.append(0)
        if begins:
            sizes[-1] += 1
        held = []
    if parting > 1 and parting + sum(map(bool, held)) >= NEARLY_ALL * rules:
        return "rules"
    return "blank lines" if len(sizes) > 1 and median(sizes) >= 2 else ""


def _part(held: list[str], parted: Parted) -> bool:
    """Whether what stands before a message parts conversations."""
    return bool(held) and (parted == "blank lines" or (parted == "rules" and any(held)))


def _told(held: list[str]) -> list[str]:
    """What belongs to a message after all: `### 第一步`, but no bare rule and no empty line."""
    return [line for line in held if line.strip(_MARKS)]


def _title(told: list[str]) -> str:
    """What rules say: `===== 会话 50 =====` is called 会话 50."""
    return told[0].strip(_MARKS) if told else ""


def _longer(message: Message, lines: list[str]) -> Message:
    return Message(message.role, JOINT.join(filter(None, [message.text, *lines])), message.time)


def _begun(line: str, config: ConversationsConfig, shape: str) -> _Begun | None:
    """The message that a line begins; None if it begins none. A name of nobody known counts only beside a time of this
    `shape`: 9:00-18:00 in a message is no speaker."""
    for found in _readings(line):
        if _side(found.who, config) is not None or (shape and found.shape == shape and _is_name(found.who)):
            return found
    return None


def _readings(line: str) -> Iterator[_Begun]:
    """What a line may say, likelier first: who, what, when."""
    ahead = _TIME_FIRST.match(line)
    time, rest = (ahead["time"], line[ahead.end() :]) if ahead else ("", line)
    shape = _shape("before", time) if time else ""
    if found := _NAME_IN_BRACKETS.fullmatch(rest):
        yield _Begun(found["who"].strip(), found["text"], time, shape)
    if not time and (behind := _NAME_AND_TIME.fullmatch(line)):
        where = "behind" if behind["text"] else "behind, alone"
        yield _Begun(behind["who"].strip(), behind["text"], behind["time"], _shape(where, behind["time"]))
    if found := _NAME_AND_TEXT.fullmatch(rest):
        yield _Begun(found["who"].strip(), found["text"], time, shape)
    if time and 0 < len(rest) <= LONGEST_NAME_CHARS:
        yield _Begun(rest, "", time, _shape("before, alone", time))


def _shape(where: str, time: str) -> str:
    return f"{where}, {'with' if re.match(r'[^:：时]*(?:[-/.月天]|星期|周)', time) else 'without'} a day"


def _is_name(text: str) -> bool:
    return any(character.isalpha() for character in text)


def _side(who: str, config: ConversationsConfig) -> str | None:
    """The side that a name says; None for the name of nobody known."""
    if len(who) > LONGEST_NAME_CHARS:
        return None
    if fold(who) in map(fold, config.customer_roles):
        return "customer"
    if fold(who) in map(fold, config.agent_roles):
        return "agent"
    return guess_role(who)


def _refuse_endless(source: Source, messages: list[Message]) -> None:
    if len(messages) > MOST_MESSAGES:
        raise UserError(
            f"{source.name}: more than {MOST_MESSAGES:,} messages and nothing that parts conversations",
            "put a line of ===== between them, or each into a file of its own",
        )
