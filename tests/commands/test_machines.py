"""Several machines that train one model, each with a copy of the project on a disk of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

import faqtune
from faqtune import Workspace, train_model
from faqtune.runs import DONE, RUNNING, all_runs, find_run

STEPS = ("seed=5", "stage.1.max_steps=60", "stage.1.epochs=1000", "stage.1.evaluate_every_steps=15")
pytestmark = pytest.mark.slow


def start(*projects: Path, options: tuple[str, ...] = STEPS) -> list[subprocess.Popen[str]]:
    """`faqtune train` on each of several machines, as launchers start it there."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(found.getsockname()[1])}
    code = {"PYTHONPATH": str(Path(faqtune.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    shared = {**os.environ, **code, **address, "LOCAL_RANK": "0", "WORLD_SIZE": str(len(projects))}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "faqtune.train", f"--project={project}", *(f"--set={option}" for option in options)],
            env={**shared, "RANK": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, project in enumerate(projects)
    ]


def ended(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    return [(process.returncode, *said) for process in processes if (said := process.communicate(timeout=120))]


@pytest.fixture
def disks(tuned_shop: Workspace, tmp_path: Path) -> list[Workspace]:
    """Three copies of a project that nothing has been trained in, on disks of their own."""
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    tuned_shop.config_path.write_text(re.sub(r"(?m)^(# )?precision = .*$", 'precision = "float32"', text), "utf-8")
    shutil.rmtree(tuned_shop.runs_path)
    return [Workspace(shutil.copytree(tuned_shop.root, tmp_path / f"disk {number}")) for number in range(3)]


def test_two_machines_with_disks_of_their_own_go_on_where_they_were_stopped(disks: list[Workspace]) -> None:
    first, second, alone = disks
    processes = start(first.root, second.root)
    wait_for(lambda: any(run.status == RUNNING and steps(run.folder) >= 3 for run in all_runs(first)))
    processes[1].send_signal(signal.SIGTERM)
    (code, _, err), (other_code, *other_said) = ended(processes)
    assert (code, other_code) == (130, 0) and "training was interrupted" in err, (err, other_said)
    assert not second.runs_path.exists()

    (code, out, err), other = ended(start(first.root, second.root))
    assert code == 0, err
    assert other == (0, "", ""), "the other machine is silent"
    assert not second.runs_path.exists()
    run = find_run(first)
    assert run.status == DONE and run.facts["processes"] == 2 and run.name in out

    expected = train_model(Workspace(alone.root), overrides=STEPS).run
    assert expected.name == run.name
    ours, theirs = (load_file(found.model_path / "model.safetensors") for found in (run, expected))
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        # Softmax does not see the keys' biases: of a gradient of nothing but last bits AdamW makes whole steps.
        if not name.endswith("key.bias"):
            assert (weight - theirs[name]).abs().max() < 1e-5, name


def test_a_machine_with_other_labels_is_refused(disks: list[Workspace]) -> None:
    first, second, _ = disks
    pairs = second.pairs_path.read_text(encoding="utf-8").splitlines(keepends=True)
    second.pairs_path.write_text("".join(pairs[::2]), encoding="utf-8")
    said = ended(start(first.root, second.root))
    assert all(code for code, _, _ in said)
    assert "".join(err for _, _, err in said).count("has other data, another recipe or another base model") == 1, said
    assert not second.runs_path.exists()


def steps(folder: Path) -> int:
    log = folder / "log.jsonl"
    return sum('"event": "step"' in line for line in log.read_text("utf-8").splitlines()) if log.exists() else 0


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
