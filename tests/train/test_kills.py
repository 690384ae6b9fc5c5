"""SIGKILL at any instant, then the same command again: the end is the same, bit for bit."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from faqtune.recipe import Recipe
from faqtune.train.data import TrainingData

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.xdist_group("kills"),
]

KILLED = -signal.SIGKILL


class Victims:
    """Trainings in a process of their own (see victim.py)."""

    def __init__(self, process: subprocess.Popen[str], root: Path) -> None:
        self.process, self.root, self.count = process, root, 0

    def folder(self) -> Path:
        self.count += 1
        return self.root / f"run-{self.count}"

    def run(self, folder: Path, fatal_touch: int = 0, kill_after_seconds: float | None = None) -> int:
        """Train in `folder`; returns the exit status."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{folder} {fatal_touch}\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
        if kill_after_seconds is not None:
            time.sleep(kill_after_seconds)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def victims(
    tiny_model_folder: Path,
    shop: TrainingData,
    recipe_of: Callable[..., Recipe],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Victims]:
    root = tmp_path_factory.mktemp("kills")
    (root / "shop.json").write_text(json.dumps(asdict(shop)), encoding="utf-8")
    recipe = recipe_of({}, {"name": "then", "max_steps": 3, "freeze": {"embeddings": False}})
    (root / "recipe.json").write_text(recipe.model_dump_json(), encoding="utf-8")
    command = [sys.executable, str(Path(__file__).with_name("victim.py")), str(tiny_model_folder)]
    process = subprocess.Popen(
        [*command, str(root / "shop.json"), str(root / "recipe.json")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
    )
    yield Victims(process, root)
    process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def undisturbed(victims: Victims) -> dict[str, Any]:
    """Results of a run that nobody kills, and how long the faster of two takes."""
    found, seconds = [], []
    for _ in range(2):
        folder, started = victims.folder(), time.monotonic()
        assert victims.run(folder) == 0
        seconds.append(time.monotonic() - started)
        found.append(result(folder))
    assert found[0] == found[1]
    return found[0] | {"seconds": min(seconds)}


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return found


def ends_the_same(victims: Victims, folder: Path, undisturbed: dict[str, Any]) -> None:
    assert victims.run(folder) == 0
    found = result(folder)
    for name in ("weights", "best_step", "log"):
        assert found[name] == undisturbed[name], name
    hidden = [path.name for path in (folder / "checkpoints").iterdir() if path.name.startswith(".")]
    assert hidden == []


def killed_at_a_touch(victims: Victims, undisturbed: dict[str, Any], share: float) -> None:
    folder = victims.folder()
    assert victims.run(folder, fatal_touch=1 + int(share * (undisturbed["touches"] - 1))) == KILLED
    ends_the_same(victims, folder, undisturbed)


def killed_after(victims: Victims, undisturbed: dict[str, Any], share: float) -> None:
    folder = victims.folder()
    victims.run(folder, kill_after_seconds=share * undisturbed["seconds"])  # it may have been faster this time
    ends_the_same(victims, folder, undisturbed)


@pytest.mark.parametrize("share", [0.2, 0.47, 0.8, 1.0])
def test_killed_while_writing_it_ends_bit_identical(victims: Victims, undisturbed: dict[str, Any], share: float):
    killed_at_a_touch(victims, undisturbed, share)


@pytest.mark.parametrize("share", [0.35, 0.75])
def test_killed_at_some_instant_it_ends_bit_identical(victims: Victims, undisturbed: dict[str, Any], share: float):
    killed_after(victims, undisturbed, share)


def test_killed_again_and_again_it_ends_bit_identical(victims: Victims, undisturbed: dict[str, Any]):
    folder, each = victims.folder(), undisturbed["touches"] // 2
    ends = [victims.run(folder, fatal_touch=each) for _ in range(4)]
    assert ends[:2] == [KILLED, KILLED] and ends[-1] == 0
    ends_the_same(victims, folder, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_killed_at_any_touch_of_a_file_it_ends_bit_identical(
    victims: Victims, undisturbed: dict[str, Any], number: int
):
    killed_at_a_touch(victims, undisturbed, random.Random(number).random())


@pytest.mark.slow
@pytest.mark.parametrize("number", range(10))
def test_killed_at_any_instant_it_ends_bit_identical(victims: Victims, undisturbed: dict[str, Any], number: int):
    killed_after(victims, undisturbed, random.Random(number).random())
