"""What a model gets wrong, one by one: entries taken for each other, noise let in, questions turned away."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Vectors
from faqtune.evaluate.examples import EvaluationSet
from faqtune.records import normalise
from faqtune.scorecard import Confusion, Scored

if TYPE_CHECKING:
    from faqtune.evaluate.outcomes import Outcomes

MOST_CONFUSIONS = 50
MOST_WORST = 30


def confusions(data: EvaluationSet, best: NDArray[np.int64], questions: Vectors) -> tuple[Confusion, ...]:
    """Pairs of entries whose queries go to the other, most frequent first, at most `MOST_CONFUSIONS`.

    `best` int64 (p,): row of the entry that came first; `questions` float32 (c, d): vectors of the catalogue's.
    A merge is proposed where both are mistaken for each other and each is the other's nearest entry (no cosine is
    asked for: those of two models are not on one scale), or where one is mistaken for the other and both have the
    same answer.
    """
    wrong = best != data.entry_rows
    counted = Counter(zip(data.entry_rows[wrong].tolist(), best[wrong].tolist(), strict=True))
    both: Counter[tuple[int, int]] = Counter()
    for (a, b), count in counted.items():
        both[min(a, b), max(a, b)] += count
    asked = np.bincount(data.entry_rows, minlength=len(data.catalogue))
    pairs = sorted(both, key=lambda pair: (-both[pair], pair))[:MOST_CONFUSIONS]
    near = _Near(data, questions)
    made = []
    for a, b in pairs:
        one, other = data.catalogue.entries[a], data.catalogue.entries[b]
        mutual = counted[a, b] > 0 and counted[b, a] > 0 and near.nearest(a) == b and near.nearest(b) == a
        same_answer = normalise(one.answer) != "" and normalise(one.answer) == normalise(other.answer)
        made.append(
            Confusion(
                a=one.id,
                b=other.id,
                question_a=one.questions[0],
                question_b=other.questions[0],
                asked_a=int(asked[a]),
                asked_b=int(asked[b]),
                a_as_b=counted[a, b],
                b_as_a=counted[b, a],
                similarity=round(near.similarity(a, b), 4),
                merge=mutual or same_answer,
            )
        )
    return tuple(made)


class _Near:
    """Similarities of single entries with all others, each worked out once."""

    def __init__(self, data: EvaluationSet, questions: Vectors) -> None:
        self.questions, self.owners = questions, np.asarray(data.catalogue.owners, dtype=np.int64)
        self.entries = len(data.catalogue)
        self.known: dict[int, NDArray[np.float32]] = {}

    def scores(self, entry: int) -> NDArray[np.float32]:
        if entry not in self.known:
            mine = self.questions[self.owners == entry]
            best = (self.questions @ mine.T).max(axis=1)
            scores = np.full(self.entries, -np.inf, dtype=np.float32)
            np.maximum.at(scores, self.owners, best)
            scores[entry] = -np.inf
            self.known[entry] = scores
        return self.known[entry]

    def nearest(self, entry: int) -> int:
        return int(self.scores(entry).argmax())

    def similarity(self, a: int, b: int) -> float:
        return float(self.scores(a)[b])


def worst_accepted(outcomes: Outcomes) -> list[Scored]:
    """Noise that is answered, the highest score first; where no threshold is set, the highest scores.

    Generated garbage is left out: nobody wrote it.
    """
    if not len(outcomes.noise_scores):
        return []
    order = np.argsort(-outcomes.noise_scores, kind="stable")
    written = np.isin(order, outcomes.data.written_rows)
    return [_noise(outcomes, row) for row in order[outcomes.accepted[order] & written][:MOST_WORST]]


def worst_rejected(outcomes: Outcomes) -> list[Scored]:
    """Queries that are not answered, the lowest score first; where no threshold is set, the lowest scores."""
    order = np.argsort(outcomes.scores, kind="stable")
    if outcomes.threshold_cosine is not None:
        order = order[~outcomes.answered[order]]
    return [_query(outcomes, row) for row in order[:MOST_WORST]]


def _query(outcomes: Outcomes, row: int) -> Scored:
    entries, data = outcomes.data.catalogue.entries, outcomes.data
    return Scored(
        text=data.positives[row].text,
        kind="query",
        score=round(float(outcomes.scores[row]), 4),
        found=entries[outcomes.best[row]].questions[0],
        expected=entries[data.entry_rows[row]].questions[0],
    )


def _noise(outcomes: Outcomes, row: int) -> Scored:
    negative, best = outcomes.data.negatives[row], outcomes.noise_best
    return Scored(
        text=negative.text,
        kind=negative.stratum,
        score=round(float(outcomes.noise_scores[row]), 4),
        found=outcomes.data.catalogue.entries[best[row]].questions[0] if best is not None else "",
    )
