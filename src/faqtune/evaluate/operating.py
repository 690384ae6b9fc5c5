"""What every threshold would do: the numbers behind a slider, with texts on both sides of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from faqtune.evaluate.figures import scopes
from faqtune.evaluate.intervals import RESAMPLES, bootstrap, interval
from faqtune.evaluate.map import thinned
from faqtune.evaluate.outcomes import Outcomes
from faqtune.evaluate.score import resampling_plan
from faqtune.evaluate.tallies import Counts, Figures, once

MOST_STEPS = 80
STEPS_COSINE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
MOST_TEXTS = {"right": 90, "wrong": 60, "noise": 90}

RIGHT, WRONG, ACCEPTED = "right", "wrong", "accepted"


@dataclass(frozen=True, slots=True)
class Shares:
    """One share at every threshold, with its 95 % interval; None where it is not defined."""

    value: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ScoredText:
    """A measured text. `kind` is `right`, `wrong` or the stratum of noise; `found` the question of the entry that
    it is answered with from `score` downwards, `expected` that of the right one ("" for noise)."""

    text: str
    kind: str
    score: float
    found: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """One model at `thresholds_cosine`, rising.

    `shares`: of all queries `right`, `wrong`, `answered` (both) and `passed_on` (neither); of the answered ones
    `precision` and `risk` (wrong); of noise `accepted` and `accepted/<stratum>`. `texts`: some of those measured,
    by falling score.
    """

    model: str
    thresholds_cosine: tuple[float, ...]
    shares: dict[str, Shares]
    texts: tuple[ScoredText, ...]
    texts_in_all: int


def operating_points(outcomes: Outcomes, *, resamples: int = RESAMPLES, seed: int = 0) -> OperatingPoints:
    """Shares at round thresholds that cover all scores, and at the model's own; intervals as for every figure."""
    thresholds = _thresholds(outcomes)
    points = _Points(outcomes, thresholds)
    found = points.shares(once(len(outcomes.scores) + len(outcomes.noise_scores)))
    spread = bootstrap(points.flat, resampling_plan(outcomes.data), resamples=resamples, seed=seed)
    return OperatingPoints(
        outcomes.model,
        tuple(float(threshold) for threshold in thresholds),
        {name: _with_intervals(name, values[:, 0], spread) for name, values in found.items()},
        tuple(sorted(_texts(outcomes), key=lambda text: -text.score)),
        len(outcomes.scores) + len(outcomes.data.written_rows),
    )


