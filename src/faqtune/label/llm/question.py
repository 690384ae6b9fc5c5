"""What a language model is asked: a piece of a conversation, its marked turns, and the entries on offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from faqtune.records import Conversation, Entry

Speaker = Literal["customer", "agent", "reply"]

TURNS_BEFORE = 6
"""So many turns before the marked ones are shown."""
MOST_IMAGES = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A text of the conversation. `marked`: it belongs to the query; "reply" is the agent's text right after it."""

    speaker: Speaker
    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry on offer."""

    entry: str
    questions: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Item:
    """One question for the model; its content decides what is paid for, `images` are addresses or paths."""

    lines: tuple[Line, ...]
    candidates: tuple[Candidate, ...]
    images: tuple[str, ...] = ()


def item_of(
    conversation: Conversation, turns: Sequence[int], candidates: Sequence[Candidate], *, images: bool = False
) -> Item:
    """The question about some turns of a conversation, with up to `TURNS_BEFORE` turns before them."""
    first, last = turns[0], turns[-1]
    start = max(0, first - TURNS_BEFORE)
    lines: list[Line] = []
    for number in range(start, last + 1):
        turn = conversation.turns[number]
        if turn.customer:
            lines.append(Line("customer", turn.customer, marked=number in turns))
        if turn.agent:
            lines.append(Line("reply" if number == last else "agent", turn.agent))
    shown = [image for turn in conversation.turns[start : last + 1] for image in turn.images] if images else []
    return Item(tuple(lines), tuple(candidates), tuple(shown[-MOST_IMAGES:]))


def candidate_of(entry: Entry) -> Candidate:
    return Candidate(entry.id, entry.questions, entry.answer)
