"""FlagEmbedding's own trainer with the settings of its example for BGE-M3, dense vectors only.

InfoNCE at temperature 0.02 over groups of 8 and all other passages of the batch; negatives drawn from ranks 2 to
200 as by its `hn_mine`; learning rate 1e-5, warm-up a tenth, pooling that of the base model. The package keeps the
last model; here the best of all measurements on the selection part is kept, which can only help it. On a GPU in
float16, as in its example; on a CPU in float32, and with the option `bf16` in bfloat16.
Options: `labels` (no dialogues), `bf16`, `lr`, `epochs`, `batch`.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from exchange import MEASUREMENTS, Progress, Scores, Task, begin, device, encoded, load_model, merit, selection_figures
from FlagEmbedding.abc.finetune.embedder import (
    AbsEmbedderDataArguments,
    AbsEmbedderModelArguments,
    AbsEmbedderTrainingArguments,
)
from FlagEmbedding.finetune.embedder.encoder_only.base import EncoderOnlyEmbedderRunner
from transformers import TrainerCallback

RANKS, NEGATIVES, GROUP = (2, 200), 15, 8


def mined(model: Any, asked: dict[str, list[str]], corpus: list[str]) -> list[dict[str, Any]]:
    """As hn_mine does: of what ranks 2 to 200 for a text and is not right, 15 by chance."""
    corpus = list(dict.fromkeys(corpus))
    order = np.argsort(-(encoded(model, list(asked)) @ encoded(model, corpus).T), axis=1)[:, RANKS[0] : RANKS[1]]
    rows = []
    for (text, right), ranked in zip(asked.items(), order, strict=True):
        wrong = [corpus[place] for place in ranked if corpus[place] not in right and corpus[place] != text]
        wrong = wrong or [other for other in corpus if other not in right and other != text]
        rows.append({"query": text, "pos": right, "neg": random.sample(wrong, min(NEGATIVES, len(wrong)))})
    return rows


def write_data(task: Task, model: Any, path: Path) -> int:
    """Groups of the catalogue and of dialogues in one file; how many examples it has."""
    answers = {answer for answer in task.answers if answer}
    questions, by_answer, dialogues = {}, {}, {}
    for text, right, _ in task.question_pairs():
        (by_answer if right in answers else questions).setdefault(text, []).append(right)
    for text, reply in task.dialogue_pairs():
        dialogues.setdefault(text, []).append(reply)
    rows = mined(model, questions, [q for entry in task.questions for q in entry]) if questions else []
    rows += mined(model, by_answer, sorted(answers)) if by_answer else []
    rows += mined(model, dialogues, [reply for found in dialogues.values() for reply in found]) if dialogues else []
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    return len(rows)


class OnSelection(TrainerCallback):
    """Measures now and then, and remembers the best weights."""

    def __init__(self, task: Task, progress: Progress, runner: EncoderOnlyEmbedderRunner, every: int) -> None:
        self.task, self.progress, self.runner, self.every = task, progress, runner, every
        self.best, self.weights = (), {}

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step % self.every and state.global_step != state.max_steps:
            return
        self.runner.model.eval()
        found = selection_figures(self.encode, self.task)
        self.runner.model.train()
        self.progress.measured(state.global_step, found)
        if merit(found) > self.best:
            self.best = merit(found)
            self.weights = {name: value.clone() for name, value in self.runner.model.model.state_dict().items()}

    @torch.inference_mode()
    def encode(self, texts: list[str]) -> Scores:
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = []
        for start in range(0, len(order), 64):
            batch = [self.task.prompt + texts[place] for place in order[start : start + 64]]
            inputs = self.runner.tokenizer(
                batch, padding=True, truncation=True, max_length=self.task.max_length_tokens, return_tensors="pt"
            )
            vectors.append(self.runner.model.encode(dict(inputs.to(device()))).float().cpu().numpy())
        return np.concatenate(vectors)[np.argsort(order)]


def arguments(task: Task, folder: Path, data: Path) -> dict[str, Any]:
    prompts = {f"{side}_instruction_for_retrieval": task.prompt or None for side in ("query", "passage")}
    return {
        "model_args": AbsEmbedderModelArguments(model_name_or_path=task.model),
        "data_args": AbsEmbedderDataArguments(
            train_data=[str(data)],
            cache_path=str(folder / "cache"),
            train_group_size=GROUP,
            query_max_len=task.max_length_tokens,
            passage_max_len=task.max_length_tokens,
            **prompts,
        ),
        "training_args": AbsEmbedderTrainingArguments(
            output_dir=str(folder / "trained"),
            seed=task.seed,
            learning_rate=task.number("lr", 1e-5),
            num_train_epochs=task.epochs,
            per_device_train_batch_size=int(task.number("batch", 16)),
            warmup_ratio=0.1,
            temperature=0.02,
            sentence_pooling_method=task.pooling,
            normalize_embeddings=True,
            dataloader_drop_last=True,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            fp16=device() == "cuda",
            bf16=device() == "cpu" and "bf16" in task.options,
            use_cpu=device() == "cpu",
            dataloader_pin_memory=False,
        ),
    }


def main() -> None:
    task, progress = begin()
    base = load_model(task)
    start = selection_figures(lambda texts: encoded(base, texts), task)
    progress.measured(0, start)
    data = progress.folder / "train.jsonl"
    examples = write_data(task, base, data)
    given = arguments(task, progress.folder, data)
    settings = given["training_args"]
    steps = int(settings.num_train_epochs * max(1, examples // settings.per_device_train_batch_size))
    runner = EncoderOnlyEmbedderRunner(**given)
    watch = OnSelection(task, progress, runner, max(1, steps // MEASUREMENTS))
    watch.best = merit(start)
    runner.trainer.add_callback(watch)
    runner.trainer.train()
    data.unlink()
    shutil.rmtree(progress.folder / "cache", ignore_errors=True)
    if watch.weights:
        base[0].auto_model.load_state_dict(watch.weights)
    base.save_pretrained(str(progress.folder / "model"))
    progress.done(examples=examples, steps=steps, trainer="FlagEmbedding")


if __name__ == "__main__":
    main()
