"""Checkpoints that can always be read: each a folder written aside and renamed, the last two kept.

    checkpoints/01-0000040/        stage 1, after step 40: weights, optimiser, mined, progress
    checkpoints/best-01-0000020/   the best weights that a checkpoint speaks of, and no checkpoint without them

Weights are those that some stage trains; the others are the base model's.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file
from torch import Tensor

from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.model.folders import atomic_folder
from faqtune.train.mined import Mined
from faqtune.train.stored import StoredTensors

KEPT = 2
BEST = "best-"


@dataclass
class Progress:
    """Where a training stands, besides weights, optimiser and mined negatives."""

    training: str
    """Digest of all that the training depends on."""
    stage: int = 1
    step: int = 0
    """Steps done in this stage."""
    steps_before: int = 0
    """Steps done in all stages before it."""
    best_stage: int = 0
    best_step: int = 0
    """Where the best weights so far were measured; (0, 0) is the base model."""
    best_value: float = float("-inf")
    best_guard: float = float("-inf")
    best_tie_break: float = float("-inf")
    figures_at_start: dict[str, float] = field(default_factory=dict)
    figures_at_best: dict[str, float] = field(default_factory=dict)
    """Of the base model and of the best weights: the log, which a power cut may shorten, need not be there."""
    guard_at_start: float = float("-inf")
    related_at_start: float = 1.0
    unrelated_at_start: float = 0.0
    """Mean cosines of the base model, from which open settings of the losses are filled in."""
    without_better: int = 0
    """Measurements in a row that found no better model."""
    idle_steps: int = 0
    """Steps in a row that had nothing to learn."""
    sampled_at_start: list[float] = field(default_factory=list)
    """A few of the stage's weights before its first step, until they are known to move."""
    micro_batch_tokens: int = 0
    """What memory has turned out to hold; 0: what the recipe says."""
    scale_halvings: int = 0
    """How often float16 could not hold gradients, and their scale was halved."""
    graph_tokens: int = 0
    """Of how many tokens a graph is kept on a CPU, found before the first step; 0: not found yet."""
    encode_tokens: int = 0
    """Of how many tokens memory has turned out to hold when texts are only encoded; 0: it never was too little."""
    events: int = 0
    """Length of the log."""

    def start_stage(self, number: int) -> None:
        self.steps_before += self.step
        self.stage, self.step, self.without_better, self.idle_steps = number, 0, 0, 0
        self.sampled_at_start = []


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that a training goes on from; `optimiser` as `optimiser_tensors` gives it. Read back, it is read
    tensor by tensor when asked for: of several ranks each is given its share, of twice the model's size."""

    progress: Progress
    weights: dict[str, Tensor]
    optimiser: Mapping[str, Tensor]
    mined: Mined


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, then drop what only older ones needed. Raises UserError when the disk is full: the
    older ones stay."""
    progress = checkpoint.progress
    with atomic_folder(folder / _name(progress.stage, progress.step), replace=True) as part:
        save_file(_contiguous(checkpoint.weights), part / "weights.safetensors")
        save_file(_contiguous(checkpoint.optimiser), part / "optimiser.safetensors")
        save_arrays(checkpoint.mined.arrays(), str(part / "mined.safetensors"))
        (part / "progress.json").write_text(json.dumps(asdict(progress)), encoding="utf-8")
    for old in [*_checkpoints(folder)[:-KEPT], *_bests_not_spoken_of(folder)]:
        _remove(old)


def latest_checkpoint(folder: Path, training: str) -> Checkpoint | None:
    """The newest checkpoint that can be read, or None if there is none.

    Anything newer, and what a kill left half written, is removed: the training will write it again. The best weights
    that it speaks of are there, but where these are the base model's. Raises UserError if the checkpoints are another
    training's, or if none of them can be read.
    """
    found = _checkpoints(folder)
    without: Path | None = None
    for path in reversed(found):
        try:
            checkpoint = _load(path)
        except (OSError, ValueError, TypeError, KeyError, SafetensorError):
            continue
        if checkpoint.progress.training != training:
            raise UserError(
                f"{folder} holds checkpoints of another training (other data, recipe or base model)",
                "choose another folder, or remove this one",
            )
        is_tuned = (checkpoint.progress.best_stage, checkpoint.progress.best_step) != (0, 0)
        if is_tuned and not has_best(folder, checkpoint.progress):
            without = without or _best(folder, checkpoint.progress)
            continue
        _forget_after(folder, checkpoint.progress)
        return checkpoint
    if without is not None:
        raise UserError(f"{without}: the best weights are gone or damaged", f"remove {folder} to start anew")
    if found:
        raise UserError(f"{found[-1]}: the checkpoint is damaged", f"remove {folder} to start anew")
    shutil.rmtree(folder, ignore_errors=True)
    return None


def save_best(folder: Path, stage: int, step: int, weights: dict[str, Tensor]) -> None:
    """Keep the weights of a step as the best so far. Raises UserError when the disk is full."""
    with atomic_folder(folder / f"{BEST}{_name(stage, step)}", replace=True) as part:
        save_file(_contiguous(weights), part / "weights.safetensors")


def load_best(folder: Path, progress: Progress) -> dict[str, Tensor]:
    """The best weights of a training. Raises UserError where they are gone or damaged."""
    path = _best(folder, progress)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: the best weights are gone or damaged", f"remove {folder} to start anew") from error


def has_best(folder: Path, progress: Progress) -> bool:
    """Whether the best weights are there, and whole: only what they are is read."""
    try:
        with safe_open(_best(folder, progress), "numpy"):
            return True
    except (OSError, SafetensorError):
        return False


def digest_of_training(recipe: str, data: str, weights: dict[str, Tensor]) -> str:
    """Digest of recipe, data and base model. Of each weight the first few numbers stand for all: no two models
    that were trained apart have them in common."""
    first = [f"{name} {tuple(w.shape)} {w.flatten()[:8].tolist()}" for name, w in weights.items()]
    return digest(recipe, data, *first)


def _bests_not_spoken_of(folder: Path) -> list[Path]:
    """Best weights that none of the checkpoints that are kept goes back to."""
    try:
        kept = [_progress(path) for path in _checkpoints(folder)[-KEPT:]]
    except (OSError, ValueError, TypeError):
        return []  # what a damaged one speaks of is not known
    spoken_of = {BEST + _name(progress.best_stage, progress.best_step) for progress in kept}
    return [path for path in _bests(folder) if path.name not in spoken_of]


def _progress(path: Path) -> Progress:
    return Progress(**json.loads((path / "progress.json").read_text(encoding="utf-8")))


def _best(folder: Path, progress: Progress) -> Path:
    return folder / f"{BEST}{_name(progress.best_stage, progress.best_step)}" / "weights.safetensors"


def _load(path: Path) -> Checkpoint:
    return Checkpoint(
        _progress(path),
        load_file(path / "weights.safetensors"),
        StoredTensors(path / "optimiser.safetensors"),
        Mined.of_arrays(load_arrays(str(path / "mined.safetensors"))),
    )


def _forget_after(folder: Path, progress: Progress) -> None:
    """Remove what is later than a checkpoint, and what was never finished."""
    here = _name(progress.stage, progress.step)
    for path in list(folder.iterdir()):
        if path.name.startswith("."):
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.removeprefix(BEST) > here:
            _remove(path)


def _remove(path: Path) -> None:
    """Out of sight first, so that whatever can be seen is whole even if this is cut off."""
    hidden = path.with_name(f".{path.name}.old")
    path.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _name(stage: int, step: int) -> str:
    return f"{stage:02d}-{step:07d}"


def _checkpoints(folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir())


def _bests(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{BEST}*"))


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in tensors.items()}
