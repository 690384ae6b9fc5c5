"""From the kept trainings of `annotation.py` to tables, with paired intervals."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from statistics import fmean
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from annotation_project import Simulation
from common import RESULTS, table_of
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.evaluate import EvaluationSet, Outcomes
from faqtune.evaluate.figures import figures
from faqtune.evaluate.intervals import interval
from faqtune.records import TEST
from faqtune.stored import write_json, write_text
from pooled import Spread, Statistic, pooled
from quality_tables import ARRAYS

SHOWN = ("oscr@5", "oscr@10", "recall@1", "auroc")

ABOUT = {
    "taobao": """\
Hand labels of the pool, simulated: how much they add, and whether it matters which are labelled. Of taobao's 300 hand
labels a seed keeps about 100 for the test, whole conversations; about 200 are the pool. `base`: the untrained model.
`weak`: tuned on the rules' labels, without any hand label. `random-N`, `queue-N`: with N labels of the pool beside
them. `all`: with the whole pool, where both strategies meet. Figures in %, mean over seeds, each seed with a test of
its own: arms with other seeds are not to be compared by their means, but by the differences.""",
    "clinc150": """\
Labels of a pool of 1,000 messages, simulated: how much they add, and whether it matters which are labelled. Intents
are drawn with frequencies that differ as in a company's logs, a twentieth of the pool is out of scope; pool,
frequencies and training differ by seed, the test (3,000 queries of all intents alike, 520 out of scope) does not.
`base`: the untrained model. `random-N`, `queue-N`: with N labels, and no other. `all`: with the whole pool. Figures
in %, mean over seeds.""",
}

DIFFERENCES = """\
Differences in points: mean over seeds, with the paired bootstrap's 95 % interval by conversation of that mean (the
chance in training is not in it) and the range over seeds."""

STAND_IN = """\
The page's learning curve comes from a stand-in: the untrained model turned by one matrix, which weak and hand labels
fix (`faqtune.annotate.standin`). Does it rank the arms as trainings do? Spearman's rank correlation of OSCR@5% over the
arms of a seed, and OSCR@5% without and with all of the pool."""

Result = dict[str, Any]


def write_tables(data_set: str, results: list[Result], simulation_of: Callable[[int], Simulation], recipe: str) -> None:
    """Put all results into `benchmarks/results/annotation_<data set>_<recipe>.{json,md}`, and print the tables."""
    tests = {
        seed: evaluation_set(load_project(simulation_of(seed).workspace), TEST) for seed in {r["seed"] for r in results}
    }
    arms: dict[str, dict[int, Result]] = defaultdict(dict)
    for result in sorted(results, key=lambda r: (r["strategy"] == "all", r["amount"], r["strategy"])):
        arms[_name(result)][result["seed"]] = result
    spreads = pooled({(_name(r), r["seed"]): (r["seed"], _shown(r, tests[r["seed"]])) for r in results}, tests)
    amounts = sorted({r["amount"] for r in results if r["amount"]})
    # Without weak labels, labels are all that there is to train on.
    before = "weak" if "weak" in arms else "base"
    gains = [name for name in arms if name not in ("base", "weak")]
    pairs = [(f"queue-{n}", f"random-{n}") for n in amounts]
    parts = [
        f"# annotation, {data_set}, {recipe}",
        f"{ABOUT[data_set]}\n{DIFFERENCES}",
        "## Figures",
        table_of([_figures(name, seeds) for name, seeds in arms.items()]),
        f"## What labels add to {'weak labels' if before == 'weak' else 'the untrained model'}",
        table_of([_against(name, before, arms, spreads) for name in gains]),
        "## The queue against chance",
        table_of([_against(*pair, arms, spreads) for pair in pairs if set(pair) <= arms.keys()]),
    ]
    if before == "weak":
        compared = [_stand_in(seed, arms, simulation_of(seed)) for seed in sorted(tests)]
        parts += ["## The stand-in against trainings", STAND_IN, table_of(compared)]
    text = "\n\n".join([*parts, _facts(results)]) + "\n"
    name = f"annotation_{data_set}_{recipe}"
    write_text(RESULTS / f"{name}.md", text)
    light = [{key: value for key, value in result.items() if key != "outcomes"} for result in results]
    write_json(RESULTS / f"{name}.json", {"benchmark": name, "results": light})
    print(text, flush=True)


def _name(result: Result) -> str:
    return result["strategy"] + (f"-{result['amount']}" if result["amount"] else "")


def _shown(result: Result, data: EvaluationSet) -> Statistic:
    """Each shown figure by the counts of the rows of its test. Raises ValueError for a result of other data."""
    if result["digest"] != data.digest():
        raise ValueError(f"{_name(result)}, seed {result['seed']}: measured on other data; remove it and measure again")
    arrays: dict[str, Any] = {name: np.array(result["outcomes"][name], dtype=kind) for name, kind in ARRAYS.items()}
    outcomes = Outcomes(_name(result), data, **arrays)

    def shown(counts: Any) -> Spread:
        found = figures(outcomes, counts)
        return {name: found[name] for name in SHOWN}

    return shown


def _figures(name: str, seeds: dict[int, Result]) -> dict[str, str]:
    row = {"arm": name, "seeds": str(len(seeds))}
    row["with an entry"] = f"{fmean(r['with_entry'] for r in seeds.values()):.0f}"
    row["distinct entries"] = f"{fmean(r['entries'] for r in seeds.values()):.0f}"
    for figure in SHOWN:
        row[figure] = f"{100 * fmean(r['test'][figure] for r in seeds.values()):.1f}"
    row["CPU seconds"] = f"{fmean(r['seconds'] for r in seeds.values()):.0f}"
    return row


def _against(
    one: str, other: str, arms: dict[str, dict[int, Result]], spreads: dict[tuple[str, int], Spread]
) -> dict[str, str]:
    """Mean over the seeds that both have, of the first minus the second."""
    seeds = sorted(arms[one].keys() & arms[other].keys())
    row = {"difference": f"{one} - {other}", "seeds": str(len(seeds))}
    for figure in SHOWN:
        values = [100 * (arms[one][seed]["test"][figure] - arms[other][seed]["test"][figure]) for seed in seeds]
        spread = np.mean([spreads[one, seed][figure] - spreads[other, seed][figure] for seed in seeds], axis=0)
        low, high = interval(100 * spread)
        row[figure] = f"{fmean(values):+.1f} [{low:+.1f}, {high:+.1f}], {min(values):+.1f} to {max(values):+.1f}"
    return row


def _stand_in(seed: int, arms: dict[str, dict[int, Result]], simulation: Simulation) -> dict[str, str]:
    """How the stand-in of one seed goes with its trainings."""
    stand_ins, size = simulation.stand_ins(), len(simulation.pool)
    key = {"weak": "random-0", "all": f"all-{size}"}
    names = [name for name, seeds in arms.items() if seed in seeds and key.get(name, name) in stand_ins]
    ours = [stand_ins[key.get(name, name)] for name in names]
    trained = [arms[name][seed]["test"]["oscr@5"] for name in names]
    row = {"seed": str(seed), "arms": str(len(names))}
    row["rank correlation"] = f"{spearmanr(ours, trained).statistic:+.2f}" if len(names) > 2 else ""
    for name in ("weak", "all"):
        if name in names:
            place = names.index(name)
            row[f"stand-in, {name}"] = f"{100 * ours[place]:.1f}"
            row[f"trained, {name}"] = f"{100 * trained[place]:.1f}"
    return row


def _facts(results: list[Result]) -> str:
    machines = {json.dumps(result["machine"]): result["machine"] for result in results}
    return "\n".join("- " + ", ".join(f"{key}: {value}" for key, value in m.items()) for m in machines.values())
