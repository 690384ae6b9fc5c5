"""Quality of faqtune's recipes against every public way to the same end: same splits, same training data.

    python benchmarks/quality.py taobao DATA --work FOLDER [--seeds 0 1 2] [--methods original faqtune:default ...]
    python benchmarks/quality.py taobao DATA --work FOLDER --tables

A method is `name` or `name:option,key=value`: `original`; `faqtune:<recipe>[,stage.1.epochs=1,...]`; and the
rivals of `rivals/`, each of which says there what it does: `st-mnrl`, `flagembedding`, `setfit`, `frozen-lr`.
Rivals run in environments of their own (--python NAME=PATH) and exchange plain files. They are trained on what
`training_data` gives, labels below the default recipe's confidence left out, chosen on the selection part, and
measured like faqtune's models on the test part. Only faqtune, and classifiers with the option `noise`, know how
to learn from noise. Each result is kept in FOLDER as files of its own and is not made again; the tables are built
from all that are there. With `--outcomes outcomes` they are kept beside these scripts, scores without texts, so that
seeds that are trained elsewhere later have intervals together with them. Run it with OMP_NUM_THREADS=1: times are
seconds of the CPU, with a GPU of the wall.
`campaign.py` runs many at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import Lines, machine
from faqtune import train_model
from faqtune.commands.project.assemble import evaluation_set, load_project, selection_set
from faqtune.commands.project.training_set import training_data
from faqtune.evaluate import EvaluationSet, Outcomes, evaluate, general_ability, point_figures
from faqtune.model import TextModel, load, resolve
from faqtune.model.layout import read_layout
from faqtune.records import TEST
from faqtune.runs import DONE, all_runs
from faqtune.stored import write_json
from faqtune.workspace import Workspace
from quality_projects import project_of
from quality_tables import ARRAYS, outcomes_of_scores, results_in, write_result, write_tables
from rivals.exchange import CLOCKS, device

METHODS = ["original", "faqtune:default", "st-mnrl", "flagembedding", "setfit", "frozen-lr"]
SCRIPTS = {
    "st-mnrl": "st_mnrl.py",
    "flagembedding": "flag_dense.py",
    "setfit": "setfit_classes.py",
    "frozen-lr": "frozen_lr.py",
}
MINIMUM_CONFIDENCE = 0.6
"""Of the default recipe: less sure labels are nobody's training data."""


class Timed(Lines):
    """Progress as plain lines, and when each measurement of a training was told."""

    def __init__(self) -> None:
        self.clock = CLOCKS[device()]
        self.started = self.clock()
        self.seconds: list[float] = []

    def say(self, text: str) -> None:
        super().say(text)
        if re.match(r"step \d+: .*oscr@5", text):
            self.seconds.append(round(self.clock() - self.started, 1))


@dataclass
class Case:
    """A project with its parts, and the base model that all methods begin with."""

    workspace: Workspace
    seed: int

    def __post_init__(self) -> None:
        self.project = load_project(self.workspace)
        self.selection, self.test = selection_set(self.project), evaluation_set(self.project, TEST)
        self.base = resolve(self.workspace.config().model.base)
        self.layout = read_layout(self.base.folder, self.base.name)

    def encoder(self, folder: Path) -> TextModel:
        """A model as it is measured: exactly, with the prompt, pooling and length of the project's base."""
        length = self.workspace.config().model.max_length_tokens
        pooling, prompt = self.layout.pooling, self.layout.prompt
        return load(folder, max_length_tokens=length, prompt=prompt, pooling=pooling, precision="float32")

    def task(self, options: dict[str, str]) -> dict[str, Any]:
        """What a rival is given; see `rivals/exchange.py`."""
        data = training_data(self.workspace, self.project, self.workspace.pairs()).confident(MINIMUM_CONFIDENCE)
        entries = data.catalogue.entries
        return {
            "model": str(self.base.folder),
            "prompt": self.layout.prompt,
            "pooling": self.layout.pooling,
            "max_length_tokens": self.workspace.config().model.max_length_tokens,
            "seed": self.seed,
            "options": options,
            "ids": [entry.id for entry in entries],
            "questions": [entry.questions for entry in entries],
            "answers": [entry.answer for entry in entries],
            "labels": [(example.text, entries[example.row].id) for example in data.labels],
            "dialogues": data.dialogues,
            "noise": data.noise,
            "selection": part_of(self.selection, labelled=True),
            "test": part_of(self.test, labelled=False),
        }


def part_of(data: EvaluationSet, *, labelled: bool) -> dict[str, Any]:
    """Queries, then noise; whose they are only where models are chosen."""
    return {
        "ids": [entry.id for entry in data.catalogue],
        "questions": [entry.questions for entry in data.catalogue],
        "texts": [*(query.text for query in data.positives), *(noise.text for noise in data.negatives)],
        "own": [*data.entry_rows.tolist(), *[-1] * len(data.negatives)] if labelled else [],
    }


def parsed(method: str) -> tuple[str, list[str]]:
    """The name of a method and the options behind it, parted by the commas that are in no brackets."""
    name, _, options = method.partition(":")
    return name, [option for option in re.split(r",(?![^\[]*\])", options) if option]


def run_original(case: Case, given: argparse.Namespace, method: str) -> dict[str, Any]:
    return measured(case, case.base.folder) | {"seconds": 0.0, "curve": []}


