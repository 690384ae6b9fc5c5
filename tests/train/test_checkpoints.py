from __future__ import annotations

import errno
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from faqtune.errors import UserError
from faqtune.train import checkpoints, sending
from faqtune.train.checkpoints import Checkpoint, Progress, latest_checkpoint, save_best, save_checkpoint
from faqtune.train.mined import Mined
from faqtune.train.ragged import Ragged
from faqtune.train.shards import ShardedAdamW
from faqtune.train.stored import StoredTensors

Toys = Callable[..., Any]

FULL = OSError(errno.ENOSPC, "No space left on device")
FULL_IN_RUST = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


def mined(suspects: int = 11) -> Mined:
    chance = np.random.default_rng(0)
    return Mined(
        chance.integers(-1, 5, (7, 2)).astype(np.int32),
        chance.integers(-1, 5, (7, 1)).astype(np.int32),
        Ragged.of([range(suspects), *[()] * 5, [3]]),
        np.arange(3, dtype=np.int32),
        np.array([2, 0], dtype=np.int32),
        np.array([0.25, np.nan, 0.5], dtype=np.float32),
    )


def checkpoint_at(step: int, stage: int = 1, training: str = "this") -> Checkpoint:
    progress = Progress(training, stage=stage, step=step, best_stage=stage, best_step=step, best_value=0.5)
    return Checkpoint(progress, {"w": torch.full((2, 3), float(step))}, {"0.exp_avg": torch.ones(2)}, mined())


def save_both(folder: Path, checkpoint: Checkpoint) -> None:
    """A checkpoint with the best weights that it speaks of, as a training saves them."""
    save_best(folder, checkpoint.progress.best_stage, checkpoint.progress.best_step, checkpoint.weights)
    save_checkpoint(folder, checkpoint)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suspects", [0, 8])
def test_a_checkpoint_comes_back_as_it_went(tmp_path: Path, suspects: int):
    went = checkpoint_at(40)
    went = Checkpoint(went.progress, {"w": torch.randn(3, 2).T}, {"0.step": torch.tensor(7.0)}, mined(suspects))
    save_both(tmp_path, went)
    came = latest_checkpoint(tmp_path, "this")
    assert came is not None and came.progress == went.progress
    assert torch.equal(came.weights["w"], went.weights["w"]) and torch.equal(
        came.optimiser["0.step"], went.optimiser["0.step"]
    )
    for name in (
        "hard",
        "near_queries",
        "suspects.starts",
        "suspects.numbers",
        "noise_best",
        "noise_order",
        "noise_cosines",
    ):
        left, right = (attrgetter(name)(found.mined) for found in (came, went))
        np.testing.assert_array_equal(left, right)
        assert left.dtype == right.dtype


def test_the_optimiser_is_read_tensor_by_tensor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of several ranks the first reads and deals out, and holds its own share only: twice the model's size, spread."""
    went = checkpoint_at(40)
    averages = {f"{number}.{name}": torch.randn(3) for number in range(4) for name in ("exp_avg", "exp_avg_sq")}
    save_both(tmp_path, Checkpoint(went.progress, went.weights, averages, mined()))
    read: list[str] = []
    whole = StoredTensors.__getitem__
    monkeypatch.setattr(StoredTensors, "__getitem__", lambda self, name: read.append(name) or whole(self, name))

    came = latest_checkpoint(tmp_path, "this")
    assert came is not None and set(came.optimiser) == set(averages) and not read
    sent: list[tuple[str, int]] = []
    monkeypatch.setattr(sending, "bring", lambda tensor, source, target: sent.append((read[-1], target)))
    rank = SimpleNamespace(mine=[1, 3], owners=[2, 0, 1, 0])
    own = ShardedAdamW.own_part(rank, came.optimiser)  # type: ignore[arg-type]

    assert sorted(sent) == [("0.exp_avg", 2), ("0.exp_avg_sq", 2), ("2.exp_avg", 1), ("2.exp_avg_sq", 1)]
    assert sorted(own) == ["0.exp_avg", "0.exp_avg_sq", "1.exp_avg", "1.exp_avg_sq"]
    assert torch.equal(own["1.exp_avg"], averages["3.exp_avg"])
    with pytest.raises(KeyError):
        came.optimiser["4.exp_avg"]


def test_nothing_mined_comes_back_as_nothing(tmp_path: Path):
    nothing = np.zeros((0, 0), dtype=np.int32)
    empty = Mined(nothing, nothing, Ragged.of(()), nothing.reshape(-1), nothing.reshape(-1), nothing.reshape(-1))
    went = checkpoint_at(1)
    save_both(tmp_path, Checkpoint(went.progress, went.weights, went.optimiser, empty))
    came = latest_checkpoint(tmp_path, "this")
    assert came is not None and len(came.mined.suspects) == 0 and came.mined.hard.shape == (0, 0)


