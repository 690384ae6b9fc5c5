"""What can be asked about: one query per exchange of the logs, and the same turns taken together differently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from faqtune.annotate.shares import chance
from faqtune.label import exchanges, joined, query_id, query_of
from faqtune.records import Conversation, Query

MOST_TURNS = 10
"""So many of the customer's turns may belong to one query."""


@dataclass(frozen=True)
class Pool:
    """`queries`, one per exchange, and the conversations that they stand in, by id."""

    queries: tuple[Query, ...]
    conversations: Mapping[str, Conversation]

    def customer_turns(self, query: Query) -> list[int]:
        """Turns that may belong to a query with the last turn of this one, the last one first."""
        turns = self.conversations[query.conversation].turns
        last = query.turns[-1]
        return [number for number in range(last, -1, -1) if turns[number].customer][:MOST_TURNS]

    def with_turns(self, query: Query, count: int) -> Query:
        """The query of the last `count` of the customer's turns that end where this one does.

        Raises ValueError if there are not so many.
        """
        able = self.customer_turns(query)
        if not 1 <= count <= len(able):
            raise ValueError(f"{count} turns of {len(able)}")
        conversation = self.conversations[query.conversation]
        spoken = able[:count][::-1]
        turns = tuple(range(spoken[0], query.turns[-1] + 1))
        text = joined([conversation.turns[number].customer for number in spoken])
        return Query(query_id(conversation.id, turns), text, conversation.id, turns, query.reply)


def make_pool(
    conversations: Iterable[Conversation],
    labelled: Iterable[Query],
    max_prefix_turns: int,
    most: int,
    seed: int = 0,
) -> Pool:
    """One query for every exchange: the one that somebody has labelled, else the turn alone.

    Of more than `most` a sample by chance, whoever has labelled what: estimates from it hold for all of them.
    """
    by_place = {(query.conversation, query.turns[-1]): query for query in labelled}
    by_id: dict[str, Conversation] = {}
    queries: list[Query] = []
    for conversation in conversations:
        for exchange in exchanges([conversation], max_prefix_turns):
            known = by_place.get((conversation.id, exchange.turn))
            query = replace(known, reply=exchange.reply) if known else query_of(exchange, *exchange.prefixes[0])
            by_id[conversation.id] = conversation
            queries.append(query)
    if len(queries) > most:
        queries.sort(key=lambda query: chance("pool", f"{query.conversation} {query.turns[-1]}", seed))
        queries = queries[:most]
    kept = {query.conversation for query in queries}
    return Pool(tuple(queries), {name: found for name, found in by_id.items() if name in kept})
