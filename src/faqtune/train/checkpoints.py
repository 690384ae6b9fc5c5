"""Checkpoints that can always be read: written aside, renamed, the last two kept."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from faqtune.train.mining import Mined
from faqtune.workspace import write_error

KEPT = 2


@dataclass
class Progress:
    """Where a training stands: everything besides weights, optimiser and mined pairs."""

    stage: int = 0
    step: int = 0
    """Steps done in this stage."""
    best_step: list[int] = field(default_factory=lambda: [0, 0])
    """Stage and step of the best weights so far; [0, 0] is the base model."""
    best_value: float = float("-inf")
    guard_at_start: float = float("-inf")
    related_at_start: float = 1.0
    unrelated_at_start: float = 0.0
    """Mean cosines of the base model, from which open settings of the losses are filled in."""
    mined_figures: dict[str, float] = field(default_factory=dict)


def save_checkpoint(
    folder: Path,
    progress: Progress,
    weights: dict[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    mined: Mined,
) -> Path:
    """Write `folder/<stage>-<step>`. Raises UserError when the disk is full; older checkpoints stay."""
    target = folder / f"{progress.stage:02d}-{progress.step:07d}"
    aside = folder / f".{target.name}.part"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        save_file({name: value.contiguous() for name, value in weights.items()}, aside / "weights.safetensors")
        torch.save(optimiser.state_dict(), aside / "optimiser.pt")
        save_arrays(mined.arrays(), str(aside / "mined.safetensors"))
        (aside / "progress.json").write_text(json.dumps(asdict(progress)), encoding="utf-8")
        for file in aside.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise write_error(target, error) from error
    for old in sorted(path for path in folder.iterdir() if path.name[0] != ".")[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


@dataclass
class Checkpoint:
    progress: Progress
    weights: dict[str, torch.Tensor]
    optimiser: dict[str, Any]
    mined: Mined


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint, or None."""
    if not folder.is_dir():
        return None
    found = sorted(path for path in folder.iterdir() if path.name[0] != "." and (path / "progress.json").exists())
    if not found:
        return None
    path = found[-1]
    progress = Progress(**json.loads((path / "progress.json").read_text(encoding="utf-8")))
    arrays: dict[str, np.ndarray] = load_arrays(str(path / "mined.safetensors"))
    return Checkpoint(
        progress,
        load_file(path / "weights.safetensors"),
        torch.load(path / "optimiser.pt", weights_only=True),
        Mined.from_arrays(arrays, progress.mined_figures),
    )
