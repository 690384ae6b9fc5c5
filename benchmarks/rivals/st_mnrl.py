"""sentence-transformers as its documentation recommends: MultipleNegativesRankingLoss on pairs with hard negatives.

Negatives from `mine_hard_negatives`, no text twice in a batch, the best of all measurements on the selection part
is kept (in memory, which is faster than the trainer's own way over files). Pairs that the margin leaves too few
negatives are trained on without. On a GPU in bfloat16, as its documentation advises where a GPU has it; on a CPU in
float32, its default, and with the option `bf16` in bfloat16.
Options: `labels` (no dialogues), `bf16`, `lr`, `epochs`, `batch`, `negatives`, `margin`, `scale`, `gist`.
"""

from __future__ import annotations

import tempfile
from typing import Any

from datasets import Dataset
from exchange import MEASUREMENTS, Progress, Task, begin, device, encoded, load_model, merit, selection_figures
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator
from sentence_transformers.sentence_transformer.losses import GISTEmbedLoss, MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.training_args import BatchSamplers, MultiDatasetBatchSamplers
from sentence_transformers.util import mine_hard_negatives

RELATIVE_MARGIN, RANGE_MAX = 0.05, 50


class OnSelection(SentenceEvaluator):  # type: ignore[misc]
    """The selection figures on the way, and the best weights."""

    def __init__(self, task: Task, progress: Progress) -> None:
        super().__init__()
        self.task, self.progress = task, progress
        self.best, self.weights = (), {}

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        # The trainer's forward computes in its own precision; models are measured in float32.
        trainers = vars(model).pop("forward", None)
        found = selection_figures(lambda texts: encoded(model, texts), self.task)
        if trainers is not None:
            model.forward = trainers
        self.progress.measured(steps, found)
        if merit(found) > self.best:
            self.best = merit(found)
            self.weights = {name: value.clone() for name, value in model.state_dict().items()}
        return found


def with_negatives(
    model: Any, pairs: list[tuple[str, str]], corpus: list[str], wanted: int, margin: float
) -> dict[str, Dataset]:
    """The pairs in two sets, with `wanted` hard negatives and without."""
    both = Dataset.from_dict({"anchor": [a for a, _ in pairs], "positive": [p for _, p in pairs]})
    mined = mine_hard_negatives(
        both,
        model,
        corpus=corpus,
        relative_margin=margin,
        num_negatives=wanted,
        range_max=RANGE_MAX,
        sampling_strategy="top",
        output_format="n-tuple",
        batch_size=64,
        verbose=False,
    )
    done = set(zip(mined["anchor"], mined["positive"], strict=True))
    rest = both.filter(lambda row: (row["anchor"], row["positive"]) not in done)
    return {"mined": mined, "plain": rest}


def datasets(task: Task, model: Any) -> dict[str, Dataset]:
    """Pairs of the catalogue and of dialogues; negatives come from questions and from replies."""
    wanted = int(task.number("negatives", 1 if "gist" in task.options else 3))
    pairs = [(one, other) for one, other, _ in task.question_pairs()]
    answers = {answer for answer in task.answers if answer}
    found = {}
    groups = {
        "question": ([p for p in pairs if p[1] not in answers], [q for entry in task.questions for q in entry]),
        "answer": ([p for p in pairs if p[1] in answers], sorted(answers)),
        "dialogue": (task.dialogue_pairs(), list(dict.fromkeys(reply for _, reply in task.dialogue_pairs()))),
    }
    for name, (group, corpus) in groups.items():
        if group:
            mined = with_negatives(model, group, corpus, wanted, task.number("margin", RELATIVE_MARGIN))
            found |= {f"{name}-{kind}": made for kind, made in mined.items()}
    return {name: made for name, made in found.items() if len(made)}


def loss_of(task: Task, model: Any) -> Any:
    """The loss that the documentation names first; with the option `gist` the one whose guide, the untrained model,
    leaves out negatives that it holds for right; it takes one mined negative only."""
    scale = task.number("scale", 20)
    if "gist" in task.options:
        return GISTEmbedLoss(
            model, load_model(task), temperature=1 / scale, margin_strategy="relative", margin=RELATIVE_MARGIN
        )
    return MultipleNegativesRankingLoss(model, scale=scale)


def main() -> None:
    task, progress = begin()
    model = load_model(task)
    on_selection = OnSelection(task, progress)
    on_selection(model, steps=0)
    data = datasets(task, model)
    batch, epochs = int(task.number("batch", 32)), task.epochs
    steps = int(epochs * sum(-(-len(made) // batch) for made in data.values()))
    every = max(1, steps // MEASUREMENTS)
    with tempfile.TemporaryDirectory(dir=progress.folder) as folder:
        settings = SentenceTransformerTrainingArguments(
            output_dir=folder,
            seed=task.seed,
            per_device_train_batch_size=batch,
            num_train_epochs=epochs,
            learning_rate=task.number("lr", 2e-5),
            warmup_steps=steps // 10,
            batch_sampler=BatchSamplers.NO_DUPLICATES,
            multi_dataset_batch_sampler=MultiDatasetBatchSamplers.PROPORTIONAL,
            prompts=task.prompt or None,
            eval_strategy="steps",
            eval_steps=every,
            save_strategy="no",
            bf16=device() == "cuda" or "bf16" in task.options,
            use_cpu=device() == "cpu",
            dataloader_pin_memory=False,
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = SentenceTransformerTrainer(
            model=model,
            args=settings,
            train_dataset=data,
            loss=loss_of(task, model),
            evaluator=on_selection,
        )
        trainer.train()
    model.load_state_dict(on_selection.weights)
    model.save_pretrained(str(progress.folder / "model"))
    progress.done(pairs={name: len(made) for name, made in data.items()}, steps=trainer.state.global_step)


if __name__ == "__main__":
    main()
