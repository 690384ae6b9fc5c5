"""Signals and shortages end a command with a message."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from faqtune.console.surface import Surface

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


def test_too_little_memory_is_said() -> None:
    app = typer.Typer(cls=Surface)

    @app.command()
    def eat() -> None:
        raise MemoryError

    @app.callback()
    def _() -> None: ...

    result = CliRunner().invoke(app, ["eat"])
    assert result.exit_code == 2
    assert "not enough memory" in result.output
