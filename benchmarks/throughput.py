"""Training throughput on the older workflow's pairs, against sentence-transformers.

    python benchmarks/throughput.py DATA [--shape builtin|bge-m3] [--precision float32|bfloat16]
        [--pairs 32 64 128 256] [--queries 64 128 256] [--rounds 3] [--threads 1]

DATA holds parsed_data.json. Same model, pairs, precision and loss (online contrastive, margin 0.3,
AdamW over all weights) on both sides. Before anything is timed both must give the same loss on a
small batch. Every batch size of either side is tried once; then the best of each run in turn, each
in a process of its own, and medians are compared. With one thread seconds are those of the CPU, so
that other work on the machine does not count; with several they are those of the wall.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from common import clock_of, fresh, keep_run
from faqtune.model import TextModel, load, unfreeze
from faqtune.recipe import Losses, Recipe, Stage
from faqtune.train import engine
from faqtune.train.budget import still_to_come_bytes, token_budget
from faqtune.train.engine import learn
from faqtune.train.optimiser import make_optimiser, update
from shapes import SHAPES, model_folder
from workload import PAIRS_PER_QUERY, load_workload

MARGIN = 0.3
LEARNING_RATE = 5e-6
CHECKED_QUERIES = 2
WARM_UP_QUERIES = 1
WARM_UP_STEPS = 2
MOST_DIFFERENCE = 1e-4
LOSSES = Losses.model_validate({"online_contrastive": {"weight": 1.0, "margin": MARGIN}})


def load_ours(folder: Path, precision: str) -> TextModel:
    model = load(folder, max_length_tokens=128, prompt="", device="cpu", precision=precision)  # type: ignore[arg-type]
    unfreeze(model)
    return model


def check(given: argparse.Namespace) -> dict[str, Any]:
    """The loss of the same pairs on both sides, in float32 and without dropout."""
    from peer import load_peer, pair_loss

    workload = load_workload(given.data)
    examples = workload.examples(CHECKED_QUERIES, seed=1)
    theirs = pair_loss(load_peer(given.folder), list(workload.pairs(examples)), MARGIN)
    model = load_ours(given.folder, "float32")
    batch = workload.batch(examples)
    with torch.inference_mode():
        ours = engine.batch_loss(torch.tensor(model.encode(batch.texts)), batch, LOSSES)[1].total
    return {"ours": ours, "theirs": theirs}


def time_theirs(given: argparse.Namespace) -> dict[str, Any]:
    from peer import load_peer, train_seconds

    workload = load_workload(given.data)
    rows = (given.steps + WARM_UP_STEPS) * given.batch
    examples = workload.examples(-(-rows // PAIRS_PER_QUERY), seed=given.seed)
    seconds = train_seconds(
        load_peer(given.folder),
        list(workload.pairs(examples))[:rows],
        batch_pairs=given.batch,
        steps=given.steps,
        warm_up_steps=WARM_UP_STEPS,
        margin=MARGIN,
        bfloat16=given.precision == "bfloat16",
        clock=clock_of(given.threads),
    )
    return {"pairs_per_step": given.batch, "seconds": seconds}


def time_ours(given: argparse.Namespace) -> dict[str, Any]:
    workload = load_workload(given.data)
    model = load_ours(given.folder, given.precision)
    stage = Stage.model_validate({"data": {}, "losses": {}, "learning_rate": LEARNING_RATE})
    optimiser = make_optimiser(model, stage)
    budget = token_budget(model, Recipe(stages=[stage]), still_to_come_bytes(model, stage))
    clock = clock_of(given.threads)
    inside = _count_encoder_seconds(clock)
    seconds, shares, sizes = [], [], []
    for step in range(given.steps + 1):
        count = given.batch if step else WARM_UP_QUERIES
        examples = workload.examples(count, seed=1000 * given.seed + step)
        inside.clear()
        started = clock()
        batch = workload.batch(examples)
        learn(model, batch, LOSSES, budget.at_once, budget.graph)
        update(optimiser, LEARNING_RATE, stage.max_gradient_norm)
        took = clock() - started
        seconds.append(took)
        shares.append(1 - sum(inside) / took)
        sizes.append(len(batch.texts))
    return {
        "pairs_per_step": given.batch * PAIRS_PER_QUERY,
        "seconds": seconds[1:],
        "outside": shares[1:],
        "texts": sizes[1:],
    }


def _count_encoder_seconds(clock: Callable[[], float]) -> list[float]:
    """Wrap what runs the encoder; each call adds its seconds to the list."""
    seconds: list[float] = []
    for name in ("_embed", "_backward"):
        original = getattr(engine, name)

        def timed(*args: Any, original: Any = original) -> Any:
            started = clock()
            result = original(*args)
            seconds.append(clock() - started)
            return result

        setattr(engine, name, timed)
    return seconds


def speed(run: dict[str, Any]) -> float:
    """Labelled pairs a second."""
    return float(run["pairs_per_step"] / median(run["seconds"]))


def compare(given: argparse.Namespace, folder: Path) -> None:
    """Check, try every batch size where there is a choice, time the best of both in turn, keep."""

    def run(side: str, batch: int, steps: int, seed: int) -> dict[str, Any]:
        settings = {"batch": batch, "steps": steps, "seed": seed, "precision": given.precision, "folder": folder}
        settings["threads"] = given.threads
        result = fresh(__file__, given.data, "--side", side, **settings)
        print(f"{side}, batch {batch}: {speed(result):.1f} pairs/s, seconds {result['seconds']}", flush=True)
        return result

    losses = fresh(__file__, given.data, "--side", "check", folder=folder)
    print(f"loss on {CHECKED_QUERIES * PAIRS_PER_QUERY} pairs: {losses['ours']:.6f} and {losses['theirs']:.6f}")
    if not losses["theirs"] or abs(losses["ours"] - losses["theirs"]) > MOST_DIFFERENCE:
        raise SystemExit("the two sides do not compute the same loss; nothing is timed")
    tried = {
        side: {batch: speed(run(side, batch, given.tried_steps, 0)) if len(batches) > 1 else 0.0 for batch in batches}
        for side, batches in (("theirs", given.pairs), ("ours", given.queries))
    }
    best = {side: max(speeds, key=lambda batch: speeds[batch]) for side, speeds in tried.items()}
    rounds = [
        {side: run(side, best[side], given.their_steps if side == "theirs" else given.steps, number) for side in best}
        for number in range(1, given.rounds + 1)
    ]
    keep(given, losses, tried, best, rounds)


def keep(
    given: argparse.Namespace,
    losses: dict[str, float],
    tried: dict[str, dict[int, float]],
    best: dict[str, int],
    rounds: list[dict[str, dict[str, Any]]],
) -> None:
    speeds = {side: [speed(one[side]) for one in rounds] for side in best}
    ratios = [ours / theirs for ours, theirs in zip(speeds["ours"], speeds["theirs"], strict=True)]
    outside = median(share for one in rounds for share in one["ours"]["outside"])
    ours = rounds[0]["ours"]
    row = {
        "model": given.shape,
        "precision": given.precision,
        "threads": str(given.threads),
        "rounds": str(len(rounds)),
        "sentence-transformers, pairs/s": f"{median(speeds['theirs']):.1f} ({best['theirs']} pairs a step)",
        "faqtune, pairs/s": f"{median(speeds['ours']):.0f} ({best['ours']} queries, {ours['texts'][0]} texts a step)",
        "ratio": f"{median(ratios):.1f}",
        "ratio, lowest to highest round": f"{min(ratios):.1f} to {max(ratios):.1f}",
        "outside the encoder": f"{100 * outside:.1f} %",
    }
    details = {"loss": losses, "tried_pairs_per_second": tried, "rounds": rounds}
    keep_run("throughput", __doc__ or "", f"{given.shape} {given.precision}", row, details)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default=SHAPES[0])
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument(
        "--pairs", type=int, nargs="+", default=[32, 64, 128, 256], help="a step, sentence-transformers"
    )
    parser.add_argument("--queries", type=int, nargs="+", default=[64, 128, 256], help="a step, faqtune")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2, help="timed steps of faqtune a round")
    parser.add_argument("--their-steps", type=int, default=8, help="timed steps of sentence-transformers a round")
    parser.add_argument("--tried-steps", type=int, default=2, help="timed steps for each batch size tried")
    parser.add_argument("--threads", type=int, default=1, help="of torch, on both sides")
    parser.add_argument("--work", type=Path, help="keep the random model here (default: a temporary folder)")
    parser.add_argument("--side", choices=("check", "theirs", "ours"), help=argparse.SUPPRESS)
    for name, kind in (("--folder", Path), ("--batch", int), ("--seed", int)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    given = parser.parse_args()
    sides = {"check": check, "theirs": time_theirs, "ours": time_ours}
    if given.side:
        print(json.dumps(sides[given.side](given)))
        return
    with tempfile.TemporaryDirectory(prefix="faqtune-throughput-") as temporary:
        compare(given, model_folder(given.shape, given.work or Path(temporary)))


if __name__ == "__main__":
    main()
