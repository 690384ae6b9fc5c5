"""Search of large catalogues: faqtune's exact blocks against faiss's exact index (IndexFlatIP).

    python benchmarks/search.py [--width 384]

Random unit vectors, one question per entry, the best 10 of every one of 256 queries; both sides with one thread, in
seconds of the CPU. `rank` is what `match` and `evaluate` use; the product alone is the part that no exact search can
do without. Needs `pip install faiss-cpu`, which faqtune itself does not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np

from common import clock_of, keep_run
from faqtune.ranking import rank

POOLS = (50_000, 200_000, 500_000)
QUERIES, K = 256, 10


def unit(rows: int, width: int, seed: int) -> np.ndarray[Any, Any]:
    found = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def seconds(work: Callable[[], Any], clock: Callable[[], float]) -> tuple[float, Any]:
    """The faster of three."""
    times = []
    for _ in range(3):
        start = clock()
        found = work()
        times.append(clock() - start)
    return min(times), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=384)
    given = parser.parse_args()
    clock = clock_of(1)
    faiss.omp_set_num_threads(1)
    queries = unit(QUERIES, given.width, 1)
    for pool in POOLS:
        questions = unit(pool, given.width, 2)
        index = faiss.IndexFlatIP(given.width)
        index.add(questions)
        ours, ranking = seconds(lambda q=questions, n=pool: rank(queries, q, range(n), k=K), clock)
        theirs, (_, found) = seconds(lambda i=index: i.search(queries, K), clock)
        product, _ = seconds(lambda q=questions: [queries[s : s + 32] @ q.T for s in range(0, QUERIES, 32)], clock)
        row = {
            "questions": f"{pool:,}",
            "width": str(given.width),
            "rank, s": f"{ours:.2f}",
            "faiss, s": f"{theirs:.2f}",
            "the product alone, s": f"{product:.2f}",
            "same entries": f"{(np.sort(ranking.rows) == np.sort(found)).mean():.4f}",
        }
        keep_run("search", __doc__ or "", f"{pool} {given.width}", row, {"queries": QUERIES, "k": K})


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s")
