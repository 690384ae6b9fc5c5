"""Votes on one query to a Claim's entry and confidence.

k votes, each with the entries in another order under other ids. An answer that a model gives whatever the order
is an answer to the question; one that changes with it is a guess. The winner needs more than half of the votes
that were asked for, failed ones included; otherwise nobody says anything. With a of k votes for the winner the
confidence is (a + 1) / (k + 2), Laplace's rule of succession: what the next vote would say, if votes were drawn
alike. Where the server gives log-probabilities a vote counts as the probability of the id in it, instead of 1.
A model that is sure and wrong is as sure in every vote: how often it is right is what hand labels tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from faqtune.label.llm.answer import REASONS, Answer


@dataclass(frozen=True, slots=True)
class Vote:
    """An answer and how likely the model found it, 0 to 1 (1 where the server does not say)."""

    answer: Answer
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the votes come to. `agreeing` of `asked` votes are for it."""

    entry: str | None
    reason: str
    confidence: float
    agreeing: int
    asked: int


def verdict(votes: Sequence[Vote], asked: int) -> Verdict | None:
    """The winner of `asked` votes, of which `votes` came back; None where none has more than half.

    Votes for no entry count together, whatever their reasons; the most frequent reason is given.

    >>> shipping, nothing = Vote(Answer("ship")), Vote(Answer(None, "unclear"))
    >>> verdict([shipping, shipping, nothing], 3)
    Verdict(entry='ship', reason='', confidence=0.6, agreeing=2, asked=3)
    >>> verdict([shipping, nothing], 2) is None, verdict([shipping, shipping, shipping], 3).confidence
    (True, 0.8)
    """
    voices: dict[str | None, list[Vote]] = defaultdict(list)
    for vote in votes:
        voices[vote.answer.entry].append(vote)
    for entry, said in voices.items():
        if 2 * len(said) > asked:
            confidence = (sum(vote.probability for vote in said) + 1) / (asked + 2)
            return Verdict(entry, _reason(said) if entry is None else "", round(confidence, 4), len(said), asked)
    return None


def _reason(said: Sequence[Vote]) -> str:
    reasons = [vote.answer.reason for vote in said]
    return max(REASONS, key=reasons.count)
