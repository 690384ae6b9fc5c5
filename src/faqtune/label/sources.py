"""How right each machine source is, estimated from what people said of the same turns.

A source says how sure it is of each label. People who labelled the same turns show how right it was; with few of them
its own word counts for more (additive smoothing towards the claim's own confidence).

Which people's labels may be used is the caller's to say: those of the test part must not be, as what weighs the labels
that are trained on would then have seen the test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from faqtune.label.acts import Act, at_places, last_of_people, says_the_same
from faqtune.label.proportion import Proportion, proportion
from faqtune.records import Query

LEAST_IN_LEVEL = 30
"""Compared labels that a level of confidence needs to be judged by itself."""
MOST_LEVELS = 4
PRIOR_LABELS = 10.0
"""A source's own confidence counts as much as so many labels of people."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A machine's label of a turn that a person labelled too."""

    act: Act
    conversation: str
    turn: int
    right: bool


@dataclass(frozen=True, slots=True)
class Level:
    """Labels of a source with a confidence of at least `low`, up to the next level: how many people found right."""

    low: float
    right: Proportion


@dataclass(frozen=True, slots=True)
class Source:
    """A machine source as people found it. `own`: the mean confidence it gave to the compared labels."""

    by: str
    right: Proportion
    own: float
    levels: tuple[Level, ...]

    def precision(self, confidence: float) -> float:
        """The estimated probability that a label of this confidence is right, 0 to 1.

        (right + prior · confidence) / (n + prior) of its level: with nothing compared, the confidence itself.
        """
        level = max((level for level in self.levels if level.low <= confidence), key=lambda level: level.low)
        return (level.right.right + PRIOR_LABELS * confidence) / (level.right.n + PRIOR_LABELS)


def compare(
    said: Mapping[str, Sequence[Act]],
    queries: Iterable[Query],
    conversations: Container[str],
    entries: Container[str] | None = None,
) -> dict[str, list[Compared]]:
    """Machine source to its labels of turns that people labelled too, in the given conversations.

    Turns that people say ask for several entries without naming them prove nothing and are left out, and so are those
    of which people name only what is not among `entries` (None: all are): no machine could say it any more.
    """
    found: dict[str, list[Compared]] = defaultdict(list)
    for (conversation, turn), acts in at_places(said, queries).items():
        truth = last_of_people(acts)
        if truth is None or conversation not in conversations or truth.names_none_of_several:
            continue
        if truth.answer and entries is not None and not any(entry in entries for entry in truth.answer):
            continue
        for by, act in acts.items():
            if not act.is_human:
                found[by].append(Compared(act, conversation, turn, says_the_same(act.answer, truth.answer)))
    return dict(found)


def estimate_sources(compared: Mapping[str, Sequence[Compared]]) -> dict[str, Source]:
    """What people's labels say of each source that they were compared with."""
    return {by: _source(by, rows) for by, rows in sorted(compared.items()) if rows}


def _source(by: str, rows: Sequence[Compared]) -> Source:
    ordered = sorted(rows, key=lambda row: row.act.confidence)
    starts = _starts([row.act.confidence for row in ordered])
    levels = tuple(
        # The lowest level takes in whatever is less sure than anything that was compared.
        Level(ordered[start].act.confidence if start else 0.0, _right(ordered[start:end]))
        for start, end in zip(starts, [*starts[1:], len(ordered)], strict=True)
    )
    own = sum(row.act.confidence for row in ordered) / len(ordered)
    return Source(by, _right(ordered), own, levels)


def _starts(confidences: Sequence[float]) -> list[int]:
    """Where levels begin in ascending confidences: equal parts of enough labels, equal confidences together."""
    parts = max(1, min(MOST_LEVELS, len(confidences) // LEAST_IN_LEVEL))
    wanted = [part * len(confidences) // parts for part in range(parts)]
    return sorted({confidences.index(confidences[start]) for start in wanted})


def _right(rows: Sequence[Compared]) -> Proportion:
    return proportion([row.right for row in rows], [row.conversation for row in rows])
