"""What a model wrote, read strictly: one offered id, or the reason why none fits, or it is a failure.

Whatever a customer made the model write, here it becomes an entry that was offered in this very request, or no
entry for a known reason, or nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NONE = "none"
REASONS = ("chitchat", "unclear", "unsupported", "several")
LONGEST = 20_000
"""Characters of an answer, thinking aloud included; longer ones are not looked at."""

_THOUGHT = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL | re.IGNORECASE)


class BadAnswer(ValueError):  # noqa: N818 - what it is, not that it is an error
    """The model's text is no answer; the message says why, in words that count the same for all such."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An entry, or None for a reason."""

    entry: str | None
    reason: str = ""


def judge_schema(ids: list[str]) -> dict[str, Any]:
    """One field: with a second one for the reason, a grammar lets models give a reason for an entry."""
    return {
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": [*ids, *REASONS]}},
        "required": ["choice"],
        "additionalProperties": False,
    }


def texts_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"texts": {"type": "array", "items": {"type": "string"}}},
        "required": ["texts"],
        "additionalProperties": False,
    }


def read_answer(text: str, ids: Mapping[str, str]) -> Answer:
    """The answer to a prompt that offered `ids` (id to entry). Raises BadAnswer.

    "none" with a reason beside it, as models often write it, is taken as well.

    >>> read_answer('{"choice": "bcdf"}', {"bcdf": "shipping"})
    Answer(entry='shipping', reason='')
    >>> read_answer('{"choice": "chitchat"}', {"bcdf": "shipping"})
    Answer(entry=None, reason='chitchat')
    """
    data = read_object(text, {"choice", "reason"})
    choice, reason = data.get("choice"), data.get("reason", "")
    if not isinstance(choice, str) or not (reason is None or isinstance(reason, str)):
        raise BadAnswer("choice or reason is no text")
    choice, reason = choice.strip(), (reason or "").strip()
    if choice == NONE:
        if reason not in REASONS:
            raise BadAnswer("none without a known reason")
        return Answer(None, reason)
    if choice in REASONS and reason in ("", choice):
        return Answer(None, choice)
    if choice not in ids:
        raise BadAnswer("an id that was not offered")
    if reason:
        raise BadAnswer("an entry and a reason for none")
    return Answer(ids[choice])


def read_texts(text: str) -> list[str]:
    """The texts that a model has written. Raises BadAnswer."""
    texts = read_object(text, {"texts"}).get("texts")
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise BadAnswer("no list of texts")
    return texts


def read_object(text: str, keys: set[str]) -> dict[str, Any]:
    """The one JSON object that the text is. Raises BadAnswer.

    A thought in front, and a code fence around the whole, are ways of models to write; anything else besides
    the object is not.
    """
    if len(text) > LONGEST:
        raise BadAnswer("too long")
    text = _THOUGHT.sub("", text.lstrip("\ufeff"), count=1) if text.lstrip("\ufeff \n").startswith("<think>") else text
    text = text.strip().lstrip("\ufeff")
    if fenced := _FENCE.fullmatch(text):
        text = fenced[1]
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise BadAnswer("no JSON object" if text else "empty") from None
    if not isinstance(data, dict):
        raise BadAnswer("no JSON object")
    if set(data) - keys:
        raise BadAnswer("unknown keys")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys come once: of two choices none is the answer."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)
