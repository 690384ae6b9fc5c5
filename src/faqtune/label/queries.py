"""Conversations to queries: which texts a customer may have meant as one question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def joined(texts: list[str]) -> str:
    """Turns as one text.

    >>> joined(["在吗", "那个杯子还有货吗"]), joined(["hi", "is it in stock"])
    ('在吗，那个杯子还有货吗', 'hi, is it in stock')
    """
    whole = texts[0]
    for text in texts[1:]:
        whole += (", " if whole[-1:].isascii() and text[:1].isascii() else "，") + text
    return whole


def query_of(exchange: Exchange, first_turn: int, text: str) -> Query:
    """The query record of a prefix of an exchange."""
    turns = tuple(range(first_turn, exchange.turn + 1))
    return Query(query_id(exchange.conversation, turns), text, exchange.conversation, turns, exchange.reply)


def query_id(conversation: str, turns: tuple[int, ...]) -> str:
    """Depends on the conversation and the turns only, so that claims survive a new labelling."""
    return content_id(conversation, *map(str, turns), length=12)
