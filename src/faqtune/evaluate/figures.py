"""Which figures a scorecard has, by name, computed from outcomes and counts.

Names are `metric`, `metric/stratum` or `metric/macro` (averaged per entry); see `faqtune.scorecard`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faqtune.evaluate.metrics import (
    Counts,
    Figures,
    aupr,
    auroc,
    fpr95,
    hits,
    mean,
    once,
    oscr,
    per_entry,
    reciprocal_ranks,
    tally,
    trade_off,
)
from faqtune.evaluate.outcomes import Outcomes
from faqtune.scorecard import Curve

OSCR_PERCENT = (1, 5, 10)

DENSITY_BINS = 30


def supports_oscr(percent: int, noise: int) -> bool:
    """Whether `noise` sentences are enough for OSCR@`percent` %: at least one of them may pass."""
    return noise * percent >= 100


def figures(outcomes: Outcomes, counts: Counts) -> dict[str, Figures]:
    """Every figure in each resample: float64 (b,) per name.

    `counts` (p + n, b) has the queries' rows first, then the noise's. Left out are rejection
    figures of strata without noise, OSCR@f with fewer than 1/f noise sentences, and figures
    at the threshold where none has been set.
    """
    queries, noise = np.split(counts, [len(outcomes.ranks)])
    return {
        **_ranking_figures(outcomes, queries),
        **_rejection_figures(outcomes, queries, noise),
        **_threshold_figures(outcomes, queries, noise),
    }


def contributions(outcomes: Outcomes) -> dict[str, NDArray[np.float64]]:
    """What each row adds to those figures that are sums over rows: float64 (p + n,) per name.

    Their differences can be tested by sign flips; the other figures' cannot.
    """
    queries, noise = len(outcomes.ranks), len(outcomes.noise_scores)
    even = per_entry(outcomes.data.entry_rows, once(queries))[:, 0]
    rows: dict[str, NDArray[np.float64]] = {}
    for name, values in _ranking_values(outcomes).items():
        rows[name] = np.r_[values / queries, np.zeros(noise)]
        rows[f"{name}/macro"] = np.r_[values * even / even.sum(), np.zeros(noise)]
    if outcomes.threshold_cosine is not None:
        rows["answered"] = np.r_[(outcomes.scores >= outcomes.threshold_cosine) / queries, np.zeros(noise)]
        for scope, members in _scopes(outcomes).items():
            accepted = np.zeros(noise)
            accepted[members] = (outcomes.noise_scores[members] >= outcomes.threshold_cosine) / len(members)
            rows[f"accepted{scope}"] = np.r_[np.zeros(queries), accepted]
    return rows


def supporting(name: str, outcomes: Outcomes) -> int:
    """How many rows stand behind a figure: queries for ranking, noise sentences (of the stratum) for rejection."""
    metric, _, scope = name.partition("/")
    if metric in _ranking_values(outcomes) or metric in ("answered", "precision"):
        return len(outcomes.ranks)
    return len(outcomes.data.noise_rows[scope]) if scope else len(outcomes.noise_scores)


def right_by_entry(outcomes: Outcomes) -> dict[str, tuple[int, int]]:
    """Per entry id with any query: how many were ranked first rightly, and how many there are.

    Counts, not rates: few queries stand behind most entries.
    """
    entries = outcomes.data.catalogue.entries
    asked = np.bincount(outcomes.data.entry_rows, minlength=len(entries))
    right = np.bincount(outcomes.data.entry_rows, weights=outcomes.ranks == 1, minlength=len(entries))
    return {entries[row].id: (int(right[row]), int(asked[row])) for row in np.flatnonzero(asked)}


def mean_cosines(outcomes: Outcomes) -> dict[str, float]:
    """Mean cosine of queries with their entry (`related`) and of noise with its best entry (`unrelated`).

    For looking at, never for choosing a model: a collapsed model has the lowest `unrelated` of all.
    """
    means = {"related": outcomes.related}
    means |= {f"unrelated{scope}": outcomes.noise_scores[rows] for scope, rows in _scopes(outcomes).items()}
    return {name: float(np.mean(cosines, dtype=np.float64)) for name, cosines in means.items()}


def curves(outcomes: Outcomes) -> dict[str, Curve]:
    """`roc` and `oscr` over all noise, and per stratum where there are several."""
    right = outcomes.ranks == 1
    queries = tally(outcomes.scores, once(len(right)))
    rightly = tally(outcomes.scores[right], once(int(right.sum())))
    drawn: dict[str, Curve] = {}
    for scope, rows in _scopes(outcomes).items():
        noise = tally(outcomes.noise_scores[rows], once(len(rows)))
        for name, answered, label in (("roc", queries, "queries answered"), ("oscr", rightly, "answered correctly")):
            x, y = trade_off(answered, queries, noise)
            drawn[f"{name}{scope}"] = Curve(x=x, y=y, x_label="noise accepted", y_label=label)
    return drawn | _densities(outcomes)


def _densities(outcomes: Outcomes) -> dict[str, Curve]:
    """Histograms of the best cosine, shares per bin over the same bins for queries and noise: x is a bin's middle."""
    # In double precision: scores of a collapsed model differ in the last bits, too few for the edges in single.
    edges = np.histogram_bin_edges(np.r_[outcomes.scores, outcomes.noise_scores].astype(np.float64), bins=DENSITY_BINS)
    middles = [float(x) for x in (edges[:-1] + edges[1:]) / 2]
    drawn = {}
    for name, scores in (("queries", outcomes.scores), ("noise", outcomes.noise_scores)):
        if len(scores):
            shares = np.histogram(scores, bins=edges)[0] / len(scores)
            drawn[f"density/{name}"] = Curve(
                x=middles, y=[float(y) for y in shares], x_label="cosine of the best entry", y_label="share"
            )
    return drawn


