"""Encoding at the shape of BGE-M3 on one GPU, against sentence-transformers; run by `gpu.py`."""

from __future__ import annotations

import json
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common import gpu_clock, keep_run
from gpu_card import alone, ours
from peer import load_peer

BATCH_SIZES = (128, 512)
TRIED_TEXTS = 4000
WARM_UP_EVERY = 5
"""One text of so many is encoded before the clock runs: kernels are built when they are first used."""


def read_texts(log: Path, most: int) -> list[str]:
    """Messages of the log that are not empty: first the customers', then the agents'."""
    turns = [t for one in json.loads(log.read_text(encoding="utf-8")) for t in one["conversation"]]
    return list(islice((turn[side] for side in ("input", "output") for turn in turns if turn[side].strip()), most))


def encode_theirs(folder: Path, texts: list[str], way: str, batch: int) -> dict[str, Any]:
    model = load_peer(folder, "cuda")
    if way == "weights":
        model = model.bfloat16()
    with torch.autocast("cuda", dtype=torch.bfloat16) if way == "autocast" else nullcontext():
        model.encode(texts[::WARM_UP_EVERY], batch_size=batch)
        started = gpu_clock()
        vectors = model.encode(texts, batch_size=batch, normalize_embeddings=True, convert_to_tensor=True)
        return {"seconds": gpu_clock() - started, "vectors": vectors.float().cpu().numpy()}


def encode_ours(folder: Path, texts: list[str], precision: str) -> dict[str, Any]:
    model = ours(folder, precision)
    model.encode(texts[::WARM_UP_EVERY])
    started = gpu_clock()
    vectors = model.encode(texts)
    return {"seconds": gpu_clock() - started, "vectors": vectors}


def compare_encoding(folder: Path, texts: list[str], about: str) -> None:
    """Both precisions, all texts and each once; `about` heads what is kept."""
    exact = alone(encode_ours, folder, texts, "float32")
    for precision, ways in (("bfloat16", ("autocast", "weights")), ("float32", ("float32",))):
        some = texts[:: max(1, len(texts) // TRIED_TEXTS)]
        seconds = {(w, b): alone(encode_theirs, folder, some, w, b)["seconds"] for w in ways for b in BATCH_SIZES}
        way, batch = min(seconds, key=lambda key: seconds[key])
        for kind, wanted in (("all", texts), ("distinct", list(dict.fromkeys(texts)))):
            theirs = alone(encode_theirs, folder, wanted, way, batch)
            mine = alone(encode_ours, folder, wanted, precision)
            row_of = {text: row for row, text in enumerate(texts)}
            base = exact["vectors"][[row_of[text] for text in wanted]].astype(np.float64)
            cosines = [float((base * side["vectors"]).sum(axis=1).min()) for side in (theirs, mine)]
            row = {
                "precision": precision,
                "texts": f"{len(wanted):,} {kind}",
                "sentence-transformers, texts/s": f"{len(wanted) / theirs['seconds']:.0f} ({way}, batch {batch})",
                "faqtune, texts/s": f"{len(wanted) / mine['seconds']:.0f}",
                "ratio": f"{theirs['seconds'] / mine['seconds']:.2f}",
                "least cosine with float32, theirs and ours": " and ".join(f"{cosine:.5f}" for cosine in cosines),
            }
            details = {"tried_seconds": {f"{w} {b}": took for (w, b), took in seconds.items()}}
            keep_run("gpu_encoding", about, f"{precision} {kind}", row, details)
