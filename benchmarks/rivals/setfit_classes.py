"""SetFit: the encoder is trained on pairs of the same and of different classes, then a logistic regression on it.

An entry is a class, its standard questions are examples, the probability is the score. As in its paper 20 pairs of
each kind an example, fewer where that would be more than 130,000 pairs. The package keeps the last encoder; here the
best of all measurements on the selection part is kept, and the regression's strength is chosen on it too.
In float32, its default.
Options: `noise` (training noise as one more class, which answers nothing), `lr`, `pairs`, `batch`.
"""

from __future__ import annotations

import math
import tempfile
from typing import Any

import numpy as np
from datasets import Dataset
from exchange import Progress, Scores, Task, begin, encoded, figures, load_model, merit
from heads import NOISE, class_scores
from setfit import SetFitModel, Trainer, TrainingArguments
from sklearn.linear_model import LogisticRegression
from transformers import TrainerCallback

STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
ITERATIONS, MOST_PAIRS, MEASUREMENTS = 20, 130_000, 5


class OnSelection(TrainerCallback):
    """The selection figures on the way, with a regression of middling strength, and the best weights."""

    def __init__(self, task: Task, progress: Progress, encode: Any, body: Any) -> None:
        self.task, self.progress, self.encode, self.body = task, progress, encode, body
        self.best, self.weights = (), {}

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step % max(1, state.max_steps // MEASUREMENTS) and state.global_step != state.max_steps:
            return
        self.body.eval()
        scores = class_scores(self.encode, self.task, self.task.selection, STRENGTHS[1])
        self.body.train()
        found = figures(scores, self.task.selection.own)
        self.progress.measured(state.global_step, found)
        if merit(found) > self.best:
            self.best = merit(found)
            self.weights = {name: value.clone() for name, value in self.body.state_dict().items()}


def main() -> None:
    task, progress = begin()
    body = load_model(task)
    body.default_prompt_name = None  # SetFit trains without a prompt: it is written into the texts instead.

    def encode(texts: list[str]) -> Scores:
        return encoded(body, [task.prompt + text for text in texts])

    examples = list(task.labels)
    examples += [(q, name) for name, asked in zip(task.ids, task.questions, strict=True) for q in asked]
    if "noise" in task.options:
        examples += [(text, NOISE) for text in task.noise]
    pairs = int(task.number("pairs", MOST_PAIRS))
    iterations = max(1, min(ITERATIONS, pairs // (2 * len(examples))))
    batch = int(task.number("batch", 64))
    column = {name: place for place, name in enumerate(dict.fromkeys(name for _, name in examples))}
    data = {"text": [task.prompt + text for text, _ in examples], "label": [column[name] for _, name in examples]}
    with tempfile.TemporaryDirectory(dir=progress.folder) as folder:
        settings = TrainingArguments(
            output_dir=folder,
            seed=task.seed,
            batch_size=batch,
            num_epochs=1,
            num_iterations=iterations,
            # As many as that is. Without it the sampler lists all pairs that there are: with 13,500 examples 91
            # million, for which 24 GB of memory are not enough.
            max_steps=math.ceil(2 * iterations * len(examples) / batch),
            body_learning_rate=task.number("lr", 2e-5),
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            show_progress_bar=False,
        )
        watch = OnSelection(task, progress, encode, body)
        trainer = Trainer(
            model=SetFitModel(model_body=body, model_head=LogisticRegression()),
            args=settings,
            train_dataset=Dataset.from_dict(data),
            callbacks=[watch],
        )
        trainer.train_embeddings(data["text"], data["label"], args=settings)
    body.load_state_dict(watch.weights)
    body.eval()
    best, chosen = (), STRENGTHS[0]
    for strength in STRENGTHS:
        found = figures(class_scores(encode, task, task.selection, strength), task.selection.own)
        progress.measured(trainer.st_trainer.state.global_step, found)
        if merit(found) > best:
            best, chosen = merit(found), strength
    seconds = progress.seconds()
    np.save(progress.folder / "scores.npy", class_scores(encode, task, task.test, chosen))
    progress.done(seconds=round(seconds, 1), strength=chosen, iterations=iterations, examples=len(examples))


if __name__ == "__main__":
    main()