def test_the_last_two_are_kept_with_the_best_they_speak_of(tmp_path: Path):
    for stage, step in ((1, 20), (1, 40), (2, 20), (2, 40)):
        save_best(tmp_path, stage, step, {"w": torch.ones(1)})
        save_checkpoint(tmp_path, checkpoint_at(step, stage))
    assert names(tmp_path) == ["02-0000020", "02-0000040", "best-02-0000020", "best-02-0000040"]


def test_the_best_that_an_older_kept_checkpoint_speaks_of_outlives_many_newer_ones(tmp_path: Path):
    save_best(tmp_path, 1, 20, {"w": torch.ones(1)})
    save_checkpoint(tmp_path, checkpoint_at(20))
    for step in (30, 40, 50):
        save_best(tmp_path, 1, step, {"w": torch.ones(1)})
    save_checkpoint(tmp_path, checkpoint_at(50))
    assert names(tmp_path) == ["01-0000020", "01-0000050", "best-01-0000020", "best-01-0000050"]
    (tmp_path / "01-0000050" / "progress.json").write_text("{", encoding="utf-8")
    save_checkpoint(tmp_path, checkpoint_at(60))
    assert "best-01-0000020" in names(tmp_path)


def test_an_empty_folder_has_no_checkpoint(tmp_path: Path):
    assert latest_checkpoint(tmp_path / "none", "this") is None
    assert latest_checkpoint(tmp_path, "this") is None


def test_what_is_later_than_the_checkpoint_or_was_never_finished_is_removed(tmp_path: Path):
    save_best(tmp_path, 1, 20, {"w": torch.ones(1)})
    save_checkpoint(tmp_path, checkpoint_at(20))
    save_best(tmp_path, 1, 40, {"w": torch.ones(1)})
    (tmp_path / ".01-0000040.1a2b.part").mkdir()
    (tmp_path / ".01-0000040.1a2b.part" / "weights.safetensors").write_bytes(b"half")
    assert latest_checkpoint(tmp_path, "this") is not None
    assert names(tmp_path) == ["01-0000020", "best-01-0000020"]


FILES = ["weights.safetensors", "optimiser.safetensors", "mined.safetensors", "progress.json"]


@pytest.mark.parametrize("file", [*FILES, "../best-01-0000040/weights.safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, file: str, damage: str):
    """So does one whose best weights are damaged: its training would have nothing to end with."""
    for step in (20, 40):
        save_both(tmp_path, checkpoint_at(step))
    path = tmp_path / "01-0000040" / file
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9])
    found = latest_checkpoint(tmp_path, "this")
    assert found is not None and found.progress.step == 20
    assert names(tmp_path) == ["01-0000020", "best-01-0000020"]


def test_only_damaged_checkpoints_are_refused_and_not_thrown_away(tmp_path: Path):
    save_both(tmp_path, checkpoint_at(20))
    (tmp_path / "01-0000020" / "progress.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="01-0000020: the checkpoint is damaged"):
        latest_checkpoint(tmp_path, "this")
    assert names(tmp_path) == ["01-0000020", "best-01-0000020"]


def test_checkpoints_of_another_training_are_refused_and_not_thrown_away(tmp_path: Path):
    save_both(tmp_path, checkpoint_at(20, training="that"))
    with pytest.raises(UserError, match="another training"):
        latest_checkpoint(tmp_path, "this")
    assert names(tmp_path) == ["01-0000020", "best-01-0000020"]


@pytest.mark.parametrize("error", [FULL, FULL_IN_RUST])
@pytest.mark.parametrize("writer", ["save_file", "save_arrays"])
def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, writer: str
):
    save_both(tmp_path, checkpoint_at(20))

    def full(tensors: Any, path: Any) -> None:
        Path(path).write_bytes(b"half of it")
        raise error

    monkeypatch.setattr(checkpoints, writer, full)
    with pytest.raises(UserError, match=r"01-0000040: the disk is full"):
        save_checkpoint(tmp_path, checkpoint_at(40))
    monkeypatch.undo()
    assert names(tmp_path) == ["01-0000020", "best-01-0000020"]
    found = latest_checkpoint(tmp_path, "this")
    assert found is not None and found.progress.step == 20