def deciding(outcomes: Outcomes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scores of queries and of noise; minus infinity where the lead over the second entry is too small to answer."""
    found = []
    for scores, margins in ((outcomes.scores, outcomes.margins), (outcomes.noise_scores, outcomes.noise_margins)):
        leads = np.ones(len(scores), dtype=bool) if margins is None else margins >= outcomes.margin_cosine
        found.append(np.where(leads, scores, np.float32(-np.inf)))
    return found[0], found[1]


class _Points:
    """Every share at every threshold for many resamples at once."""

    def __init__(self, outcomes: Outcomes, thresholds: NDArray[np.float32]) -> None:
        right = outcomes.ranks == 1
        scores, noise_scores = deciding(outcomes)
        reached = np.searchsorted(thresholds, scores, side="right")
        reached_by_noise = np.searchsorted(thresholds, noise_scores, side="right")
        self._queries = len(outcomes.scores)
        self._answered = {RIGHT: _summing(reached, right, thresholds), WRONG: _summing(reached, ~right, thresholds)}
        self._accepted = {
            f"{ACCEPTED}{scope}": (rows, _summing(reached_by_noise[rows], np.ones(len(rows), dtype=bool), thresholds))
            for scope, rows in scopes(outcomes).items()
        }

    def shares(self, counts: Counts) -> dict[str, NDArray[np.float64]]:
        """float64 (t, b) by name; `counts` (p + n, b) as in `figures`."""
        queries, noise = np.split(counts, [self._queries])
        summed = {name: _reaching(matrix, queries) for name, matrix in self._answered.items()}
        answered, asked = summed[RIGHT] + summed[WRONG], queries.sum(axis=0)
        found = {
            **{name: _ratio(values, asked) for name, values in summed.items()},
            "answered": _ratio(answered, asked),
            "passed_on": _ratio(asked - answered, asked),
            "precision": _ratio(summed[RIGHT], answered),
            "risk": _ratio(summed[WRONG], answered),
        }
        for name, (rows, matrix) in self._accepted.items():
            found[name] = _ratio(_reaching(matrix, noise[rows]), noise[rows].sum(axis=0))
        return found

    def flat(self, counts: Counts) -> dict[str, Figures]:
        return {f"{name} {row}": line for name, lines in self.shares(counts).items() for row, line in enumerate(lines)}


def _summing(reached: NDArray[np.int64], rows: NDArray[np.bool_], thresholds: NDArray[np.float32]) -> csr_matrix:
    """(t + 1, n): adds up those `rows` that reach exactly so many thresholds."""
    chosen = np.flatnonzero(rows)
    shape = (len(thresholds) + 1, len(reached))
    return csr_matrix((np.ones(len(chosen)), (reached[chosen], chosen)), shape=shape)


def _reaching(matrix: csr_matrix, counts: Counts) -> NDArray[np.float64]:
    """float64 (t, b): how many rows reach each threshold at least."""
    exactly: NDArray[np.float64] = matrix @ counts
    return exactly[:0:-1].cumsum(axis=0)[::-1]


def _thresholds(outcomes: Outcomes) -> NDArray[np.float32]:
    scores = np.r_[outcomes.scores, outcomes.noise_scores].astype(np.float64)
    low, high = float(scores.min()), float(scores.max())
    step = next((step for step in STEPS_COSINE if (high - low) / step <= MOST_STEPS), STEPS_COSINE[-1])
    first, last = math.floor(low / step), math.ceil(high / step + 1e-6)
    grid = [round(number * step, 6) for number in range(first, last + 1)]
    own = [] if outcomes.threshold_cosine is None else [outcomes.threshold_cosine]
    return np.unique(np.array([*grid, *own], dtype=np.float32))


def _with_intervals(name: str, values: NDArray[np.float64], spread: dict[str, Figures]) -> Shares:
    lows, highs = [], []
    for row, value in enumerate(values):
        drawn = spread[f"{name} {row}"]
        low, high = (math.nan, math.nan) if np.isnan(value) or np.isnan(drawn).all() else interval(drawn)
        lows.append(low)
        highs.append(high)
    return Shares(_known(values), _known(lows), _known(highs))


def _known(values: NDArray[np.float64] | list[float]) -> tuple[float | None, ...]:
    """To six digits: more would be noise, and twice the size."""
    return tuple(None if math.isnan(value) else round(float(value), 6) for value in values)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = np.broadcast_to(whole, part.shape)
    ratio: NDArray[np.float64] = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return ratio


def _texts(outcomes: Outcomes) -> list[ScoredText]:
    """Of each kind some, at even distances over all scores; each text once."""
    entries = outcomes.data.catalogue.entries
    scores, noise_scores = deciding(outcomes)
    right: dict[str, ScoredText] = {}
    wrong: dict[str, ScoredText] = {}
    for row, positive in enumerate(outcomes.data.positives):
        found, expected = entries[outcomes.best[row]], entries[outcomes.data.entry_rows[row]]
        is_right = outcomes.ranks[row] == 1
        score = float(scores[row])
        (right if is_right else wrong)[positive.text] = ScoredText(
            positive.text, RIGHT if is_right else WRONG, score, found.questions[0], expected.questions[0]
        )
    best = outcomes.noise_best
    noise = {
        negative.text: ScoredText(
            negative.text,
            negative.stratum,
            float(noise_scores[row]),
            "" if best is None else entries[best[row]].questions[0],
        )
        for row, negative in enumerate(outcomes.data.negatives)
        if not negative.generated
    }
    kinds = {"right": right, "wrong": wrong, "noise": noise}
    return [text for kind, texts in kinds.items() for text in thinned(_by_score(texts.values()), MOST_TEXTS[kind])]


def _by_score(texts: Iterable[ScoredText]) -> list[ScoredText]:
    """From high to low; what no threshold answers, for want of a lead, has no place beside one."""
    found = [text for text in texts if math.isfinite(text.score)]
    return sorted(found, key=lambda text: (-text.score, text.text))
