"""A process that forks trainings to be killed: `python victim.py MODEL SHOP.json RECIPE.json`.

Each line on stdin, `FOLDER EVENT`, forks a training in FOLDER and prints its process id, then its exit
status. At the EVENT-th touch of its files (0: never) the training kills itself with SIGKILL: touches are
the moments just before a file or folder in FOLDER is opened, made, renamed or removed. Forking spares
the import of torch, which takes longer than the training.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from faqtune.model import TextModel, load
from faqtune.recipe import Recipe
from faqtune.records import Catalogue, Entry
from faqtune.train import Example, TrainingData, train

TOUCHES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")


def main(model_folder: str, shop: str, recipe: str) -> None:
    torch.set_num_threads(1)
    model = load(model_folder, max_length_tokens=64, device="cpu")
    data = read_shop(Path(shop))
    plan = Recipe.model_validate_json(Path(recipe).read_text(encoding="utf-8"))
    for line in sys.stdin:
        folder, event = line.rsplit(" ", 1)
        if child := os.fork():
            print(child, flush=True)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        else:
            run(model, data, plan, Path(folder), int(event))
            os._exit(0)


def read_shop(path: Path) -> TrainingData:
    raw = json.loads(path.read_text(encoding="utf-8"))
    entries = tuple(Entry(**{**entry, "questions": tuple(entry["questions"])}) for entry in raw["catalogue"]["entries"])
    return TrainingData(
        Catalogue(entries),
        tuple(Example(**label) for label in raw["labels"]),
        tuple((asked, reply) for asked, reply in raw["dialogues"]),
        tuple(raw["noise"]),
    )


def run(model: TextModel, data: TrainingData, plan: Recipe, folder: Path, event: int) -> None:
    folder.mkdir(exist_ok=True)
    touches = count_touches(folder, event)
    outcome = train(model, data, plan, folder, measure_by(data), Silence())
    digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters())).hexdigest()
    log = [{name: value for name, value in e.items() if name != "seconds"} for e in outcome.history]
    result = {"weights": digest, "best_step": outcome.best_step, "log": log, "touches": touches()}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def count_touches(folder: Path, fatal: int) -> Callable[[], int]:
    """Count from now on; at the `fatal`-th touch die."""
    count = 0

    def watch(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if name in TOUCHES and str(folder) in str(arguments[0]):
            count += 1
            if count == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    return lambda: count


def measure_by(data: TrainingData) -> Callable[[TextModel], dict[str, float]]:
    """How far labelled queries stand above noise: good enough to choose by."""

    def measure(model: TextModel) -> dict[str, float]:
        questions = model.encode(data.catalogue.questions)
        scores = model.encode([label.text for label in data.labels]) @ questions.T
        noise = (model.encode(data.noise) @ questions.T).max(axis=1)
        right = np.array(data.catalogue.owners)[scores.argmax(axis=1)] == [label.row for label in data.labels]
        return {"oscr@5": float(scores.max(axis=1).mean() - noise.mean()), "recall@1": float(right.mean())}

    return measure


class Silence:
    def stage_started(self, *told: object) -> None: ...
    def settled(self, *told: object) -> None: ...
    def stepped(self, *told: object) -> None: ...
    def measured(self, *told: object) -> None: ...
    def mined(self, *told: object) -> None: ...
    def noted(self, *told: object) -> None: ...


if __name__ == "__main__":
    main(*sys.argv[1:])