@pytest.mark.parametrize("write", [0, 2, 5])
def test_a_training_goes_on_bit_identical_after_the_disk_was_full(
    toy: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int
):
    whole, stopped, resumed = (toy(folder=tmp_path / name) for name in ("undisturbed", "full", "full"))
    undisturbed = whole.train()
    save, written = checkpoints.save_file, []

    def full_at_last(tensors: Any, path: Any) -> None:
        if len(written) == write:
            raise FULL_IN_RUST
        written.append(path)
        save(tensors, path)

    monkeypatch.setattr(checkpoints, "save_file", full_at_last)
    with pytest.raises(UserError, match="the disk is full"):
        stopped.train()
    monkeypatch.undo()
    assert resumed.train().best_step == undisturbed.best_step
    assert resumed.has(whole.weights()) and resumed.log() == whole.log()


def test_a_log_on_a_full_disk_says_so(toy: Toys):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    training = toy()
    log = training.folder / "log.jsonl"

    def fill(stage: int, step: int) -> None:
        log.unlink()
        log.symlink_to("/dev/full")

    training.record.on_step = fill
    with pytest.raises(UserError, match=r"log.jsonl: the disk is full"):
        training.train()


def test_a_line_of_the_log_that_a_kill_cut_off_is_dropped(toy: Toys):
    first, again = toy(), toy()
    first.train()
    expected = first.log()
    shutil.rmtree(first.folder / "checkpoints" / "01-0000006")
    with (first.folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"event": "step", "stage": 1, "st')
    again.train()
    assert again.log() == expected


@pytest.mark.parametrize("damage", ["gone", "shortened", "a line cut", "lines removed", "no text"])
def test_what_becomes_of_the_log_changes_nothing_but_the_log(toy: Toys, tmp_path: Path, damage: str):
    whole, interrupted, resumed = (toy(folder=tmp_path / name) for name in ("whole", "interrupted", "interrupted"))
    undisturbed = whole.train()
    interrupted.record.on_step = lambda stage, step: signal.raise_signal(signal.SIGINT) if step == 3 else None
    interrupted.train()
    log = resumed.folder / "log.jsonl"
    with log.open("a", encoding="utf-8") as file:  # as a kill after the checkpoint leaves it, and who starts a training
        file.write('{"event": "step", "stage": 1, "step": 4, "loss": 9.0}\n{"event": "interrupted"}\n')
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    log.write_bytes(
        {
            "gone": b"",
            "shortened": "".join(lines[:2]).encode(),
            "a line cut": "".join([*lines[:1], lines[1][:9] + "\n", *lines[2:]]).encode(),
            "lines removed": "".join([*lines[:1], *lines[3:]]).encode(),
            "no text": b"\xff\xfe\n[]\n" + "".join(lines[2:]).encode(),
        }[damage]
    )
    if damage == "gone":
        log.unlink()
    outcome = resumed.train()
    assert resumed.has(whole.weights()) and outcome.best_step == undisturbed.best_step
    assert (outcome.before, outcome.after) == (undisturbed.before, undisturbed.after) and outcome.before
    lost = [event["text"] for event in outcome.history if event["event"] == "noted"]
    assert len(lost) == 1 and re.search(r"has lost \d+ of its \d+ lines: curves will lack them, the model not", lost[0])
    steps = [event for event in outcome.history if event["event"] == "step"]
    assert [event["step"] for event in steps][-3:] == [4, 5, 6] and 9.0 not in [event["loss"] for event in steps]
    assert len({event["step"] for event in steps}) == len(steps)
    assert "interrupted" not in [event["event"] for event in outcome.history]


def test_best_weights_that_are_gone_are_named(tmp_path: Path):
    for step in (20, 40):
        save_checkpoint(tmp_path, replace(checkpoint_at(step), progress=checkpoint_at(20).progress))
    with pytest.raises(UserError, match=r"best-01-0000020/weights\.safetensors: the best weights are gone or damaged"):
        latest_checkpoint(tmp_path, "this")
    with pytest.raises(UserError, match=r"best-01-0000020/weights\.safetensors: the best weights are gone or damaged"):
        checkpoints.load_best(tmp_path, checkpoint_at(20).progress)


@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_the_base_models_weights_are_those_of_the_base_model_again(toy: Toys, tmp_path: Path, damage: str):
    whole, interrupted, resumed = (toy(folder=tmp_path / name) for name in ("whole", "interrupted", "interrupted"))
    whole.train()
    interrupted.record.on_step = lambda stage, step: signal.raise_signal(signal.SIGINT) if step == 1 else None
    interrupted.train()
    path = resumed.folder / "checkpoints" / "best-00-0000000" / "weights.safetensors"
    kept = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(kept[:-9])
    read: list[bytes] = []
    resumed.record.on_step = lambda stage, step: read.append(path.read_bytes()) if step == 2 else None
    resumed.train()
    assert read == [kept] and resumed.has(whole.weights())
