"""Conversations to queries: which texts a customer may have meant as one question."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from faqtune.records import Conversation, Query, content_id


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn with an agent's reply, and the customer's turns that may belong to its question.

    `prefixes` holds the accumulated customer text as (first turn, text), shortest first: the turn
    itself, then with the one before it, and so on.
    """

    conversation: str
    turn: int
    reply: str
    prefixes: tuple[tuple[int, str], ...]


def exchanges(conversations: Iterable[Conversation], max_prefix_turns: int) -> Iterator[Exchange]:
    """Every turn with a customer's text and a reply. A turn without customer text carries no query."""
    for conversation in conversations:
        spoken: list[tuple[int, str]] = []
        for number, turn in enumerate(conversation.turns):
            if not turn.customer:
                continue
            spoken.append((number, turn.customer))
            if not turn.agent:
                continue
            recent = spoken[-max_prefix_turns:]
            prefixes = tuple(
                (recent[-length][0], joined([text for _, text in recent[-length:]]))
                for length in range(1, len(recent) + 1)
            )
            yield Exchange(conversation.id, number, turn.agent, prefixes)


def joined(texts: Sequence[str]) -> str:
    """Turns as one text.

    >>> joined(["在吗", "那个杯子还有货吗"]), joined(["hi", "is it in stock"])
    ('在吗，那个杯子还有货吗', 'hi, is it in stock')
    >>> joined(["在吗？", "那个杯子还有货吗"]), joined(["Hi!", "Is it in stock?"])
    ('在吗？那个杯子还有货吗', 'Hi! Is it in stock?')
    """
    whole = texts[0]
    for text in texts[1:]:
        whole += _separator(whole[-1:], text[:1]) + text
    return whole


def _separator(before: str, after: str) -> str:
    """What stands between two turns, by the last character of the one and the first of the other."""
    is_ascii = before.isascii() and after.isascii()
    if unicodedata.category(before or " ").startswith("P"):
        return " " if is_ascii else ""
    return ", " if is_ascii else "，"


def query_of(exchange: Exchange, first_turn: int, text: str) -> Query:
    """The query record of a prefix of an exchange."""
    turns = tuple(range(first_turn, exchange.turn + 1))
    return Query(query_id(exchange.conversation, turns), text, exchange.conversation, turns, exchange.reply)


def query_id(conversation: str, turns: tuple[int, ...]) -> str:
    """Depends on the conversation and the turns only, so that claims survive a new labelling."""
    return content_id(conversation, *map(str, turns), length=12)
