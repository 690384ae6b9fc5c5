"""Peak memory of training at the shape of BGE-M3, against sentence-transformers.

    python benchmarks/memory.py [--precision float32|bfloat16]

32 short texts (16 pairs), random weights kept in float32, AdamW, two full steps (from the second on the
optimiser's averages are there); each side in a process of its own. The peak of resident memory includes
Python, torch and loading. With the embeddings frozen is how faqtune trains by default; on a CPU their
table then stays in the model's file, of which only the rows in use are read. Trimmed is the same with a
vocabulary of 27,354 tokens; ids are folded into it, for only memory is measured. Of the others, all with the
embeddings frozen, one has the lower half of the layers frozen too, one trains adapters (freeze.lora_rank = 16)
beside frozen weights, and those with Adafactor train all layers without AdamW's averages.
"Memory scarce" is what faqtune does by itself where what is still to come would hardly fit: freed memory
goes back to the system at once, which takes a third more time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from common import fresh, keep_run, kept_runs, peak_memory_bytes
from faqtune.model import load
from faqtune.model.machine import return_freed_memory
from faqtune.recipe import Losses, Recipe, Stage
from faqtune.train.batches import Batch
from faqtune.train.budget import still_to_come_bytes, token_budget
from faqtune.train.engine import learn
from faqtune.train.optimiser import make_optimiser, update
from faqtune.train.trainable import prepare
from shapes import TRIMMED_PIECES, make_bge_m3

PAIRS = 16
STEPS = 2
LEARNING_RATE = 1e-5
LOSSES = Losses.model_validate({"online_contrastive": {"weight": 1.0, "margin": 0.3}})
THEIRS, TRIMMED = "sentence-transformers", ", vocabulary trimmed"
SCARCE = ", memory scarce"
"""Where what is still to come would hardly fit, freed memory goes back to the system at once."""
STAGES: dict[str, dict[str, Any]] = {
    "faqtune, all weights": {"freeze": {"embeddings": False}},
    "faqtune, embeddings frozen": {},
    f"faqtune, embeddings frozen{SCARCE}": {},
    f"faqtune{TRIMMED}": {},
    f"faqtune{TRIMMED}{SCARCE}": {},
    "faqtune, Adafactor": {"optimiser": "adafactor"},
    f"faqtune, Adafactor{TRIMMED}": {"optimiser": "adafactor"},
    f"faqtune, Adafactor{TRIMMED}{SCARCE}": {"optimiser": "adafactor"},
    "faqtune, lower 12 layers frozen": {"freeze": {"lower_layers": 12}},
    "faqtune, LoRA of rank 16": {"freeze": {"lora_rank": 16}},
}
SIDES = (THEIRS, *STAGES)


def pairs() -> list[tuple[str, str, float]]:
    """Half of them belong together; about 15 characters each."""
    return [(f"我昨天买的第{n}件商品什么时候发货", f"第{n}号仓库多久能送到我这里", float(n % 2)) for n in range(PAIRS)]


def their_step(folder: Path, precision: str) -> None:
    from peer import load_peer, train_seconds

    train_seconds(
        load_peer(folder),
        pairs() * STEPS,
        batch_pairs=PAIRS,
        steps=STEPS,
        warm_up_steps=0,
        margin=0.3,
        bfloat16=precision == "bfloat16",
        clock=time.perf_counter,
    )


def our_step(folder: Path, precision: str, settings: dict[str, Any], pieces: int | None, *, scarce: bool) -> None:
    if scarce:
        return_freed_memory()
    model = load(folder, max_length_tokens=128, device="cpu", precision=precision)  # type: ignore[arg-type]
    stage = Stage.model_validate({"data": {}, "losses": {}, **settings})
    prepare(model, stage, seed=0)
    rows = pairs()
    texts = [*(row[0] for row in rows), *(row[1] for row in rows)]
    if pieces:
        model.tokenise = lambda found, known=model.tokenise: [  # type: ignore[method-assign]
            [token % pieces for token in ids] for ids in known(found)
        ]
    labels = np.full((PAIRS, PAIRS), np.nan, dtype=np.float32)
    np.fill_diagonal(labels, [row[2] for row in rows])
    places, none = np.arange(2 * PAIRS), np.array([], dtype=np.int64)
    batch = Batch(
        tuple(texts), places[:PAIRS], places[PAIRS:], none, labels,
        np.ones(PAIRS, dtype=np.float32), np.ones(PAIRS, dtype=np.bool_), np.zeros(PAIRS, dtype=np.bool_),
    )  # fmt: skip
    optimiser = make_optimiser(model, stage)
    budget = token_budget(model, Recipe(stages=[stage]), still_to_come_bytes(model, stage))
    for _ in range(STEPS):
        learn(model, batch, LOSSES, budget.at_once, budget.graph)
        update(optimiser, LEARNING_RATE, stage.max_gradient_norm)


def one_side(given: argparse.Namespace) -> dict[str, Any]:
    started = time.perf_counter()
    if given.side == THEIRS:
        their_step(given.folder, given.precision)
    else:
        pieces = TRIMMED_PIECES if TRIMMED in given.side else None
        our_step(given.folder, given.precision, STAGES[given.side], pieces, scarce=given.side.endswith(SCARCE))
    return {"peak_bytes": peak_memory_bytes(), "seconds": time.perf_counter() - started}


def _kept_peak(key: str) -> int:
    kept = kept_runs("memory")
    if key not in kept:
        raise SystemExit(f"no run of {key} is kept: leave --only out")
    return int(kept[key]["peak_bytes"])


def compare(given: argparse.Namespace, work: Path) -> None:
    whole, trimmed = work / "bge-m3", work / "trimmed"
    make_bge_m3(whole)
    make_bge_m3(trimmed, TRIMMED_PIECES)
    theirs = 0 if THEIRS in given.only else _kept_peak(f"{given.precision} {THEIRS}")
    for side in (side for side in SIDES if side in given.only):
        folder = trimmed if TRIMMED in side else whole
        found = fresh(__file__, "--side", side, folder=folder, precision=given.precision)
        theirs = theirs or found["peak_bytes"]
        row = {
            "precision": given.precision,
            "side": side,
            "peak, GB": f"{found['peak_bytes'] / 1e9:.2f}",
            "share of sentence-transformers'": f"{found['peak_bytes'] / theirs:.2f}",
        }
        keep_run("memory", __doc__ or "", f"{given.precision} {side}", row, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--only", nargs="+", choices=SIDES, default=SIDES, help="against theirs as it was kept")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(one_side(given)))
        return
    with tempfile.TemporaryDirectory(prefix="faqtune-memory-") as work:
        compare(given, Path(work))


if __name__ == "__main__":
    main()
