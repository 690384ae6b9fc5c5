"""Which figures a scorecard has, by name, computed from outcomes and counts.

Names are `metric`, `metric/stratum` or `metric/macro` (averaged per entry); see `faqtune.scorecard`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faqtune.evaluate.metrics import (
    Entries,
    augrc,
    aupr,
    auroc,
    fpr95,
    hits,
    mean,
    means,
    oscr,
    per_entry,
    reciprocal_ranks,
)
from faqtune.evaluate.outcomes import Outcomes
from faqtune.evaluate.probability import CalibrationError
from faqtune.evaluate.tallies import Counts, Figures, Order, count, once

OSCR_PERCENT = (1, 5, 10)


def supports_oscr(percent: int, noise: int) -> bool:
    """Whether `noise` sentences are enough for OSCR@`percent` %: at least one of them may pass."""
    return noise * percent >= 100


def figures(outcomes: Outcomes, counts: Counts) -> dict[str, Figures]:
    """Every figure in each resample: float64 (b,) per name.

    `counts` (p + n, b) has the queries' rows first, then the noise's. Left out are rejection
    figures of strata without noise, OSCR@f with fewer than 1/f noise sentences, figures
    at the threshold where none has been set, and `ece` where no map to probabilities has been.
    """
    return Measures(outcomes)(counts)


class Measures:
    """The figures of one model as a function of counts: what does not depend on them is worked out once."""

    def __init__(self, outcomes: Outcomes) -> None:
        self.outcomes = outcomes
        self.queries = len(outcomes.ranks)
        self.entries = Entries(outcomes.data.entry_rows)
        self.ranking = _ranking_values(outcomes)
        right = outcomes.ranks == 1
        self.right, self.wrong = np.flatnonzero(right), np.flatnonzero(~right)
        self.by_score = Order(outcomes.scores)
        self.right_by_score, self.wrong_by_score = Order(outcomes.scores[right]), Order(outcomes.scores[~right])
        self.scopes = scopes(outcomes)
        self.noise_by_score = {scope: Order(outcomes.noise_scores[rows]) for scope, rows in self.scopes.items()}
        self.error = CalibrationError(outcomes) if outcomes.probability else None

    def __call__(self, counts: Counts) -> dict[str, Figures]:
        """`counts` and result as in `figures`."""
        queries, noise = np.split(counts, [self.queries])
        return {
            **self._ranking(queries),
            **self._rejection(queries, noise),
            **self._at_threshold(queries, noise),
            **({"ece": self.error(queries, noise)} if self.error else {}),
        }

    def _ranking(self, queries: Counts) -> dict[str, Figures]:
        even = per_entry(self.entries, queries)
        names, values = list(self.ranking), np.stack(list(self.ranking.values()))
        return {
            **dict(zip(names, means(values, queries), strict=True)),
            **dict(zip((f"{name}/macro" for name in names), means(values, even), strict=True)),
        }

    def _rejection(self, queries: Counts, noise: Counts) -> dict[str, Figures]:
        all_queries = count(self.by_score, queries)
        right, wrong = count(self.right_by_score, queries[self.right]), count(self.wrong_by_score, queries[self.wrong])
        found: dict[str, Figures] = {"augrc_queries": augrc(right, wrong)}
        for scope, rows in self.scopes.items():
            here = count(self.noise_by_score[scope], noise[rows])
            found[f"auroc{scope}"] = auroc(all_queries, here)
            found[f"aupr{scope}"] = aupr(all_queries, here)
            found[f"fpr95{scope}"] = fpr95(all_queries, here)
            found[f"augrc{scope}"] = augrc(right, wrong, here)
            for percent in OSCR_PERCENT:
                if supports_oscr(percent, len(rows)):
                    found[f"oscr@{percent}{scope}"] = oscr(all_queries, right, here, percent)
        return found

    def _at_threshold(self, queries: Counts, noise: Counts) -> dict[str, Figures]:
        """`answered`: share of queries; `precision`: share right of the answered; `accepted`: share of noise."""
        if self.outcomes.threshold_cosine is None:
            return {}
        answered, accepted = self.outcomes.answered, self.outcomes.accepted.astype(np.float64)
        right = (self.outcomes.ranks == 1).astype(np.float64)
        return {
            "answered": mean(answered.astype(np.float64), queries),
            "precision": mean(right[answered], queries[answered]),
            **{f"accepted{scope}": mean(accepted[rows], noise[rows]) for scope, rows in self.scopes.items()},
        }


def contributions(outcomes: Outcomes) -> dict[str, NDArray[np.float64]]:
    """What each row adds to those figures that are sums over rows: float64 (p + n,) per name.

    Their differences can be tested by sign flips; the other figures' cannot.
    """
    queries, noise = len(outcomes.ranks), len(outcomes.noise_scores)
    even = per_entry(Entries(outcomes.data.entry_rows), once(queries))[:, 0]
    rows: dict[str, NDArray[np.float64]] = {}
    for name, values in _ranking_values(outcomes).items():
        rows[name] = np.r_[values / queries, np.zeros(noise)]
        rows[f"{name}/macro"] = np.r_[values * even / even.sum(), np.zeros(noise)]
    if outcomes.threshold_cosine is not None:
        rows["answered"] = np.r_[outcomes.answered / queries, np.zeros(noise)]
        for scope, members in scopes(outcomes).items():
            accepted = np.zeros(noise)
            accepted[members] = outcomes.accepted[members] / len(members)
            rows[f"accepted{scope}"] = np.r_[np.zeros(queries), accepted]
    return rows


def supporting(name: str, outcomes: Outcomes) -> int:
    """How many rows stand behind a figure: queries for ranking, of precision those that are answered, noise sentences
    (of the stratum) for rejection."""
    metric, _, scope = name.partition("/")
    queries, written = len(outcomes.ranks), len(outcomes.data.written_rows)
    if metric in _ranking_values(outcomes) or metric in ("answered", "augrc_queries"):
        return queries
    if metric == "precision":
        return int(outcomes.answered.sum())
    if metric == "ece":
        return queries + written
    return len(outcomes.data.noise_rows[scope]) if scope else written


def right_by_entry(outcomes: Outcomes) -> dict[str, tuple[int, int]]:
    """Per entry id with any query: how many were ranked first rightly, and how many there are.

    Counts, not rates: few queries stand behind most entries.
    """
    entries = outcomes.data.catalogue.entries
    asked = np.bincount(outcomes.data.entry_rows, minlength=len(entries))
    right = np.bincount(outcomes.data.entry_rows, weights=outcomes.ranks == 1, minlength=len(entries))
    return {entries[row].id: (int(right[row]), int(asked[row])) for row in np.flatnonzero(asked)}


def point_figures(outcomes: Outcomes) -> dict[str, float]:
    """Every figure as it is, without an interval, and `noise_similarity`: for choosing a model while it is trained."""
    counts = once(len(outcomes.ranks) + len(outcomes.noise_scores))
    found = {name: float(values[0]) for name, values in figures(outcomes, counts).items()}
    return found | {"noise_similarity": outcomes.noise_similarity}


def _ranking_values(outcomes: Outcomes) -> dict[str, NDArray[np.float64]]:
    return {
        **{f"recall@{k}": hits(outcomes.ranks, k) for k in (1, 3, 5)},
        "mrr@10": reciprocal_ranks(outcomes.ranks, 10),
    }


def scopes(outcomes: Outcomes) -> dict[str, NDArray[np.int64]]:
    """Suffix of the name to rows of noise: "" for all that somebody wrote, "/chatter" and so on; none is empty."""
    by_stratum = {f"/{stratum}": rows for stratum, rows in outcomes.data.noise_rows.items()}
    written = outcomes.data.written_rows
    return {"": written, **by_stratum} if len(written) else by_stratum
