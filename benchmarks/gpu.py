"""Training, encoding and memory at the shape of BGE-M3 on one GPU, against sentence-transformers.

    python benchmarks/gpu.py DATA LOG [--texts 20000] [--work FOLDER] [--profile FILE]

DATA holds parsed_data.json; LOG is an output.json. Both sides have the same random weights, texts, pairs, loss (online
contrastive, margin 0.3), AdamW over all weights in float32, matrix products in bfloat16, and run in this process,
one after the other. Before anything is timed both must give the same loss. sentence-transformers encodes at
the best of its batch sizes and of its two ways (autocast, or weights in bfloat16), and trains at the better of
two batch sizes (256 and 1,024 pairs). Seconds are of the wall, the median of the timed steps; memory is the most that
torch's allocator held. `share of the matmul rate`: operations that a step needs (6 for each weight of the layers and
token, padding and the attention's own products left out) by what a product of two 8192 by 8192 matrices in bfloat16
reaches on the same card.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from common import gpu_clock, keep_run
from faqtune.model import TextModel, freeze, unfreeze
from faqtune.recipe import Losses, Recipe, Stage
from faqtune.train.batches import Batch
from faqtune.train.budget import still_to_come_bytes, token_budget
from faqtune.train.engine import batch_loss, learn
from faqtune.train.optimiser import make_optimiser, update
from gpu_card import MAX_LENGTH_TOKENS, alone, matmul_rate, ours
from gpu_encoding import compare_encoding, read_texts
from peer import load_peer, pair_loss, train_seconds
from shapes import BGE_M3, model_folder
from workload import PAIRS_PER_QUERY, load_workload

MARGIN = 0.3
LEARNING_RATE = 5e-6
LOSSES = Losses.model_validate({"online_contrastive": {"weight": 1.0, "margin": MARGIN}})
WARM_UP_STEPS = 2
TIMED_STEPS = 6
THEIR_TIMED_STEPS = 12
QUERIES = (512, 1024, 2048)
PAIRS = (256, 1024)
CHECKED_QUERIES = 2
MOST_DIFFERENCE = 1e-4


def layer_weights(model: TextModel) -> int:
    """Weights of the layers' matrices: each is multiplied once for every token."""
    return sum(p.numel() for name, p in model.named_parameters() if ".layer." in name and p.ndim == 2)


def check(folder: Path, workload: Any) -> dict[str, float]:
    """The loss of the same pairs on both sides, in float32 and without dropout."""
    examples = workload.examples(CHECKED_QUERIES, seed=1)
    theirs = pair_loss(load_peer(folder, "cuda"), list(workload.pairs(examples)), MARGIN)
    batch = workload.batch(examples)
    vectors = torch.tensor(ours(folder, "float32").encode(batch.texts))
    return {"ours": batch_loss(vectors, batch, LOSSES)[1].total, "theirs": theirs}


def train_ours(folder: Path, workload: Any, queries: int, frozen: bool, profile: Path | None = None) -> dict[str, Any]:
    model = ours(folder, "bfloat16")
    freeze(model, embeddings=True) if frozen else unfreeze(model)
    stage = Stage.model_validate({"data": {}, "losses": {}, "learning_rate": LEARNING_RATE})
    budget = token_budget(model, Recipe(stages=[stage]), still_to_come_bytes(model, stage))
    optimiser = make_optimiser(model, stage)
    seconds, tokens, texts = [], [], []
    steps = WARM_UP_STEPS + TIMED_STEPS
    examples = [workload.examples(queries, seed=number) for number in range(steps + 1)]

    @cache
    def batch_of(number: int) -> Batch:
        return workload.batch(examples[number])

    def make(number: int) -> None:
        model.tokenise(batch_of(number).texts)

    def step(number: int) -> None:
        batch = batch_of(number)
        meanwhile = partial(make, number + 1) if number < steps else None  # made ahead, as in a training
        learn(model, batch, LOSSES, budget.at_once, budget.graph, meanwhile=meanwhile)
        update(optimiser, LEARNING_RATE, stage.max_gradient_norm)
        tokens.append(sum(map(len, model.tokenise(batch.texts))))
        texts.append(len(batch.texts))

    for number in range(steps):
        started = gpu_clock()
        step(number)
        seconds.append(gpu_clock() - started)
    if profile is not None:
        keep_profile(partial(step, steps), profile)
    return {
        "pairs_per_step": queries * PAIRS_PER_QUERY,
        "seconds": seconds[WARM_UP_STEPS:],
        "tokens": tokens[WARM_UP_STEPS:steps],
        "texts": texts[WARM_UP_STEPS:steps],
        "at_once_tokens": budget.at_once,
        "graph_tokens": budget.graph,
        "layer_weights": layer_weights(model),
    }


