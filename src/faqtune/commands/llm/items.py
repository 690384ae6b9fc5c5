"""What a language model is asked about a project: which turns of the logs, and which entries are on offer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.config import Config
from faqtune.encoder import Encoder
from faqtune.label import Decision, Exchange, exchanges, place_of, query_of
from faqtune.ranking import rank
from faqtune.records import Catalogue, Conversation, Query, content_id, normalise

REPLY_ENTRIES = 3
"""Entries whose answers the agent's reply is nearest to, offered besides those that the query finds."""
LEAST_CHARACTERS = 2
"""Shorter turns (嗯, ?) are not worth asking about."""
AT_ONCE = 20_000

Place = tuple[str, int]
"""A conversation and the last turn of what was asked there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An exchange to be asked about. `query` is what other sources have labelled there, None if nobody has.

    `offered` are entry rows; `prefix_best` are, for each prefix of the exchange, the rows it ranks best.
    """

    exchange: Exchange
    query: Query | None
    by_people: bool
    offered: tuple[int, ...] = ()
    prefix_best: tuple[tuple[int, ...], ...] = ()

    @property
    def place(self) -> Place:
        return self.exchange.conversation, self.exchange.turn

    @property
    def turns(self) -> tuple[int, ...]:
        return self.query.turns if self.query else (self.exchange.turn,)


def to_ask(
    config: Config,
    conversations: Iterable[Conversation],
    queries: Sequence[Query],
    decisions: Mapping[str, Decision],
    *,
    everything: bool,
) -> list[Asked]:
    """Turns with a reply that nobody has labelled surely, and a sample of those that people have; the sample first.

    With `everything` all turns that say something. The order is by chance, but the same each time: a limit
    takes a fair part of them.
    """
    settings = config.llm
    labelled: dict[Place, Query] = {}
    for query in queries:
        place = place_of(query)
        if query.id in decisions and (place not in labelled or decisions[query.id].is_human):
            labelled[place] = query
    asked: list[Asked] = []
    checks: list[Asked] = []
    for exchange in exchanges(conversations, config.label.max_prefix_turns):
        said = labelled.get((exchange.conversation, exchange.turn))
        decision = decisions[said.id] if said else None
        if decision is not None and decision.is_human:
            checks.append(Asked(exchange, said, by_people=True))
        elif len(normalise(exchange.prefixes[0][1])) < LEAST_CHARACTERS:
            continue
        elif everything or decision is None or _of_others(decision) < settings.confident:
            asked.append(Asked(exchange, said, by_people=False))
    asked.sort(key=_by_chance)
    checks.sort(key=_by_chance)
    return [*(checks if everything else checks[: settings.check_human]), *asked]


def _of_others(decision: Decision) -> float:
    """The confidence of a decision, unless a language model had part in it: what it said may be asked again."""
    return -1.0 if any(source.startswith("llm:") for source in decision.sources) else decision.confidence


def _by_chance(asked: Asked) -> str:
    return content_id(asked.exchange.conversation, str(asked.exchange.turn), length=16)


def with_candidates(config: Config, catalogue: Catalogue, asked: Sequence[Asked], encoder: Encoder) -> list[Asked]:
    """The same with the entries on offer: the best of the shortest and of the longest prefix in turn, up to
    `llm.top_k`, and those with the answers nearest to the reply."""
    top_k = min(config.llm.top_k, len(catalogue))
    questions = encoder.encode(catalogue.questions)
    answered = [row for row, entry in enumerate(catalogue) if entry.answer]
    answers = encoder.encode([catalogue.entries[row].answer for row in answered])
    made: list[Asked] = []
    for start in range(0, len(asked), AT_ONCE):
        block = asked[start : start + AT_ONCE]
        texts = list(dict.fromkeys(text for one in block for _, text in one.exchange.prefixes))
        number = {text: at for at, text in enumerate(texts)}
        best = rank(encoder.encode(texts), questions, catalogue.owners, top_k).rows
        replies = list(dict.fromkeys(one.exchange.reply for one in block))
        reply_number = {text: at for at, text in enumerate(replies)}
        near = _nearest(encoder, replies, answers, answered)
        for one in block:
            prefixes = [best[number[text]] for _, text in one.exchange.prefixes]
            by_reply = near[reply_number[one.exchange.reply]]
            made.append(
                Asked(
                    one.exchange, one.query, one.by_people,
                    _offered(prefixes, by_reply, top_k),
                    tuple(tuple(map(int, rows)) for rows in prefixes),
                )
            )  # fmt: skip
    return made


def _nearest(
    encoder: Encoder, replies: Sequence[str], answers: NDArray[np.float32], rows: Sequence[int]
) -> list[list[int]]:
    if not rows:
        return [[] for _ in replies]
    found = rank(encoder.encode(replies), answers, range(len(rows)), REPLY_ENTRIES).rows
    return [[rows[place] for place in places] for places in found]


def _offered(prefixes: Sequence[NDArray[np.int64]], by_reply: Sequence[int], top_k: int) -> tuple[int, ...]:
    shortest, longest = prefixes[0], prefixes[-1]
    in_turn = (int(row) for pair in zip(shortest, longest, strict=True) for row in pair)
    # In the catalogue's order: what is asked does not depend on who is how near.
    return tuple(sorted({*list(dict.fromkeys(in_turn))[:top_k], *by_reply}))


def settled(
    said: Iterable[tuple[Asked, str | None]], catalogue: Catalogue, labelled: Mapping[str, Sequence[int]]
) -> Iterator[tuple[Asked, Query]]:
    """The query that each answer is about, in the order of the logs.

    Where others have labelled the turn it is theirs. Elsewhere it is the shortest prefix that has the entry among
    its best, as with the rules, and begins after what was labelled before in the conversation (`labelled`:
    conversation to last turns); if no prefix finds it, or there is none, the turn alone.
    """
    last_turns: dict[str, set[int]] = defaultdict(set)
    for conversation, turns in labelled.items():
        last_turns[conversation].update(turns)
    for asked, entry in sorted(said, key=lambda one: one[0].place):
        exchange = asked.exchange
        earlier = [turn for turn in last_turns[exchange.conversation] if turn < exchange.turn]
        query = asked.query or query_of(exchange, *_prefix(asked, entry, catalogue, max(earlier, default=-1)))
        if entry is not None:
            last_turns[exchange.conversation].add(exchange.turn)
        yield asked, query


def _prefix(asked: Asked, entry: str | None, catalogue: Catalogue, after: int) -> tuple[int, str]:
    prefixes = asked.exchange.prefixes
    if entry is not None:
        row = catalogue.rows[entry]
        for (first, text), best in zip(prefixes, asked.prefix_best, strict=True):
            if first > after and row in best:
                return first, text
    return prefixes[0]
