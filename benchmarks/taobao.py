"""The whole journey on a real Chinese customer-service project in the legacy forms, before and after.

    python benchmarks/taobao.py DATA [--seeds 0 1 2] [--work FOLDER] [--set KEY=VALUE]

DATA holds base2.xlsx, output.json, modified_daily_datasets.json, catalogue.json and gold_dev.jsonl.
Training sees weak labels only; all hand-labelled conversations are in the test part. Reading and
labelling are done once, splitting, training and measuring once per seed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from common import Lines, run_seeds
from faqtune import evaluate_models, ingest_files, init_project, label_queries, make_split, train_model
from faqtune.scorecard import Comparison
from faqtune.stored import write_text
from faqtune.workspace import Workspace


def prepare(data: Path, project: Path, model: str) -> Workspace:
    """A project that is read in and labelled."""
    workspace = Workspace(project)
    if not workspace.config_path.exists():
        init_project(
            workspace,
            (data / "base2.xlsx", data / "output.json"),
            noise=(data / "modified_daily_datasets.json",),
            gold=(data / "gold_dev.jsonl",),
            gold_catalogue=data / "catalogue.json",
            model=model,
        )
    read = ingest_files(workspace, reporter=Lines())
    print(f"{read.entries} entries, {read.conversations} conversations, {read.noise} noise sentences")
    made = label_queries(workspace, reporter=Lines())
    print(f"{made.claims} labels, estimated precision {made.mean_confidence:.3f}, on hand labels {made.precision}")
    return workspace


def one_seed(prepared: Workspace, folder: Path, seed: int, overrides: tuple[str, ...]) -> Comparison:
    """Split, train and measure with one seed, in a copy of the prepared project."""
    shutil.copytree(prepared.root, folder, dirs_exist_ok=True)
    workspace = Workspace(folder)
    text = workspace.config_path.read_text(encoding="utf-8")
    write_text(workspace.config_path, re.sub(r"(?m)^(# )?seed = .*$", f"seed = {seed}", text))
    make_split(workspace)
    train_model(workspace, overrides=(f"seed={seed}", *overrides), reporter=Lines())
    comparison = evaluate_models(workspace, reporter=Lines()).comparison
    assert comparison is not None
    return comparison


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--work", type=Path, help="keep the projects here (default: a temporary folder)")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp(prefix="faqtune-taobao-"))
    prepared = prepare(given.data, work / "prepared", given.model)
    settings = {"model": given.model, "recipe": " ".join(["default", *given.overrides]), "labels": "weak labels only"}
    run_seeds(
        "taobao", given.seeds, lambda s: one_seed(prepared, work / f"seed{s}", s, tuple(given.overrides)), settings
    )


if __name__ == "__main__":
    main()
