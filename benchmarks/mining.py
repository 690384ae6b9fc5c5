"""What the search of one round of mining costs, without the encoder.

    python benchmarks/mining.py ENTRIES QUESTIONS LABELS [--per-query 1] [--pool 0] [--width 384] [--part 1]

A made-up catalogue: each entry a random unit vector, its questions and its labels (of machines, so that they are
doubted) at a cosine of about 0.7 to it; 10,000 sentences of noise. One thread; seconds of the CPU; by how much the
process's peak of memory rose, the vectors that the encoder returns included. `found` is a digest of all that was mined:
two versions of faqtune (PYTHONPATH) found the same if it is the same. With `--part 16` every 16th block is searched,
what the first of 16 processes would do, and there is no digest.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any
from unittest import mock

import numpy as np

from common import clock_of, keep_run, peak_memory_bytes
from faqtune.recipe import Mining
from faqtune.records import Catalogue, Entry
from faqtune.train import ranks
from faqtune.train.data import Example, TrainingData
from faqtune.train.mining import mine

NOISE = 10_000


class Vectors:
    """An Encoder that knows the vector of every text: texts are numbers of rows."""

    name = "vectors"

    def __init__(self, rows: np.ndarray[Any, Any]) -> None:
        self.rows = rows

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        return self.rows[[int(text) for text in texts]]


def made(entries: int, questions: int, labels: int, width: int) -> tuple[TrainingData, Vectors]:
    chance = np.random.default_rng(0)

    def unit(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    centres = unit(chance.normal(size=(entries, width)).astype(np.float32))
    sizes = np.bincount(np.arange(questions) % entries, minlength=entries)
    owners = np.concatenate([np.repeat(np.arange(entries), sizes), chance.integers(entries, size=labels)])
    near = unit(chance.normal(size=(len(owners), width)).astype(np.float32))
    noise = unit(chance.normal(size=(NOISE, width)).astype(np.float32))
    rows = np.concatenate([unit(centres[owners] + near), noise])
    ends = np.cumsum(sizes)
    asked = [tuple(map(str, range(end - size, end))) for size, end in zip(sizes, ends, strict=True)]
    catalogue = Catalogue(tuple(Entry(str(row), texts, "") for row, texts in enumerate(asked)))
    said = tuple(Example(str(questions + n), int(owners[questions + n]), 0.8) for n in range(labels))
    return TrainingData(catalogue, said, noise=tuple(map(str, range(len(owners), len(rows))))), Vectors(rows)


def digest(mined: Any) -> str:
    suspects = mined.suspects
    pairs = np.argwhere(suspects) if isinstance(suspects, np.ndarray) else _pairs(suspects)
    parts = [mined.hard, mined.near_queries, pairs.astype(np.int64), mined.noise_best, mined.noise_order]
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()[:12]


def _pairs(suspects: Any) -> np.ndarray[Any, Any]:
    return np.stack([np.repeat(np.arange(len(suspects)), suspects.sizes), suspects.numbers], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("entries", "questions", "labels"):
        parser.add_argument(name, type=int)
    parser.add_argument("--per-query", type=int, default=1)
    parser.add_argument("--pool", type=int, default=0)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--name", default="now", help="what is measured, as a word in the table")
    parser.add_argument("--part", type=int, default=1, help="search every so-manieth block only")
    given = parser.parse_args()
    clock = clock_of(1)
    data, encoder = made(given.entries, given.questions, given.labels, given.width)
    assert data.examples and data.keys  # made once for a training, not for each round
    before, start = peak_memory_bytes(), clock()
    settings = Mining(negatives_per_query=given.per_query, negatives_pool=given.pool)
    with ExitStack() as one_of_many:
        if given.part > 1:
            one_of_many.enter_context(mock.patch.object(ranks, "count", lambda: given.part))
            one_of_many.enter_context(mock.patch.object(ranks, "of_all", lambda own: [own] * given.part))
        mined, _ = mine(encoder, data, settings)
    seconds, memory = clock() - start, peak_memory_bytes() - before
    row = {
        "search": given.name,
        "entries": f"{given.entries:,}",
        "questions": f"{given.questions:,}",
        "labels": f"{given.labels:,}",
        "mined per query": str(max(given.per_query, given.pool)),
        "width": str(given.width),
        "s": f"{seconds:.1f}",
        "peak, MB": f"{memory / 1e6:,.0f}",
        "found": digest(mined) if given.part == 1 else f"one block of {given.part}",
    }
    key = f"{given.name} {given.entries} {given.questions} {given.labels} {max(given.per_query, given.pool)}"
    keep_run("mining", __doc__ or "", key, row, {"seconds": seconds, "bytes": memory})


if __name__ == "__main__":
    main()
