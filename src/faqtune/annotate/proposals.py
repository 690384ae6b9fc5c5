"""What people want changed in the catalogue: kept beside it, and handed to whoever owns its content."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from faqtune.annotate.refused import Refused

QUESTION, MISSING = PROPOSALS = ("question", "entry")
"""A further standard question for an entry; an entry that is missing."""
LONGEST_QUESTION, LONGEST_ANSWER, LONGEST_NOTE = 500, 5000, 2000


def checked_proposal(data: Mapping[str, Any], entries: Collection[str]) -> dict[str, Any]:
    """A proposal as it may be stored. Raises Refused without a question, or for an entry that is not there."""
    kind, entry = data.get("what"), data.get("entry") or ""
    question = _text(data, "question", LONGEST_QUESTION)
    if kind not in PROPOSALS or not question:
        raise Refused("the question is missing", "write what customers ask")
    if kind == QUESTION and entry not in entries:
        raise Refused("the entry of the question is missing", "choose one")
    return {
        "what": kind,
        "entry": entry if kind == QUESTION else "",
        "question": question,
        "answer": _text(data, "answer", LONGEST_ANSWER),
        "note": _text(data, "note", LONGEST_NOTE),
        "query": _text(data, "query", LONGEST_NOTE),
    }


def checked_same(data: Mapping[str, Any], entries: Collection[str]) -> dict[str, Any]:
    """A report that two entries mean the same. Raises Refused if these are not two of the catalogue."""
    two = [entry for entry in dict.fromkeys(data.get("entries", ())) if entry in entries]
    if len(two) != 2:
        raise Refused("two different entries are needed", "choose both")
    return {"entries": two, "note": _text(data, "note", LONGEST_NOTE)}


def _text(data: Mapping[str, Any], key: str, longest: int) -> str:
    return str(data.get(key) or "").strip()[:longest]
