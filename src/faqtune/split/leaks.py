"""What must never be on both sides of a split, checked whenever data is put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from faqtune.errors import UserError
from faqtune.records import PARTS, TRAIN, Split, normalise

T = TypeVar("T")


def check(parts: Mapping[str, Iterable[str]], what: str) -> None:
    """Raises UserError if one id (a conversation, a noise source) is in two parts.

    >>> check({"train": ["a"], "test": ["b"]}, "conversation")
    """
    seen: dict[str, set[str]] = defaultdict(set)
    for part, names in parts.items():
        for name in names:
            seen[name].add(part)
    torn = sorted(name for name, where in seen.items() if len(where) > 1)
    if torn:
        where = " and ".join(sorted(seen[torn[0]]))
        raise UserError(
            f"leak: {len(torn)} {what}(s) are in {where} at once, first {torn[0]}",
            "run `faqtune split --force`; figures measured with this split cannot be trusted",
        )


def without_leaks(items: Iterable[T], text_of: Callable[[T], str], measured: Iterable[str]) -> list[T]:
    """`items` without those whose text is also measured.

    Short questions (有货吗) occur in many conversations; the same text in training and in the
    test would be remembered, not understood. The measured side keeps its natural mix.
    """
    forbidden = {normalise(text) for text in measured}
    return [item for item in items if normalise(text_of(item)) not in forbidden]


def check_split(split: Split) -> None:
    """Raises UserError if something has a part that does not exist, or an entry is held out for training."""
    measuring = [part for part in PARTS if part != TRAIN]
    for what, parts, allowed in (
        ("conversation", split.conversations, PARTS),
        ("noise source", split.noise, PARTS),
        ("held-out entry", split.held_out, measuring),
    ):
        for name, part in parts.items():
            if part not in allowed:
                raise UserError(f"split.json: {what} {name} is in the part “{part}”", "run `faqtune split --force`")
