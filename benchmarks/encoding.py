"""Encoding of a shop's real messages, against `SentenceTransformer.encode`.

    python benchmarks/encoding.py LOG [--texts 20000] [--precision float32|bfloat16] [--shape builtin|bge-m3]
        [--rounds 3] [--threads 1]

LOG is an output.json: first the customers' messages are taken, then the agents'. Same model and texts on
both sides, no prompt, at most 128 tokens. sentence-transformers runs at the best of its batch sizes and,
in bfloat16, of its two ways (autocast, or weights in bfloat16), both found on a part of the texts. The
sides take turns, each in a process of its own. The messages repeat themselves, and faqtune encodes a text
once; a second row has each text once. The cosine is that with faqtune's vectors in float32. With one
thread seconds are those of the CPU, so that other work on the machine does not count; with several they
are those of the wall.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from common import clock_of, fresh, keep_run
from faqtune.model import load
from shapes import SHAPES, model_folder

TRIED_TEXTS = 2000
BATCH_SIZES = (32, 64, 128, 256)
WAYS = {"float32": ("float32",), "bfloat16": ("autocast", "weights")}
MAX_LENGTH_TOKENS = 128


def read_texts(given: argparse.Namespace) -> list[str]:
    """So many messages of the log that are not empty; each once if only distinct ones are wanted."""
    turns = [turn for one in json.loads(given.log.read_text(encoding="utf-8")) for turn in one["conversation"]]
    said = (turn[side] for side in ("input", "output") for turn in turns if turn[side].strip())
    texts = list(islice(said, given.texts))
    texts = list(dict.fromkeys(texts)) if given.distinct == "True" else texts
    every = max(1, len(texts) // given.take) if given.take else 1
    return texts[::every]


def time_ours(given: argparse.Namespace) -> dict[str, Any]:
    texts = read_texts(given)
    clock = clock_of(given.threads)
    model = load(given.folder, max_length_tokens=MAX_LENGTH_TOKENS, prompt="", device="cpu", precision=given.precision)
    model.encode(texts[:64])
    started = clock()
    vectors = model.encode(texts)
    return _done(given, texts, vectors, clock() - started)


def time_theirs(given: argparse.Namespace) -> dict[str, Any]:
    from peer import load_peer

    texts = read_texts(given)
    clock = clock_of(given.threads)
    model = load_peer(given.folder)
    if given.way == "weights":
        model = model.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16) if given.way == "autocast" else nullcontext():
        model.encode(texts[:64], batch_size=32)
        started = clock()
        vectors = model.encode(texts, batch_size=given.batch, normalize_embeddings=True, convert_to_tensor=True)
        seconds = clock() - started
    return _done(given, texts, vectors.float().numpy(), seconds)


def _done(given: argparse.Namespace, texts: list[str], vectors: Any, seconds: float) -> dict[str, Any]:
    np.save(given.vectors, vectors)
    return {"texts": len(texts), "seconds": seconds, "texts_per_second": len(texts) / seconds}


def compare(given: argparse.Namespace, folder: Path, work: Path) -> None:
    """Find the other side's best, then take turns on all texts and on the distinct ones."""
    names = ("texts", "precision", "threads")
    settings = {"folder": folder, **{name: getattr(given, name) for name in names}}

    def run(side: str, **more: Any) -> dict[str, Any]:
        result = fresh(__file__, given.log, "--side", side, **{"vectors": work / f"{side}.npy", **settings, **more})
        print(side, more, result, flush=True)
        return result

    tried = {
        (way, batch): run("theirs", way=way, batch=batch, take=TRIED_TEXTS)["texts_per_second"]
        for way in WAYS[given.precision]
        for batch in BATCH_SIZES
    }
    way, batch = max(tried, key=lambda key: tried[key])
    for distinct in (kind == "distinct" for kind in given.kinds):
        run("ours", distinct=distinct, precision="float32", vectors=work / "exact.npy")
        rounds = []
        for _ in range(given.rounds):
            theirs = run("theirs", way=way, batch=batch, distinct=distinct)
            ours = run("ours", distinct=distinct)
            theirs["cosine"], ours["cosine"] = (
                least_cosine(work / f"{side}.npy", work / "exact.npy") for side in ("theirs", "ours")
            )
            rounds.append({"theirs": theirs, "ours": ours})
        details = {"tried": {f"{way} {batch}": value for (way, batch), value in tried.items()}, "rounds": rounds}
        keep(given, f"{way}, batch {batch}", distinct, details)


def least_cosine(ours: Path, theirs: Path) -> float:
    left, right = (np.load(path).astype(np.float64) for path in (ours, theirs))
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(((left * right).sum(axis=1) / norms).min())


def keep(given: argparse.Namespace, how: str, distinct: bool, details: dict[str, Any]) -> None:
    rounds = details["rounds"]
    speeds = {side: [one[side]["texts_per_second"] for one in rounds] for side in ("theirs", "ours")}
    ratios = [ours / theirs for ours, theirs in zip(speeds["ours"], speeds["theirs"], strict=True)]
    kind = "distinct" if distinct else "all"
    row = {
        "model": given.shape,
        "precision": given.precision,
        "threads": str(given.threads),
        "rounds": str(len(rounds)),
        "texts": f"{rounds[0]['ours']['texts']:,} {kind}",
        "sentence-transformers, texts/s": f"{median(speeds['theirs']):.0f} ({how})",
        "faqtune, texts/s": f"{median(speeds['ours']):.0f}",
        "ratio": f"{median(ratios):.2f}",
        "ratio, lowest to highest round": f"{min(ratios):.2f} to {max(ratios):.2f}",
        "least cosine with float32, theirs and ours": " and ".join(
            f"{min(one[side]['cosine'] for one in rounds):.5f}" for side in speeds
        ),
    }
    keep_run("encoding", __doc__ or "", f"{given.shape} {given.precision} {kind}", row, details)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--precision", choices=tuple(WAYS), default="float32")
    parser.add_argument("--shape", choices=SHAPES, default=SHAPES[0])
    parser.add_argument("--kinds", nargs="+", choices=("all", "distinct"), default=["all", "distinct"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of torch, on both sides")
    for name in ("--side", "--folder", "--way", "--distinct"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--batch", "--take"):
        parser.add_argument(name, type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--vectors", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps({"ours": time_ours, "theirs": time_theirs}[given.side](given)))
        return
    with tempfile.TemporaryDirectory(prefix="faqtune-encoding-") as work:
        compare(given, model_folder(given.shape, Path(work)), Path(work))


if __name__ == "__main__":
    main()
