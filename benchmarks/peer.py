"""sentence-transformers as its users run it: the other side of every benchmark.

Needs `pip install "faqtune[bench]"`. Nothing here knows faqtune but the workload's pairs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.losses import OnlineContrastiveLoss
from transformers import TrainerCallback

MAX_LENGTH_TOKENS = 128


def load_peer(folder: Path, device: str = "cpu") -> SentenceTransformer:
    """In float32 and without a prompt, whatever the folder says: texts are compared as they are."""
    model = SentenceTransformer(str(folder), device=device, model_kwargs={"dtype": torch.float32})
    model.max_seq_length = MAX_LENGTH_TOKENS
    model.default_prompt_name = None
    return model


def pair_loss(model: SentenceTransformer, pairs: Sequence[tuple[str, str, float]], margin: float) -> float:
    """The loss of all pairs as one batch, without dropout."""
    model.eval()
    loss = OnlineContrastiveLoss(model, margin=margin)
    with torch.inference_mode():
        sides = [torch.tensor(model.encode([pair[side] for pair in pairs], batch_size=32)) for side in (0, 1)]
        labels = torch.tensor([label for _, _, label in pairs])
        return float(loss.compute_loss_from_embeddings(sides, labels))


class _Clock(TrainerCallback):  # type: ignore[misc]
    """When each optimiser step ended."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.ends: list[float] = []

    def on_step_end(self, *given: Any, **more: Any) -> None:
        self.ends.append(self.clock())


def train_seconds(
    model: SentenceTransformer,
    pairs: Sequence[tuple[str, str, float]],
    *,
    batch_pairs: int,
    steps: int,
    warm_up_steps: int,
    margin: float,
    bfloat16: bool,
    clock: Callable[[], float],
) -> list[float]:
    """Seconds of each of `steps` steps after the warm-up (at least 1), as the trainer takes them: loading, tokenising,
    forward, backward, AdamW."""
    names = ("sentence1", "sentence2", "label")
    columns = {name: [pair[place] for pair in pairs] for place, name in enumerate(names)}
    timer = _Clock(clock)
    with tempfile.TemporaryDirectory() as folder:
        settings = SentenceTransformerTrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=batch_pairs,
            max_steps=steps + warm_up_steps,
            learning_rate=5e-6,
            bf16=bfloat16,
            use_cpu=model.device.type == "cpu",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer = SentenceTransformerTrainer(
            model=model,
            args=settings,
            train_dataset=Dataset.from_dict(columns),
            loss=OnlineContrastiveLoss(model, margin=margin),
            callbacks=[timer],
        )
        trainer.train()
    ends = timer.ends[max(0, warm_up_steps - 1) :]
    return [after - before for before, after in pairwise(ends)]
