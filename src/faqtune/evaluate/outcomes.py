"""What a model did with every query and noise sentence: all that the figures are computed from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Encoder, Vectors
from faqtune.errors import UserError
from faqtune.evaluate.examples import EvaluationSet
from faqtune.evaluate.mistakes import confusions
from faqtune.ranking import Ranking, rank
from faqtune.scorecard import Confusion, SetOn

if TYPE_CHECKING:
    from faqtune.evaluate.probability import ProbabilityMap

BLOCK_TEXTS = 4096
"""Texts whose vectors are held at once: memory does not grow with the number of queries."""

RANKED = 10
"""Places that are told apart; SPEC §4 asks for no more (MRR@10)."""


@dataclass(frozen=True, eq=False, slots=True)
class Outcomes:
    """One model on one evaluation set of p queries and n noise sentences.

    `ranks` int64 (p,): place of the right entry, 1 = first, 0 = not among the first 10;
    `best` int64 (p,): row of the entry that came first;
    `scores` float32 (p,) and `noise_scores` float32 (n,): s(q), the cosine of the best entry;
    `related` float32 (p,): the cosine with the right entry;
    `noise_similarity`: mean cosine of noise with all standard questions, NaN without noise;
    `threshold_cosine`: where the model answers, if that has been calibrated, `set_on`: the noise that set it,
    and `margin_cosine`: what the best entry must then lead the second by; `margins` float32 (p,) and
    `noise_margins` (n,) are that lead;
    `noise_best` int64 (n,): row of the entry that came first;
    `probability`: from scores to probabilities, if that has been calibrated;
    `confusions` are as in a `Scorecard`.
    """

    model: str
    data: EvaluationSet
    ranks: NDArray[np.int64]
    best: NDArray[np.int64]
    scores: NDArray[np.float32]
    related: NDArray[np.float32]
    noise_scores: NDArray[np.float32]
    threshold_cosine: float | None = None
    noise_similarity: float = math.nan
    margins: NDArray[np.float32] | None = None
    noise_margins: NDArray[np.float32] | None = None
    noise_best: NDArray[np.int64] | None = None
    margin_cosine: float = 0.0
    probability: ProbabilityMap | None = None
    confusions: tuple[Confusion, ...] = ()
    set_on: SetOn | None = None

    @property
    def answered(self) -> NDArray[np.bool_]:
        """bool (p,): which queries are answered; all of them where no threshold is set."""
        return self._passing(self.scores, self.margins)

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """bool (n,): which noise sentences are."""
        return self._passing(self.noise_scores, self.noise_margins)

    def _passing(self, scores: NDArray[np.float32], margins: NDArray[np.float32] | None) -> NDArray[np.bool_]:
        reaching = scores >= (-math.inf if self.threshold_cosine is None else self.threshold_cosine)
        return reaching if margins is None else reaching & (margins >= self.margin_cosine)


def evaluate(
    encoder: Encoder,
    data: EvaluationSet,
    *,
    threshold_cosine: float | None = None,
    margin_cosine: float = 0.0,
    probability: ProbabilityMap | None = None,
    details: bool = False,
    questions: Vectors | None = None,
) -> Outcomes:
    """Match every query and noise sentence of `data` against its catalogue, in blocks.

    `details`: with confusions, which training has no use for. `questions` (c, d): vectors that stand for the
    questions of the catalogue, in the place of their own (`faqtune.blend`).
    Each distinct text is encoded and ranked once, so that equal texts have equal scores to the
    last bit. Raises UserError if there is no labelled query, or if the model gives NaN.
    """
    _refuse_no_queries(data)
    texts = [positive.text for positive in data.positives] + [negative.text for negative in data.negatives]
    number = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    of_query, of_noise = np.split(np.array([number[text] for text in texts]), [len(data.positives)])
    distinct, owners = list(number), data.catalogue.owners
    questions = _vectors(encoder, data.catalogue.questions) if questions is None else questions
    related = np.empty(len(of_query), dtype=np.float32)
    rankings = []
    noise_sum = np.zeros(questions.shape[1])
    for start in range(0, len(distinct), BLOCK_TEXTS):
        vectors = _vectors(encoder, distinct[start : start + BLOCK_TEXTS])
        rankings.append(rank(vectors, questions, owners, k=RANKED))
        here = np.flatnonzero((of_query >= start) & (of_query < start + BLOCK_TEXTS))
        related[here] = _own_scores(vectors[of_query[here] - start], questions, owners, data.entry_rows[here])
        noise_here = of_noise[(of_noise >= start) & (of_noise < start + BLOCK_TEXTS)] - start
        noise_sum += vectors[noise_here].sum(axis=0, dtype=np.float64)
    ranking = Ranking(
        np.concatenate([each.rows for each in rankings]), np.concatenate([each.scores for each in rankings])
    )
    rows = ranking.rows[of_query]
    found = rows == data.entry_rows[:, None]
    ranks = np.where(found.any(axis=1), found.argmax(axis=1) + 1, 0)
    # A mean of dot products is the dot product of the means.
    similarity = noise_sum @ questions.mean(axis=0, dtype=np.float64) / len(of_noise) if len(of_noise) else math.nan
    return Outcomes(
        encoder.name,
        data,
        ranks,
        best=rows[:, 0],
        scores=ranking.best[of_query],
        related=related,
        noise_scores=ranking.best[of_noise],
        threshold_cosine=threshold_cosine,
        noise_similarity=float(similarity),
        margins=ranking.margin[of_query],
        noise_margins=ranking.margin[of_noise],
        noise_best=ranking.rows[of_noise, 0],
        margin_cosine=margin_cosine,
        probability=probability,
        confusions=confusions(data, rows[:, 0], questions) if details else (),
    )


def indifferent(data: EvaluationSet) -> Outcomes:
    """What a model would do that scores every text alike: it has all figures that `data` gives of any model.

    Raises UserError as `evaluate` does.
    """
    _refuse_no_queries(data)
    queries, noise = np.zeros(len(data.positives), dtype=np.float32), np.zeros(len(data.negatives), dtype=np.float32)
    first = np.ones(len(queries), dtype=np.int64)
    return Outcomes(
        "", data, first, data.entry_rows, queries, queries, noise, noise_similarity=0.0 if len(noise) else math.nan
    )


def _refuse_no_queries(data: EvaluationSet) -> None:
    if not data.positives:
        raise UserError(
            f"{data.part}: there is no query with an entry, so that nothing can be measured",
            "add hand labels under [gold] in faqtune.toml, or give this part a larger share of the split",
        )


def _own_scores(
    vectors: Vectors, questions: Vectors, owners: Sequence[int], own: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Cosine of each query with the best question of its own entry, however far down that ranks."""
    first, last = np.searchsorted(owners, [own, own + 1])
    scores = np.empty(len(own), dtype=np.float32)
    for entry in np.unique(own):
        mine = np.flatnonzero(own == entry)
        of_entry = questions[first[mine[0]] : last[mine[0]]]
        scores[mine] = (vectors[mine] @ of_entry.T).max(axis=1)
    return scores


def _vectors(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    vectors = encoder.encode(texts)
    if not np.isfinite(vectors).all():
        raise UserError(
            f"the model {encoder.name} gives vectors that are not numbers",
            "get its files anew; if it was trained, that has diverged: train with a lower learning rate",
        )
    return vectors
