"""From the kept results of `quality.py` to tables: figures and paired differences."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from common import RESULTS, table_of
from faqtune.evaluate import EvaluationSet, Outcomes
from faqtune.evaluate.figures import figures
from faqtune.evaluate.intervals import interval
from faqtune.evaluate.tallies import Counts
from faqtune.stored import write_json, write_text
from pooled import Spread, Statistic, pooled
from quality_times import OURS, Result, where

SHOWN = ("recall@1", "auroc", "fpr95", "oscr@1", "oscr@5", "oscr@10")
LANGUAGES = {"general": "auroc", "general zh": "zh", "general en": "en"}
"""Columns of general ability: over all pairs, and over those of a language."""
ARRAYS = {"ranks": np.int64, "best": np.int64, "scores": np.float32, "related": np.float32, "noise_scores": np.float32}

ABOUT = """\
All methods: the same split, the same training data, chosen on the selection part, measured on the test part by
faqtune's own evaluation. Figures in %; `general` is the loss of AUROC on everyday sentence pairs against the
original, in points (models only): over all pairs, and within Chinese and within English. `seeds` says which were
trained on a GPU and which on a CPU. Intervals: paired bootstrap by conversation, 95 %; a conversation has one weight
in a resample, for all methods and all seeds that it is a test of. Of a mean over seeds it is that of the mean
difference, and covers the choice of test queries, not the chance in training, which the range over seeds shows."""


def outcomes_of_scores(model: str, scores: np.ndarray[Any, Any], data: EvaluationSet) -> Outcomes:
    """Outcomes of whatever scores every text (queries, then noise) with every entry; ties keep the catalogue's order.

    A score of a classifier stands in the place of a cosine: only its order counts in the figures.
    """
    queries = len(data.positives)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    found = order[:queries] == data.entry_rows[:, None]
    ranks = np.where(found.any(axis=1), found.argmax(axis=1) + 1, 0)
    best = scores.max(axis=1)
    own = scores[np.arange(queries), data.entry_rows]
    return Outcomes(model, data, ranks, order[:queries, 0], best[:queries], own, best[queries:])


def write_result(path: Path, result: Result) -> None:
    """Keep a result: its scores of the test texts as `.npz`, then all else as JSON, without which it is not there."""
    arrays = {name: np.asarray(result["outcomes"][name], kind) for name, kind in ARRAYS.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]
    write_json(path, {key: value for key, value in result.items() if key != "outcomes"})


def read_result(path: Path) -> Result:
    """What `write_result` kept."""
    result: Result = json.loads(path.read_text(encoding="utf-8"))
    with np.load(path.with_suffix(".npz")) as arrays:
        return result | {"outcomes": dict(arrays)}


def results_in(folder: Path) -> list[Result]:
    """All results of a data set."""
    return [read_result(path) for path in sorted(folder.glob("seed*/*.json"))]


def write_tables(name: str, results: list[Result], test_of: Callable[[int], EvaluationSet]) -> None:
    """Put the results of a data set into `benchmarks/results/quality_<name>.{json,md}`, and print the tables."""
    by_method: dict[str, dict[int, Result]] = {}
    for result in results:
        by_method.setdefault(result["method"], {})[result["seed"]] = result
    methods = dict(sorted(by_method.items(), key=lambda item: _order(item[0])))
    tests = {seed: test_of(seed) for seed in sorted({r["seed"] for r in results})}
    spreads = pooled({(r["method"], r["seed"]): (r["seed"], _shown(r, tests[r["seed"]])) for r in results}, tests)
    parts = [
        "## Figures, mean over seeds",
        table_of([_figures_row(method, list(seeds.values()), methods) for method, seeds in methods.items()]),
        "## Against the original, points",
        table_of([_against(method, "original", methods, spreads) for method in methods if method != "original"]),
    ]
    least = len(methods.get(OURS, {}))
    # Beside the recipe itself what was measured of it on more seeds.
    for ours in [m for m, seeds in methods.items() if m == OURS or (m.startswith(OURS) and len(seeds) > least)]:
        shared = [rival for rival, seeds in methods.items() if seeds.keys() & methods[ours].keys()]
        rows = [_against(ours, rival, methods, spreads) for rival in shared if rival not in (ours, "original")]
        parts += [f"## {ours} minus each other, points", table_of(rows)] if rows else []
    for seed in sorted({result["seed"] for result in results}):
        there = {method: seeds[seed] for method, seeds in methods.items() if seed in seeds}
        rows = [_figures_row(method, [result], methods) for method, result in there.items()]
        parts += [f"## Seed {seed}", table_of(rows)]
    machines = {json.dumps(result["machine"]): result["machine"] for result in results}
    facts = "\n".join(
        "- " + ", ".join(f"{key}: {value}" for key, value in found.items()) for found in machines.values()
    )
    text = "\n\n".join([f"# quality, {name}", ABOUT, *parts, facts])
    write_text(RESULTS / f"quality_{name}.md", f"{text}\n")
    light = [{key: value for key, value in result.items() if key != "outcomes"} for result in results]
    write_json(RESULTS / f"quality_{name}.json", {"benchmark": f"quality_{name}", "results": light})
    print(f"\n{text}", flush=True)


def _order(method: str) -> tuple[int, str]:
    return (0 if method == "original" else 1 if method.startswith("faqtune") else 2), method


def _shown(result: Result, data: EvaluationSet) -> Statistic:
    """Each shown figure by the counts of the rows of its test. Raises ValueError for a result of other data."""
    if result["digest"] != data.digest():
        raise ValueError(
            f"{result['method']}, seed {result['seed']}: measured on other data; remove it and measure again"
        )
    outcomes = Outcomes(result["method"], data, **result["outcomes"])

    def shown(counts: Counts) -> Spread:
        found = figures(outcomes, counts)
        return {name: found[name] for name in SHOWN if name in found}

    return shown


def _figures_row(method: str, results: list[Result], methods: dict[str, dict[int, Result]]) -> dict[str, str]:
    row = {"method": method, "seeds": _seeds(results)}
    for name in SHOWN:
        values = [result["test"][name] for result in results if name in result["test"]]
        row[name] = f"{100 * fmean(values):.1f}" if values else ""
    originals = methods.get("original", {})
    both = [(originals[r["seed"]], r) for r in results if "general" in r and r["seed"] in originals]
    for column, key in LANGUAGES.items():
        drops = [original["general"][key] - result["general"][key] for original, result in both]
        row[column] = f"{100 * fmean(drops):.1f}" if drops else ""
    return row


def _seeds(results: Iterable[Result]) -> str:
    """Which seeds were measured, on what kind of machine: `0, 1 on GPU; 2 on CPU`."""
    on: dict[str, list[str]] = {}
    for result in sorted(results, key=lambda result: result["seed"]):
        on.setdefault(where(result), []).append(str(result["seed"]))
    return "; ".join(f"{', '.join(seeds)} on {kind}" for kind, seeds in on.items())


def _against(
    method: str, other: str, methods: dict[str, dict[int, Result]], spreads: dict[tuple[str, int], Spread]
) -> dict[str, str]:
    """Mean over the seeds that both have, of the first minus the second."""
    seeds = sorted(methods[method].keys() & methods.get(other, {}).keys())
    row = {"method": method if other == "original" else f"- {other}", "seeds": str(len(seeds))}
    for name in SHOWN:
        pairs = [(spreads[method, seed], spreads[other, seed]) for seed in seeds]
        if not pairs or any(name not in one or name not in two for one, two in pairs):
            row[name] = ""
            continue
        values = [methods[method][seed]["test"][name] - methods[other][seed]["test"][name] for seed in seeds]
        low, high = interval(np.mean([one[name] - two[name] for one, two in pairs], axis=0))
        over = f", {100 * min(values):+.1f} to {100 * max(values):+.1f}" if len(values) > 1 else ""
        row[name] = f"{100 * fmean(values):+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]{over}"
    return row
