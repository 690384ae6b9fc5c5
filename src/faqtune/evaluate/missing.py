"""What customers ask and no entry answers, as a list of questions to write entries for.

It stands on what the tuned model does with customers' texts, not on labels: a list to be read by people, no figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Vectors
from faqtune.records import Catalogue

MOST_QUESTIONS = 20
MOST_WORDINGS = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A customer's text that might lack an entry; `by_people`: a person has said that none answers it."""

    text: str
    conversation: str
    by_people: bool = False


@dataclass(frozen=True, slots=True)
class MissingQuestion:
    """Texts that ask much the same: how many `conversations` they are from, how many of them people have called
    unsupported, some `wordings` (the most typical first), and the nearest entry's question with its cosine."""

    conversations: int
    by_people: int
    wordings: tuple[str, ...]
    nearest: str
    nearest_cosine: float


def missing_questions(
    asked: Sequence[Asked],
    vectors: Vectors,
    catalogue: Catalogue,
    questions: Vectors,
    noise: Vectors,
    threshold_cosine: float,
) -> tuple[MissingQuestion, ...]:
    """The questions that most conversations ask in vain, at most `MOST_QUESTIONS`.

    `vectors` (n, d) of `asked`, `questions` (c, d) of the catalogue, `noise` (m, d) of small talk. Texts that
    would be answered, or are nearer to small talk than to any entry, are left out unless a person has called them
    unsupported. Two texts ask the same where their cosine reaches the answer threshold, the model's own measure
    of that.
    """
    if not len(asked) or not len(questions):
        return ()
    to_entries = vectors @ questions.T
    nearest = to_entries.argmax(axis=1)
    cosine = to_entries.max(axis=1)
    to_noise = (vectors @ noise.T).max(axis=1) if len(noise) else np.full(len(asked), -1.0, dtype=np.float32)
    by_people = np.array([text.by_people for text in asked])
    rows = np.flatnonzero(by_people | ((cosine < threshold_cosine) & (cosine > to_noise)))
    found = []
    for group in _groups(vectors[rows], threshold_cosine):
        members = rows[group]
        texts = dict.fromkeys(asked[row].text for row in members)
        first = members[0]
        entry = catalogue.entries[catalogue.owners[nearest[first]]]
        found.append(
            MissingQuestion(
                len({asked[row].conversation for row in members}),
                len({asked[row].conversation for row in members if asked[row].by_people}),
                tuple(texts)[:MOST_WORDINGS],
                entry.questions[0],
                round(float(cosine[first]), 4),
            )
        )
    # Python's sort keeps the order of what is equal: that of the texts.
    found.sort(key=lambda question: (-question.by_people, -question.conversations))
    return tuple(found[:MOST_QUESTIONS])


def _groups(vectors: Vectors, least_cosine: float) -> list[NDArray[np.int64]]:
    """Rows in groups round the one with the most neighbours among those that are left, itself first."""
    alike = vectors @ vectors.T >= least_cosine
    np.fill_diagonal(alike, True)
    left = np.ones(len(vectors), dtype=bool)
    groups = []
    while left.any():
        neighbours = (alike & left).sum(axis=1) * left
        centre = int(neighbours.argmax())
        members = np.flatnonzero(alike[centre] & left)
        left[members] = False
        groups.append(np.r_[centre, members[members != centre]])
    return groups
