"""Measuring at scale: ranking, figures with 10,000 bootstrap resamples, and the comparison of two models.

    python benchmarks/evaluation.py [--threads 1]

Synthetic unit vectors of BGE-M3's width (1,024): a query lies near its entry, one in ten near another, noise anywhere;
two queries to a conversation, two sentences to a source, four kinds of noise. Making the vectors is left out, as it
stands for a model. Ranking is what `evaluate` does with them, in blocks; figures are a whole scorecard; the comparison
has two scorecards and the paired tests. Each size in a process of its own. Seconds are those of the CPU with one
thread, else of the wall, with other work beside it. The peak of resident memory includes Python and all vectors of the
catalogue.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import zlib
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from common import clock_of, fresh, keep_run, peak_memory_bytes
from faqtune.evaluate import EvaluationSet, Negative, Positive, compare_all, evaluate, scorecard
from faqtune.records import Catalogue, Entry
from faqtune.scorecard import Stratum

WIDTH = 1024
NEAR = 0.7
"""How much of a query's vector is its entry's; the rest is chance."""

SIZES = ((1_000, 2_000, 500), (10_000, 10_000, 2_000), (100_000, 20_000, 20_000))
"""Queries, noise sentences, entries."""


class Synthetic:
    """An encoder whose vectors depend on the texts only: `q12/3` is the 12th query, of entry 3."""

    def __init__(self, entries: int, clock: Any) -> None:
        self.clock, self.seconds = clock, 0.0
        self.entries = _unit(np.random.default_rng(0).normal(size=(entries, WIDTH)))

    @property
    def name(self) -> str:
        return "synthetic"

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        started = self.clock()
        if texts[0].startswith("e"):
            found = self.entries
        else:
            found = np.random.default_rng(zlib.crc32(texts[0].encode())).normal(size=(len(texts), WIDTH))
            found = _unit(found)
            near = np.array([text[0] == "q" for text in texts])
            own = np.array([int(text.partition("/")[2] or 0) for text in texts])[near]
            own[::10] = (own[::10] + 1) % len(self.entries)
            found[near] = _unit(NEAR * self.entries[own] + (1 - NEAR) * found[near] * 3)
        self.seconds += self.clock() - started
        return found


def _unit(vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    vectors = vectors.astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def made(queries: int, noise: int, entries: int) -> EvaluationSet:
    catalogue = Catalogue(tuple(Entry(f"e{n}", (f"e{n}",), "") for n in range(entries)))
    positives = tuple(Positive(f"q{n}/{n % entries}", f"e{n % entries}", f"c{n // 2}") for n in range(queries))
    strata: tuple[Stratum, ...] = get_args(Stratum)
    negatives = tuple(Negative(f"n{n}", strata[n % 4], f"s{n // 2}") for n in range(noise))
    return EvaluationSet(positives, negatives, catalogue, "synthetic")


def measured(queries: int, noise: int, entries: int, threads: int) -> dict[str, float]:
    clock = clock_of(threads)
    data, encoder = made(queries, noise, entries), Synthetic(entries, clock)
    started = clock()
    outcomes = evaluate(encoder, data, threshold_cosine=0.5, details=True)
    ranked = clock() - started - encoder.seconds
    started = clock()
    card = scorecard(outcomes)
    figures = clock() - started
    worse = np.where(np.arange(queries) % 50 == 0, 2, outcomes.ranks)
    started = clock()
    compare_all([dataclasses.replace(outcomes, ranks=worse), outcomes])
    return {
        "ranking": ranked,
        "figures": figures,
        "comparison": clock() - started,
        "peak": peak_memory_bytes(),
        "recall": card.figures["recall@1"].value,
        "resamples": card.resamples,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, nargs=3, help="queries, noise, entries: only this size")
    parser.add_argument("--here", action="store_true", help="measure it in this process and print what was found")
    given = parser.parse_args()
    if given.here:
        queries, noise, entries = given.size
        print(json.dumps(measured(queries, noise, entries, given.threads)))
        return
    for queries, noise, entries in [given.size] if given.size else SIZES:
        command = ("--here", "--size", queries, noise, entries)
        found = fresh(__file__, *command, threads=given.threads)
        row = {
            "queries": f"{queries:,}",
            "noise": f"{noise:,}",
            "entries": f"{entries:,}",
            "threads": str(given.threads),
            "ranking, s": f"{found['ranking']:.1f}",
            "figures, s": f"{found['figures']:.1f}",
            "two models compared, s": f"{found['comparison']:.1f}",
            "peak, GB": f"{found['peak'] / 1e9:.2f}",
            "all scores at once, GB": f"{4 * (queries + noise) * entries / 1e9:.2f}",
        }
        keep_run("evaluation", __doc__ or "", f"{queries} {noise} {entries} {given.threads}", row, found)


if __name__ == "__main__":
    main()
