"""What hand labels are worth: chosen by the annotation queue against chosen at random, at the same amounts.

    python benchmarks/annotation.py taobao DATA --work FOLDER [--seeds 0 1 2 3 4] [--amounts 50 100] [--recipe default]
    python benchmarks/annotation.py clinc150 DATA --work FOLDER [--amounts 100 200 300]
    python benchmarks/annotation.py taobao DATA --work FOLDER --tables

DATA is the data set's folder (see taobao.py, clinc150.py). Of taobao's 300 hand labels `--test` are the test of a
seed, whole conversations, the same for every strategy and amount; the rest are the pool that people are simulated to
label. Their conversations all belong to the training part, labelled or not, so that only labels differ. On CLINC150,
which has no replies and so no weak labels, the pool is 1,000 messages (annotation_clinc150.py). The queue chooses as
`faqtune annotate` does before any tuning, with its random share left out: that share tests, and does not train. Each
training is kept in FOLDER as a file of its own and not made again. Run it with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from annotation_project import Simulation, simulation_of
from annotation_tables import write_tables
from common import Lines, machine

ALONE = ("base", "weak", "all")
"""No training; weak labels only, where there are any; all of the pool."""


@dataclass(frozen=True)
class Arm:
    """One training: of a seed, with so many labels chosen in one way."""

    seed: int
    strategy: str
    amount: int

    @property
    def name(self) -> str:
        return self.strategy if self.strategy in ALONE else f"{self.strategy}-{self.amount}"


def run(arm: Arm, given: argparse.Namespace) -> None:
    """Train and measure, unless it has been done."""
    path = results_of(given) / f"seed{arm.seed}" / f"{arm.name}.json"
    if path.exists():
        return
    from faqtune.stored import write_json

    simulation = simulation_of(given.data_set, given.data, given.work, arm.seed, given.test)
    print(f"== {given.recipe}, seed {arm.seed}, {arm.name}", flush=True)
    started = time.process_time()
    found = measured(arm, simulation, given)
    write_json(
        path,
        {
            "seed": arm.seed,
            "strategy": arm.strategy,
            "amount": arm.amount,
            "recipe": given.recipe,
            "seconds": round(time.process_time() - started, 1),
            "machine": machine(),
            **found,
        },
    )


def measured(arm: Arm, simulation: Simulation, given: argparse.Namespace) -> dict[str, Any]:
    """What the model of an arm does on the test."""
    from faqtune import train_model
    from faqtune.commands.project.assemble import evaluation_set, load_project
    from faqtune.commands.project.models import load_model
    from faqtune.evaluate import evaluate, point_figures
    from faqtune.records import TEST

    chosen = simulation.chosen(arm.strategy, arm.amount)
    workspace = simulation.with_labels(given.work / "arms" / f"{arm.seed}-{arm.name}-{os.getpid()}", chosen)
    name, facts = simulation.model, {}
    if arm.strategy != "base":
        overrides = (f"seed={arm.seed}", *given.overrides)
        trained = train_model(workspace, recipe=given.recipe, overrides=overrides, reporter=Lines())
        name, facts = trained.run.name, {"best_step": trained.best_step, "selection": trained.after}
    outcomes = evaluate(load_model(workspace, name, Lines(), exact=True), evaluation_set(load_project(workspace), TEST))
    arrays = ("ranks", "best", "scores", "related", "noise_scores")
    shutil.rmtree(workspace.root)
    return {
        "with_entry": sum(simulation.truth[query].entry is not None for query in chosen),
        "entries": len({simulation.truth[query].entry for query in chosen} - {None}),
        "test": point_figures(outcomes),
        "outcomes": {name: getattr(outcomes, name).tolist() for name in arrays},
        "digest": outcomes.data.digest(),
        **facts,
    }


def results_of(given: argparse.Namespace) -> Path:
    return Path(given.work) / "results" / f"annotation-{given.data_set}-{given.recipe}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_set", choices=("taobao", "clinc150"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="projects and results are kept here")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--amounts", type=int, nargs="+", default=[50, 100, 150])
    parser.add_argument("--test", type=int, default=100, help="hand labels that are the test of a seed")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once")
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto")
    parser.add_argument("--tables", action="store_true", help="only build the tables from what is there")
    given = parser.parse_args()
    if given.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    arms = [
        arm
        for seed in given.seeds
        for arm in (
            *(Arm(seed, strategy, 0) for strategy in ALONE if strategy != "weak" or given.data_set == "taobao"),
            *(Arm(seed, strategy, amount) for amount in given.amounts for strategy in ("random", "queue")),
        )
    ]
    if not given.tables:
        for seed in given.seeds:
            simulation_of(given.data_set, given.data, given.work, seed, given.test)
        with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
            for done in [pool.submit(run, arm, given) for arm in arms]:
                done.result()
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(results_of(given).glob("seed*/*.json"))]
    write_tables(
        given.data_set,
        found,
        lambda seed: simulation_of(given.data_set, given.data, given.work, seed, given.test),
        given.recipe,
    )


if __name__ == "__main__":
    main()
