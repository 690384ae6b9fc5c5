"""What a round of mining found, in figures: for the log, the console and the report."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faqtune.recipe import Stage
from faqtune.train.data import TrainingData
from faqtune.train.draws import labels_drawn, near_noise
from faqtune.train.mined import Mined


def findings(
    mined: Mined, last: Mined | None, stage: Stage, data: TrainingData, drawn: NDArray[np.int64] | None = None
) -> dict[str, float]:
    """Figures of what a stage gets from a round of mining; what it does not ask for has none.

    Of the queries that mine, labels and standard questions alike: `queries_mined_for`, how many they are;
    `negatives_mined` of the catalogue and `queries_mined` of other customers, for all of them together; the share of
    `queries_without_negative` of either kind; and `suspects_per_query`, entries left out as likely false negatives.
    Of noise: how many sentences were compared, `noise_compared`; how many of them count as near, `noise_near`, and how
    many of these a step takes, `near_noise_per_step`, both 0 while near noise is off; and, if `last` is the round
    before, `noise_similarity_change` of the sentences that both rounds compared.
    `drawn`: numbers of the examples that are told of (None: all).
    """
    return _of_queries(mined, stage, data, drawn) | _of_noise(mined, last, stage)


def _of_queries(mined: Mined, stage: Stage, data: TrainingData, drawn: NDArray[np.int64] | None) -> dict[str, float]:
    labels = labels_drawn(stage, data)
    asks_entries, asks_queries = stage.mining.negatives_per_query > 0, stage.mining.queries_per_query > 0
    questions = data.numbers_of("catalogue") if asks_entries and "catalogue" in stage.data.shares else labels[:0]
    if drawn is not None:
        labels, questions = np.intersect1d(labels, drawn), np.intersect1d(questions, drawn)
    rows = np.concatenate([labels, questions])
    if not len(rows) or not (asks_entries or asks_queries):
        return {}
    entries, queries = np.zeros((2, len(rows)), dtype=np.int64)
    if asks_entries:
        entries = _count(mined.hard[rows])
    if asks_queries:  # with which a standard question is not compared
        queries[: len(labels)] = _count(mined.near_queries[labels])
    return {
        "queries_mined_for": float(len(rows)),
        **({"negatives_mined": float(entries.sum())} if asks_entries else {}),
        **({"queries_mined": float(queries.sum())} if asks_queries else {}),
        "queries_without_negative": float((entries + queries == 0).mean()),
        "suspects_per_query": float(mined.suspects.sizes[rows].mean()),
    }


def _count(numbers: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many of each row's numbers, (n, k), are there."""
    found: NDArray[np.int64] = np.count_nonzero(numbers >= 0, axis=1)
    return found


def _of_noise(mined: Mined, last: Mined | None, stage: Stage) -> dict[str, float]:
    if not len(mined.noise_order):
        return {}
    near, taken = near_noise(mined, stage)
    figures = {
        "noise_compared": float(len(mined.noise_order)),
        "noise_near": float(len(near)) if taken else 0.0,
        "near_noise_per_step": float(taken),
    }
    if last is not None:
        change = mined.noise_cosines - last.noise_cosines
        if (compared := ~np.isnan(change)).any():
            figures["noise_similarity_change"] = float(change[compared].mean(dtype=np.float64))
    return figures