def keep_profile(step: Callable[[], None], path: Path) -> None:
    """Where the time of one step goes, as a table, and as a trace beside it."""
    with torch.profiler.profile() as found:
        step()
        torch.cuda.synchronize()
    table = found.key_averages().table(sort_by="self_cuda_time_total", row_limit=40, max_name_column_width=90)
    path.write_text(table, encoding="utf-8")
    found.export_chrome_trace(str(path.with_suffix(".json.gz")))


def train_theirs(folder: Path, workload: Any, pairs: int) -> dict[str, Any]:
    model = load_peer(folder, "cuda")
    rows = (THEIR_TIMED_STEPS + WARM_UP_STEPS) * pairs
    examples = workload.examples(-(-rows // PAIRS_PER_QUERY), seed=1)
    found = list(workload.pairs(examples))[:rows]
    seconds = train_seconds(
        model,
        found,
        batch_pairs=pairs,
        steps=THEIR_TIMED_STEPS,
        warm_up_steps=WARM_UP_STEPS,
        margin=MARGIN,
        bfloat16=True,
        clock=gpu_clock,
    )
    lengths = [len(ids) for ids in model.tokenizer([text for row in found[-pairs:] for text in row[:2]])["input_ids"]]
    return {"pairs_per_step": pairs, "seconds": seconds, "tokens": [sum(min(n, MAX_LENGTH_TOKENS) for n in lengths)]}


def speed(run: dict[str, Any]) -> float:
    return float(run["pairs_per_step"] / median(run["seconds"]))


def matmul_share(run: dict[str, Any], weights: int, rate: float) -> float:
    return float(6 * weights * median(run["tokens"]) / median(run["seconds"]) / rate)


def compare_training(folder: Path, workload: Any, rate: float, profile: Path | None) -> None:
    runs: dict[str, list[dict[str, Any]]] = {
        "sentence-transformers": list(tried(train_theirs, [(folder, workload, pairs) for pairs in PAIRS])),
        "faqtune, all weights": list(tried(train_ours, [(folder, workload, queries, False) for queries in QUERIES])),
    }
    best = {side: max(found, key=speed) for side, found in runs.items()}
    queries = best["faqtune, all weights"]["pairs_per_step"] // PAIRS_PER_QUERY
    best["faqtune, embeddings frozen"] = alone(train_ours, folder, workload, queries, True, profile)
    weights = best["faqtune, all weights"]["layer_weights"]
    for side, run in best.items():
        row = {
            "side": side,
            "pairs a step": str(run["pairs_per_step"]),
            "pairs/s": f"{speed(run):.0f}",
            "ratio": f"{speed(run) / speed(best['sentence-transformers']):.1f}",
            "tokens/s": f"{median(run['tokens']) / median(run['seconds']):.0f}",
            "share of the matmul rate": f"{100 * matmul_share(run, weights, rate):.1f} %",
            "peak memory, GB": f"{run['peak_bytes'] / 1e9:.1f}",
        }
        details = {"best": run, "tried": runs.get(side, []), "matmul_operations_per_second": rate}
        keep_run("gpu_training", __doc__ or "", side, row, details)


def tried(work: Callable[..., dict[str, Any]], ways: list[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Each way that the memory holds."""
    for given in ways:
        try:
            found = alone(work, *given)
        except torch.OutOfMemoryError:
            print(work.__name__, given[2:], "too little memory", flush=True)
            continue
        print(
            work.__name__, given[2:], f"{speed(found):.0f} pairs/s", f"{found['peak_bytes'] / 1e9:.1f} GB", flush=True
        )
        yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--work", type=Path, help="keep the random model here (default: a temporary folder)")
    parser.add_argument("--profile", type=Path, help="write here where the time of a step goes")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("needs a CUDA device")
    with tempfile.TemporaryDirectory(prefix="faqtune-gpu-") as temporary:
        folder = model_folder(BGE_M3, given.work or Path(temporary))
        workload = load_workload(given.data)
        losses = check(folder, workload)
        print(f"loss: {losses['ours']:.6f} and {losses['theirs']:.6f}", flush=True)
        if not losses["theirs"] or abs(losses["ours"] - losses["theirs"]) > MOST_DIFFERENCE:
            raise SystemExit("the two sides do not compute the same loss; nothing is timed")
        compare_training(folder, workload, matmul_rate(), given.profile)
        compare_encoding(folder, read_texts(given.log, given.texts), __doc__ or "")


if __name__ == "__main__":
    main()