def point_figures(outcomes: Outcomes) -> dict[str, float]:
    """Every figure as it is, without an interval, and `noise_similarity`: for choosing a model while it is trained."""
    counts = once(len(outcomes.ranks) + len(outcomes.noise_scores))
    found = {name: float(values[0]) for name, values in figures(outcomes, counts).items()}
    return found | {"noise_similarity": outcomes.noise_similarity}


def _ranking_figures(outcomes: Outcomes, queries: Counts) -> dict[str, Figures]:
    values = _ranking_values(outcomes)
    even = per_entry(outcomes.data.entry_rows, queries)
    return {
        **{name: mean(value, queries) for name, value in values.items()},
        **{f"{name}/macro": mean(value, even) for name, value in values.items()},
    }


def _rejection_figures(outcomes: Outcomes, queries: Counts, noise: Counts) -> dict[str, Figures]:
    right = outcomes.ranks == 1
    queries_by_score = tally(outcomes.scores, queries)
    right_by_score = tally(outcomes.scores[right], queries[right])
    found: dict[str, Figures] = {}
    for scope, rows in _scopes(outcomes).items():
        noise_by_score = tally(outcomes.noise_scores[rows], noise[rows])
        found[f"auroc{scope}"] = auroc(queries_by_score, noise_by_score)
        found[f"aupr{scope}"] = aupr(queries_by_score, noise_by_score)
        found[f"fpr95{scope}"] = fpr95(queries_by_score, noise_by_score)
        for percent in OSCR_PERCENT:
            if supports_oscr(percent, len(rows)):
                found[f"oscr@{percent}{scope}"] = oscr(queries_by_score, right_by_score, noise_by_score, percent)
    return found


def _threshold_figures(outcomes: Outcomes, queries: Counts, noise: Counts) -> dict[str, Figures]:
    """`answered`: share of queries; `precision`: share right of the answered; `accepted`: share of noise."""
    if outcomes.threshold_cosine is None:
        return {}
    answered = outcomes.scores >= outcomes.threshold_cosine
    right = (outcomes.ranks == 1).astype(np.float64)
    accepted = (outcomes.noise_scores >= outcomes.threshold_cosine).astype(np.float64)
    return {
        "answered": mean(answered.astype(np.float64), queries),
        "precision": mean(right[answered], queries[answered]),
        **{f"accepted{scope}": mean(accepted[rows], noise[rows]) for scope, rows in _scopes(outcomes).items()},
    }


def _ranking_values(outcomes: Outcomes) -> dict[str, NDArray[np.float64]]:
    return {
        **{f"recall@{k}": hits(outcomes.ranks, k) for k in (1, 3, 5)},
        "mrr@10": reciprocal_ranks(outcomes.ranks, 10),
    }


def _scopes(outcomes: Outcomes) -> dict[str, NDArray[np.int64]]:
    """Suffix of the name to rows of noise: "" for all, "/chatter" and so on; empty without noise."""
    if not len(outcomes.noise_scores):
        return {}
    by_stratum = {f"/{stratum}": rows for stratum, rows in outcomes.data.noise_rows.items()}
    return {"": np.arange(len(outcomes.noise_scores)), **by_stratum}
