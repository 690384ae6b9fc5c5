"""`faqtune train` in several processes: how they start, what they leave, and how they end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import faqtune
from faqtune import UserError, Workspace, train_model
from faqtune.commands.training import launch
from faqtune.commands.training.launch import launch_on_gpus
from faqtune.runs import DONE, INTERRUPTED, RUNNING, Run, all_runs, find_run

Cli = Callable[..., tuple[int, str, str]]

ENVIRONMENT = {"PYTHONPATH": str(Path(faqtune.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
LAUNCH = "import sys; from faqtune.commands.training.launch import launch; sys.exit(launch(2, sys.argv[1:]))"
ACCELERATE = "accelerate.commands.launch --multi_gpu --num_processes=2"
"""Of several CPUs it starts one process, or asks for MPI; without GPUs, these two find out by themselves."""
STEPS = ["--set", "seed=5", "--set", "stage.1.max_steps=4"]


def command(*options: str, by: tuple[str, ...] = ("-c", LAUNCH)) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *by, *options],
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_leave_what_one_does_and_speak_once(tuned_shop: Workspace, tmp_path: Path) -> None:
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    exact = re.sub(r"(?m)^(# )?precision = .*$", 'precision = "float32"', text)
    assert exact != text
    tuned_shop.config_path.write_text(exact, encoding="utf-8")
    shutil.copytree(tuned_shop.root, tmp_path / "alone")
    process = command(f"--project={tuned_shop.root}", *STEPS, "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    answer = json.loads(out)
    run = find_run(tuned_shop)
    assert answer["run"]["folder"] == str(run.folder) and run.facts["processes"] == 2
    assert err.count("stage 1") == err.count("loading the model") == 1

    alone = train_model(Workspace(tmp_path / "alone"), overrides=("seed=5", "stage.1.max_steps=4"))
    assert alone.run.facts["after"] == pytest.approx(run.facts["after"], abs=0.02)
    assert losses(alone.run) == pytest.approx(losses(run), abs=1e-4) and len(losses(run)) == 4

    again = command(f"--project={tuned_shop.root}", *STEPS)
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0 and out.count("Nothing has changed") == 1, err


def test_sigterm_stops_all_and_is_told_once(tuned_shop: Workspace) -> None:
    options = [f"--project={tuned_shop.root}", "--set", "seed=6", "--set", "stage.1.max_steps=2000"]
    options += ["--set", "stage.1.epochs=1000"]
    process = command(*options)
    wait_for(lambda: any(run.status == RUNNING and len(losses(run)) > 2 for run in all_runs(tuned_shop)))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130 and out == "", err
    assert err.count("training was interrupted") == 1 and "Traceback" not in err
    assert [run.status for run in all_runs(tuned_shop)] == [DONE, INTERRUPTED]


@pytest.mark.slow
def test_when_the_launcher_is_killed_the_others_leave_a_checkpoint(tuned_shop: Workspace) -> None:
    options = ("--set", "seed=7", "--set", "stage.1.max_steps=2000", "--set", "stage.1.epochs=1000")
    process = command(f"--project={tuned_shop.root}", *options)
    wait_for(lambda: any(run.status == RUNNING and len(losses(run)) > 2 for run in all_runs(tuned_shop)))
    process.kill()
    wait_for(lambda: [run.status for run in all_runs(tuned_shop)] == [DONE, INTERRUPTED])
    process.communicate(timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torch.distributed.run --nproc-per-node=2", ACCELERATE])
def test_it_starts_with_the_launchers_of_the_field(tuned_shop: Workspace, launcher: str) -> None:
    options = ("-m", "faqtune.train", f"--project={tuned_shop.root}", *STEPS, "--json")
    process = command(*options, by=("-m", *launcher.split()))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out)["run"]["facts"]["processes"] == 2


@pytest.mark.slow
def test_an_error_is_told_once(tuned_shop: Workspace) -> None:
    process = command(f"--project={tuned_shop.root}", "--recipe=none-of-this-name", "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2 and err.count("faqtune: ") == 1, err
    assert "none-of-this-name" in json.loads(out)["error"]


def test_the_door_for_launchers_takes_the_options_of_train(tuned_shop: Workspace) -> None:
    process = command("--help", by=("-m", "faqtune.train"))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and "--recipe" in out and "--gpus" in out, err


@pytest.mark.parametrize(
    ("there", "wanted", "message"), [(0, 2, "no NVIDIA GPU"), (1, 2, "there is 1"), (2, 4, "there are 2")]
)
def test_more_gpus_than_there_are_are_refused(
    monkeypatch: pytest.MonkeyPatch, there: int, wanted: int, message: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    with pytest.raises(UserError, match=message):
        launch_on_gpus(wanted, [])


def test_gpus_of_the_command_line_reach_every_process(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(launch, "launch", lambda *given, prints: started.append(given) or 7)
    assert cli("train", "--project", "my shop", "--gpus", "3", "--set", "seed=1", "--set", "seed=2", "--force")[0] == 7
    options = ["--project=my shop", "--recipe=", "--track=", "--force", "--set=seed=1", "--set=seed=2"]
    assert started == [(3, options)]


def test_a_launcher_inside_a_launcher_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="a launcher has started this process already"):
        launch_on_gpus(2, [])


@pytest.mark.parametrize("other", ["pass", "time.sleep(60)", "signal.signal(15, signal.SIG_IGN); time.sleep(60)"])
def test_when_one_fails_the_others_are_not_waited_for_in_vain(monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    code = f"import os, signal, time\nif os.environ['RANK'] == '1': os._exit(3)\n{other}"
    monkeypatch.setattr(launch, "COMMAND", (sys.executable, "-c", code))
    monkeypatch.setattr(launch, "GRACE_SECONDS", 0.5)
    started = time.monotonic()
    assert launch.launch(2, []) == 3
    assert time.monotonic() - started < 30


def test_a_process_that_was_killed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os; os.kill(os.getpid(), 9) if os.environ['RANK'] == '1' else os._exit(2)"
    monkeypatch.setattr(launch, "COMMAND", (sys.executable, "-c", code))
    with pytest.raises(UserError, match="process 1 was ended by SIGKILL"):
        launch.launch(2, [])


def losses(run: Run) -> list[float]:
    path = run.folder / "log.jsonl"
    events = map(json.loads, path.read_text(encoding="utf-8").splitlines()) if path.exists() else ()
    return [event["loss"] for event in events if event["event"] == "step"]


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
