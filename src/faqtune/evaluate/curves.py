"""The curves and histograms of a scorecard, and the mean cosines that go with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faqtune.evaluate.figures import scopes
from faqtune.evaluate.outcomes import Outcomes
from faqtune.evaluate.tallies import Order, Tally, once, tally
from faqtune.scorecard import Curve

CURVE_POINTS = 200

DENSITY_BINS = 30

SIMILARITY_BIN = 0.02
"""Of the histograms of similarities: a width that all models share, so that two of them can be laid over each other."""


def mean_cosines(outcomes: Outcomes) -> dict[str, float]:
    """Mean cosine of queries with their entry (`related`) and of noise with its best entry (`unrelated`).

    For looking at, never for choosing a model: a collapsed model has the lowest `unrelated` of all.
    """
    means = {"related": outcomes.related}
    means |= {f"unrelated{scope}": outcomes.noise_scores[rows] for scope, rows in scopes(outcomes).items()}
    return {name: float(np.mean(cosines, dtype=np.float64)) for name, cosines in means.items()}


def curves(outcomes: Outcomes) -> dict[str, Curve]:
    """Every curve by name: `roc` and `oscr` over all noise and per stratum; `risk_coverage`; histograms."""
    right = outcomes.ranks == 1
    queries = tally(outcomes.scores, once(len(right)))
    rightly = tally(outcomes.scores[right], once(int(right.sum())))
    drawn: dict[str, Curve] = {}
    for scope, rows in scopes(outcomes).items():
        noise = tally(outcomes.noise_scores[rows], once(len(rows)))
        for name, answered, label in (("roc", queries, "queries answered"), ("oscr", rightly, "answered correctly")):
            x, y = trade_off(answered, queries, noise)
            drawn[f"{name}{scope}"] = Curve(x=x, y=y, x_label="noise accepted", y_label=label)
    return drawn | _risk_coverage(rightly, queries) | _densities(outcomes) | _similarities(outcomes)


def trade_off(answered: Tally, queries: Tally, noise: Tally) -> tuple[list[float], list[float]]:
    """Share of noise accepted (x) and of queries answered (y) as the threshold falls from above all scores.

    With `answered` = `queries` this is the ROC curve, with the rightly ranked ones the OSCR
    curve. Of the first resample; at most CURVE_POINTS points, both ends kept.
    """
    levels = Order(np.union1d(queries.order.scores, noise.order.scores))
    x = np.r_[0.0, noise.above[noise.order.reaching(levels), 0] / noise.total[0]]
    y = np.r_[0.0, answered.above[answered.order.reaching(levels), 0] / queries.total[0]]
    return _thinned(x, y)


def _risk_coverage(rightly: Tally, queries: Tally) -> dict[str, Curve]:
    """Share of queries answered (x), and share of the answers that are wrong (y), as the threshold falls."""
    levels = Order(np.unique(queries.order.scores))
    answered = queries.above[queries.order.reaching(levels), 0]
    wrong = 1 - rightly.above[rightly.order.reaching(levels), 0] / answered
    x, y = _thinned(answered / queries.total[0], wrong)
    return {"risk_coverage": Curve(x=x, y=y, x_label="queries answered", y_label="wrong among the answered")}


def _densities(outcomes: Outcomes) -> dict[str, Curve]:
    """Histograms of the best cosine, shares per bin over the same bins for queries and noise: x is a bin's middle."""
    # In double precision: scores of a collapsed model differ in the last bits, too few for the edges in single.
    noise = outcomes.noise_scores[outcomes.data.written_rows]
    edges = np.histogram_bin_edges(np.r_[outcomes.scores, noise].astype(np.float64), bins=DENSITY_BINS)
    middles = [float(x) for x in (edges[:-1] + edges[1:]) / 2]
    drawn = {}
    for name, scores in (("queries", outcomes.scores), ("noise", noise)):
        if len(scores):
            shares = np.histogram(scores, bins=edges)[0] / len(scores)
            drawn[f"density/{name}"] = Curve(
                x=middles, y=[float(y) for y in shares], x_label="cosine of the best entry", y_label="share"
            )
    return drawn


def _similarities(outcomes: Outcomes) -> dict[str, Curve]:
    """Histograms over the same bins for every model: of queries with their own entry (`related`), with the best of the
    other entries (`other`), and of noise with its best entry (`unrelated`, and per stratum)."""
    cosines = {"related": outcomes.related}
    if outcomes.margins is not None:
        second = outcomes.scores - outcomes.margins
        cosines["other"] = np.where(outcomes.ranks == 1, second, outcomes.scores)[second >= -1]
    cosines |= {f"unrelated{scope}": outcomes.noise_scores[rows] for scope, rows in scopes(outcomes).items()}
    return {f"similarity/{name}": _histogram(values) for name, values in cosines.items() if len(values)}


def _histogram(cosines: NDArray[np.float32]) -> Curve:
    bins = round(2 / SIMILARITY_BIN)
    number = np.clip(np.floor((cosines.astype(np.float64) + 1) / SIMILARITY_BIN), 0, bins - 1).astype(np.int64)
    shares = np.bincount(number, minlength=bins) / len(cosines)
    first, last = number.min(), number.max() + 1
    return Curve(
        x=[round(-1 + (place + 0.5) * SIMILARITY_BIN, 4) for place in range(first, last)],
        y=shares[first:last].tolist(),
        x_label="cosine",
        y_label="share",
    )


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    kept = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).round().astype(np.int64))
    return x[kept].tolist(), y[kept].tolist()
