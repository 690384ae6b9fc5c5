"""What a rival is given and gives back, as plain files, so that it can live in an environment of its own.

A rival is a script: `python rivals/<name>.py TASK.json FOLDER`. It knows nothing of faqtune. It sees the
training data, the selection part to choose by, and of the test part the catalogue and the texts only, no label.
It leaves in FOLDER either `model/`, a sentence-transformers folder, or `scores.npy`, a score of every test text
with every entry; and `done.json`.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLOCKS = {"cpu": time.process_time, "cuda": time.perf_counter}
"""On a CPU its seconds, which other work does not lengthen; with a GPU seconds of the wall."""
PACKAGES = ("torch", "transformers", "sentence-transformers", "setfit", "FlagEmbedding", "scikit-learn")
Scores = NDArray[np.float32]
MEASUREMENTS = 8
"""How often a training is measured on the selection part, beginning and end not counted."""


@dataclass(frozen=True)
class Part:
    """A catalogue (ids, and the questions of each), and texts to be matched against it.

    `own` is the row of the entry that answers each text, -1 for noise; empty where it is nobody's business.
    """

    ids: list[str]
    questions: list[list[str]]
    texts: list[str]
    own: list[int]


@dataclass(frozen=True)
class Task:
    """Everything that a rival may learn from and choose by. `labels` are (text, entry id)."""

    model: str
    prompt: str
    pooling: str
    max_length_tokens: int
    seed: int
    options: dict[str, str]
    ids: list[str]
    questions: list[list[str]]
    answers: list[str]
    labels: list[tuple[str, str]]
    dialogues: list[tuple[str, str]]
    noise: list[str]
    selection: Part
    test: Part

    def number(self, name: str, default: float) -> float:
        """A setting given behind the method's name."""
        return float(self.options.get(name, default))

    def question_pairs(self) -> list[tuple[str, str, int]]:
        """(text, text of its entry, row of the entry): labels with every question of their entry, and each
        standard question with its siblings, or with the answer if it has none."""
        row = {name: place for place, name in enumerate(self.ids)}
        pairs = [(text, question, row[name]) for text, name in self.labels for question in self.questions[row[name]]]
        for place, questions in enumerate(self.questions):
            siblings = [(one, other, place) for one in questions for other in questions if one != other]
            alone = [(questions[0], self.answers[place], place)] if self.answers[place] else []
            pairs += siblings or alone
        return list(dict.fromkeys(pairs))

    @property
    def epochs(self) -> float:
        """Passes: three over labels and catalogue, one where thousands of dialogues are added to them."""
        return self.number("epochs", 1 if self.dialogue_pairs() else 3)

    def dialogue_pairs(self) -> list[tuple[str, str]]:
        """A customer's turn with the reply that followed; none with the option `labels`."""
        return [] if "labels" in self.options else list(dict.fromkeys(self.dialogues))


@dataclass
class Progress:
    """The way of the selection figures over the time spent since the start, in seconds of `clock`."""

    folder: Path
    clock: Callable[[], float] = field(default_factory=lambda: CLOCKS[device()])
    started: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def seconds(self) -> float:
        return self.clock() - self.started

    def measured(self, step: float, figures: dict[str, float]) -> None:
        self.curve.append({"seconds": round(self.seconds(), 1), "step": step, **figures})
        print(" ".join(f"{name} {value:.4g}" for name, value in self.curve[-1].items()), flush=True)

    def done(self, **facts: Any) -> None:
        """Say that all is written, with the time it took and what was done in which way."""
        spent = {"seconds": round(self.seconds(), 1), "device": device(), "curve": self.curve}
        content = {**spent, "versions": dict(_versions()), **facts}
        (self.folder / "done.json").write_text(json.dumps(content), encoding="utf-8")


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def device() -> str:
    """Where models run: "cuda" if there is one, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def begin() -> tuple[Task, Progress]:
    """Read the task, seed what is random; the time runs from here. Call after the imports."""
    task_path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    content = json.loads(task_path.read_text(encoding="utf-8"))
    parts = {name: Part(**content.pop(name)) for name in ("selection", "test")}
    pairs = {name: [(one, other) for one, other in content.pop(name)] for name in ("labels", "dialogues")}
    task = Task(**content, **pairs, **parts)
    random.seed(task.seed)
    np.random.seed(task.seed)
    folder.mkdir(parents=True, exist_ok=True)
    return task, Progress(folder)


def load_model(task: Task, folder: str = "") -> Any:
    """The base model (or another folder) in float32 with the task's prompt, in sentence-transformers."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.manual_seed(task.seed)
    model = SentenceTransformer(folder or task.model, device=device(), model_kwargs={"dtype": torch.float32})
    model.max_seq_length = task.max_length_tokens
    model.prompts = {"query": task.prompt, "document": task.prompt}
    model.default_prompt_name = "query" if task.prompt else None
    return model


def encoded(model: Any, texts: Sequence[str]) -> Scores:
    """Unit vectors."""
    batch = 256 if device() == "cuda" else 64
    vectors = model.encode(list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(vectors, dtype=np.float32)


def entry_scores(encode: Callable[[Sequence[str]], Scores], part: Part) -> Scores:
    """Cosine of every text with the best question of every entry."""
    flat = [question for questions in part.questions for question in questions]
    starts = np.cumsum([0, *map(len, part.questions[:-1])])
    return np.maximum.reduceat(encode(part.texts) @ encode(flat).T, starts, axis=1)


def figures(scores: Scores, own: Sequence[int]) -> dict[str, float]:
    """recall@1, OSCR@5%: queries answered rightly above all but 5 % of the noise, and AUROC of queries and noise."""
    rows, best, found = np.asarray(own), scores.max(axis=1), scores.argmax(axis=1)
    noise = np.sort(best[rows < 0])[::-1]
    right = (found == rows)[rows >= 0]
    above = best[rows >= 0] > noise[len(noise) * 5 // 100]
    queries = np.sort(best[rows >= 0])
    below, ties = (np.searchsorted(queries, noise, side=side) for side in ("right", "left"))
    auroc = 1 - float((below + ties).mean()) / 2 / len(queries)
    return {"oscr@5": float((right & above).mean()), "recall@1": float(right.mean()), "auroc": auroc}


def selection_figures(encode: Callable[[list[str]], Scores], task: Task) -> dict[str, float]:
    """The figures of a model on the selection part."""
    return figures(entry_scores(encode, task.selection), task.selection.own)


def merit(found: dict[str, float]) -> tuple[float, ...]:
    """What a model is chosen by on the selection part, as faqtune does it: ties are broken by the next figure. More
    than ()."""
    return found["oscr@5"], found["recall@1"], found["auroc"]
