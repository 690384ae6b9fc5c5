"""Signals and shortages end a command with a message."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import faqtune
from faqtune import Workspace
from faqtune.console.surface import Surface, with_project
from faqtune.errors import is_out_of_memory

Run = Callable[..., tuple[int, str, str]]
CLEAN = dict(os.environ, PYTHONPATH=str(Path(faqtune.__file__).parents[1]))

WAITS = """
import time, typer
from faqtune.console.surface import Surface, stop_as_by_ctrl_c
app = typer.Typer(cls=Surface)

@app.command()
def wait():
    print("waiting", flush=True)
    time.sleep(60)

@app.callback()
def _(): ...

stop_as_by_ctrl_c()
app(["wait"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_being_ended_is_being_interrupted(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err


CUDA_FULL = type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2.00 GiB")
CPU_FULL = RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "there is not enough memory. Next: close other programs"),
        (CPU_FULL, "there is not enough memory. Next: close other programs"),
        (CUDA_FULL, "the memory of the GPU is too small. Next: end other programs that use it"),
        (RuntimeError("CUDA error: out of memory"), "the memory of the GPU is too small. Next: end other programs"),
    ],
)
def test_too_little_memory_is_said(error: Exception, said: str) -> None:
    result = CliRunner().invoke(_raising(error), ["eat"])
    assert result.exit_code == 2
    assert result.output.startswith(f"faqtune: {said}") and result.output.count("\n") == 1


def test_the_error_that_torch_raises_is_known_by_its_name() -> None:
    import torch

    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory")) and is_out_of_memory(CUDA_FULL)
    assert not is_out_of_memory(RuntimeError("shapes do not match")) and not is_out_of_memory(OSError("no memory"))


def test_another_runtime_error_keeps_its_traceback() -> None:
    error = RuntimeError("shapes do not match")
    assert CliRunner().invoke(_raising(error), ["eat"]).exception is error


def _raising(error: Exception) -> typer.Typer:
    """A program whose command `eat` fails with an error."""
    app = typer.Typer(cls=Surface)

    @app.command()
    def eat() -> None:
        raise error

    @app.callback()
    def _() -> None: ...

    return app


@pytest.mark.parametrize(
    ("advice", "shown"),
    [
        ("run `faqtune tune A.xlsx LOGS…`", "run `faqtune tune --project 'my shop' A.xlsx LOGS…`"),
        ("run `faqtune a` or `faqtune b --force`", "run `faqtune a --project 'my shop'` or `faqtune b --project 'my "),
        ("run `faqtune label --project x`", "run `faqtune label --project x`"),
        ("use `faqtune convert`, or call faqtune", "use `faqtune convert`, or call faqtune"),
    ],
)
def test_advice_is_about_the_same_project(advice: str, shown: str) -> None:
    assert with_project(advice, Path("my shop")).startswith(shown)
    assert with_project(advice, Path()) == advice


def test_errors_reach_people_and_programs(cli: Run, new_shop: Workspace) -> None:
    project = str(new_shop.root)

    for command in (("label",), ("match", "能退吗")):
        code, out, err = cli(*command, "--project", project, "--json")
        said = json.loads(out)
        assert code == 2
        assert said["error"] == f"there is no {new_shop.catalogue_path}"
        assert said["next"] == f"run `faqtune ingest --project {project}` first"
        assert err == f"faqtune: {said['error']}. Next: {said['next']}.\n"
        assert cli(*command, "--project", project)[1] == ""


def test_ctrl_c_in_a_command_that_only_reads_promises_nothing(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("faqtune.console.match"), "run_match", press)

    assert cli("match") == (130, "", "faqtune: interrupted.\n")


def test_an_error_that_quotes_control_characters_shows_them(cli: Run) -> None:
    assert "\x1b" not in cli("match", "x", "--project", "no\x1b[31mwhere")[2]


def test_a_second_command_is_refused_while_one_writes_and_reading_goes_on(cli: Run, tuned_shop: Workspace) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom faqtune import Workspace\nfrom faqtune.alone import alone\n"
        "def hold(_):\n    print('held', flush=True)\n    time.sleep(120)\n"
        "alone(hold)(Workspace(Path(sys.argv[1])))\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tuned_shop.root)], env=CLEAN, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    try:
        for command in ("ingest", "label", "split", "train", "report", "tune"):
            code, _, err = cli(command, "--project", str(tuned_shop.root))
            assert (code, f"(process {other.pid})" in err) == (2, True), command
        for reading in (("evaluate",), ("match", "能退吗")):
            assert cli(*reading, "--project", str(tuned_shop.root))[0] == 0, reading
    finally:
        other.kill()
        other.communicate()

    assert cli("tune", "--project", str(tuned_shop.root))[0] == 0
