"""Strip from messages what is not language: events of the chat system, and stand-ins for media."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from faqtune.ingest.cells import tidy
from faqtune.ingest.names import MEDIA

EVENTS = (
    "客户已接入，会话开始",
    "客户已接入",
    "客服已接入",
    "会话开始",
    "会话已开始",
    "会话已超时结束",
    "会话超时，已自动结束",
    "会话已结束",
    "会话结束",
    "会话已关闭",
    "会话已转接",
    "客户已离开",
    "客户已断开连接",
    "客户长时间未回复，会话已结束",
    "系统消息",
    "该消息已撤回",
    "对方撤回了一条消息",
    "撤回了一条消息",
    "以上是历史消息",
    "以上为历史消息",
    "The chat has started",
    "The chat has ended",
    "Chat started",
    "Chat ended",
    "Customer has joined the chat",
    "Customer has left the chat",
    "Agent has joined the chat",
    "Agent has left the chat",
    "Session started",
    "Session ended",
    "Session timed out",
    "The session has timed out",
    "This message was deleted",
    "You deleted this message",
)
"""Sentences that the chat system writes. They are stripped where they stand as a sentence by
themselves; inside a customer's sentence (为什么显示会话已超时结束) they are his words."""

_TAGGED = re.compile(r"<Media omitted>|<img\b[^>]*>|&nbsp;", re.IGNORECASE)
_END_MARKS = "。．.！!？?…~～"

Clean = Callable[[str], str | None]


def cleaner(system_phrases: Sequence[str] = ()) -> Clean:
    """A function that strips a message: its remaining text, "" if it was only media, None if only an event.

    `system_phrases` are the user's own: one in brackets ([红包]) is stripped wherever it stands,
    any other as a whole sentence. `*` in a phrase stands for up to 30 characters.

    >>> clean = cleaner(["客服*为您服务"])
    >>> clean("客户已接入，会话开始。"), clean("[图片]"), clean("客服小美为您服务。\\n[图片]这个多少钱")
    (None, '', '这个多少钱')
    >>> clean("为什么显示会话已超时结束")
    '为什么显示会话已超时结束'
    """
    phrases = [tidy(phrase) for phrase in system_phrases if tidy(phrase)]
    bracketed = [phrase for phrase in phrases if re.fullmatch(r"[\[【<［(（].*[\]】>］)）]", phrase)]
    events = _sentences([*EVENTS, *(phrase for phrase in phrases if phrase not in bracketed)])
    names = "|".join(re.escape(name) for name in sorted(MEDIA, key=len, reverse=True))
    own = "".join(f"|{_wild(phrase)}" for phrase in bracketed)
    media = re.compile(
        rf"[\[【<［]\s*(?:{names})(?:\s*[:：].{{0,200}}?|\s?(?:message|消息))?\s*[\]】>］]{own}", re.IGNORECASE
    )

    def clean(text: str) -> str | None:
        text = tidy(text)
        # Most messages hold no event; asking first is several times faster than a substitution.
        language = events.sub(r"\1", text).strip() if events.search(text) else text
        if text and not language:
            return None
        return _TAGGED.sub(" ", media.sub("", language)).strip()

    return clean


def _sentences(phrases: Sequence[str]) -> re.Pattern[str]:
    """Any of the phrases as a sentence of its own: from a beginning or an end mark to an end mark or the end."""
    longest_first = sorted({phrase.rstrip(_END_MARKS) for phrase in phrases}, key=len, reverse=True)
    either = "|".join(_wild(phrase) for phrase in longest_first if phrase)
    return re.compile(rf"(^|[\n{_END_MARKS}]\s*)(?:{either})(?:[{_END_MARKS}]+|\s*(?=\n|\Z))", re.IGNORECASE)


def _wild(phrase: str) -> str:
    """A phrase as a pattern: `*` is anything short; Chinese and ASCII commas are one; white space is free."""
    pieces = [re.escape(piece).replace(r"\ ", r"\s+") for piece in phrase.split("*")]
    return ".{0,30}?".join(re.sub("[，,]", r"\\s*[，,]?\\s*", piece) for piece in pieces)