def run_faqtune(case: Case, given: argparse.Namespace, method: str) -> dict[str, Any]:
    import faqtune.train  # noqa: F401 - so that importing it is not timed

    recipe, *overrides = parsed(method)[1]
    # A resumed training would seem to take less time.
    for run in list(all_runs(case.workspace)):
        if run.status != DONE:
            shutil.rmtree(run.folder)
    reporter = Timed()
    trained = train_model(
        case.workspace, recipe=recipe, overrides=(f"seed={case.seed}", *overrides), force=True, reporter=reporter
    )
    seconds = reporter.clock() - reporter.started
    shutil.rmtree(trained.run.folder / "checkpoints", ignore_errors=True)
    lines = (trained.run.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    told = [event for event in map(json.loads, lines) if event["event"] == "measured"]
    curve = [
        {"seconds": at, "step": event["step"], **{name: event["figures"][name] for name in ("oscr@5", "recall@1")}}
        for at, event in zip(reporter.seconds, told, strict=True)
    ]
    facts = {"seconds": round(seconds, 1), "device": device(), "curve": curve, "best_step": trained.best_step}
    facts |= {"merged": trained.run.facts["merged"]} if "merged" in trained.run.facts else {}
    return measured(case, trained.run.model_path) | facts


def run_rival(case: Case, given: argparse.Namespace, method: str) -> dict[str, Any]:
    """Hand a rival its task, wait, and measure what it left."""
    name, options = parsed(method)
    folder = case.workspace.root / "rivals" / slug(method)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    task = case.task({key: value for key, _, value in (option.partition("=") for option in options)})
    write_json(folder / "task.json", task)
    _start(name, [str(folder / "task.json"), str(folder)], given)
    done = json.loads((folder / "done.json").read_text(encoding="utf-8"))
    if (scores := folder / "scores.npy").exists():
        return kept(outcomes_of_scores(method, np.load(scores), case.test)) | done
    return measured(case, folder / "model") | done


def _start(name: str, arguments: list[str], given: argparse.Namespace) -> None:
    """Run a rival's script: in the environment that was given for it, or else, if asked for, in this process."""
    pythons = dict(pair.split("=", 1) for pair in given.python)
    script = str(Path(__file__).parent / "rivals" / SCRIPTS[name])
    if given.in_process and name not in pythons:
        sys.argv = [script, *arguments]
        sys.path.insert(0, str(Path(script).parent))
        runpy.run_path(script, run_name="__main__")
        return
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": ""}
    subprocess.run([pythons.get(name, sys.executable), script, *arguments], check=True, env=environment)


def measured(case: Case, folder: Path) -> dict[str, Any]:
    """What a model did on the test part, its figures on both, and its general ability."""
    encoder = case.encoder(folder)
    ability = general_ability(encoder)
    return kept(evaluate(encoder, case.test)) | {
        "selection": point_figures(evaluate(encoder, case.selection)),
        "general": {"auroc": ability.auroc, **ability.by_language},
    }


def kept(outcomes: Outcomes) -> dict[str, Any]:
    return {
        "test": point_figures(outcomes),
        "outcomes": {name: getattr(outcomes, name) for name in ARRAYS},
        "digest": outcomes.data.digest(),
    }


RUNS: dict[str, Callable[[Case, argparse.Namespace, str], dict[str, Any]]] = {
    "original": run_original, "faqtune": run_faqtune, **dict.fromkeys(SCRIPTS, run_rival)
}  # fmt: skip


def slug(method: str) -> str:
    return re.sub(r"[^\w.@-]+", "_", method)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_set", choices=("taobao", "clinc150", "insurance"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="projects are kept here, and results")
    parser.add_argument("--outcomes", type=Path, help="keep results here instead, for later seeds")
    parser.add_argument("--prepared", type=Path, help="a labelled taobao project (default: made in the work folder)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--per-entry", type=int, default=20, help="labelled queries an intent of clinc150")
    parser.add_argument("--hand-labels", type=float, default=0.0, help="share of taobao's hand labels that train")
    parser.add_argument("--python", action="append", default=[], metavar="METHOD=PATH")
    parser.add_argument("--tables", action="store_true", help="only build the tables from what is there")
    given = parser.parse_args()
    given.in_process = False
    of_clinc150 = f"-{given.per_entry}" if given.data_set == "clinc150" and given.per_entry != 20 else ""
    name = given.data_set + of_clinc150 + ("-hand" if given.hand_labels else "")
    results = (given.outcomes or given.work / "results") / name
    cases: dict[int, Case] = {}

    def case_of(seed: int) -> Case:
        if seed not in cases:
            folder = given.work / name / f"seed{seed}"
            prepared = given.prepared or given.work / "prepared"
            made = project_of(given.data_set, given.data, folder, seed, given.per_entry, prepared, given.hand_labels)
            cases[seed] = Case(made, seed)
        return cases[seed]

    for seed in given.seeds if not given.tables else ():
        for method in given.methods:
            path = results / f"seed{seed}" / f"{slug(method)}.json"
            if path.exists():
                continue
            print(f"== {name}, seed {seed}, {method}", flush=True)
            found = RUNS[parsed(method)[0]](case_of(seed), given, method)
            write_result(path, {"method": method, "seed": seed, "machine": machine(), **found})
    write_tables(name, results_in(results), lambda seed: case_of(seed).test)


if __name__ == "__main__":
    main()
