"""Progress: plain lines now and then in a pipe, a live bar on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import textwrap

import pytest

from faqtune.console import reporter as module
from faqtune.console.reporter import ConsoleReporter

SCRIPT = textwrap.dedent("""\
    import time
    from faqtune.console.reporter import ConsoleReporter
    with ConsoleReporter() as reporter:
        reporter.say("reading [bold]发货[/bold] :smile: " + "x" * 100)
        for done in range(1, 4):
            reporter.advance("texts encoded", done, 9)
            time.sleep(0.15)
        reporter.say("in between")
        raise SystemExit
""")
HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_quick_work_says_nothing_of_its_progress(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with ConsoleReporter() as reporter:
        for done in range(1, 101):
            clock.now += 0.05
            reporter.advance("texts encoded", done, 100)
    assert _lines(capsys) == []


def test_long_work_says_a_line_every_ten_seconds_and_its_end(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with ConsoleReporter() as reporter:
        for done in range(1, 26):
            clock.now += 1
            reporter.advance("steps", done, 25)
        assert _lines(capsys) == [
            "    steps: 11 of 25, about 14 s left", "    steps: 21 of 25, about 4 s left", "    steps: 25 of 25",
        ]  # fmt: skip
        clock.now += 1
        reporter.advance("steps", 1, 2)
        reporter.advance("steps", 2, 2)
        assert _lines(capsys) == []


def test_the_time_left_counts_what_was_done_here_and_starts_anew_with_other_work(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with ConsoleReporter() as reporter:
        # Taken up after 900 steps: their time is not known, and 2 s a step are.
        for done in range(901, 908):
            reporter.advance("steps", done, 1000)
            clock.now += 2
        assert _lines(capsys) == ["    steps: 906 of 1000, about 3 min 8 s left"]
        # The stage has ended early; the next one is slower.
        for done in range(1, 4):
            reporter.advance("steps", done, 500)
            clock.now += 20
        assert _lines(capsys) == [
            "    steps: 2 of 500, about 2 h 46 min left", "    steps: 3 of 500, about 2 h 45 min left",
        ]  # fmt: skip


def test_in_a_pipe_a_line_is_a_line() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=False)

    assert done.stdout == b""
    text = done.stderr.decode()
    assert text == "reading [bold]发货[/bold] :smile: " + "x" * 100 + "\nin between\n"


def test_on_a_terminal_the_bar_is_live_and_leaves_the_cursor_behind() -> None:
    shown = _on_a_terminal(dict(os.environ, TERM="xterm-256color"))

    assert "reading [bold]发货[/bold] :smile:".encode() in shown
    assert b"x" * 100 in shown, "the terminal breaks lines, not we: what is copied from it is whole"
    assert b"texts encoded" in shown
    assert b"3/9" in shown
    assert shown.count(HIDE_CURSOR) == shown.count(SHOW_CURSOR) == 1
    assert shown.index(b"in between") < shown.rindex(SHOW_CURSOR)


def test_a_dumb_terminal_gets_plain_lines() -> None:
    shown = _on_a_terminal(dict(os.environ, TERM="dumb"))

    assert b"\x1b" not in shown
    assert shown.endswith(b"in between\r\n")


def _on_a_terminal(environment: dict[str, str]) -> bytes:
    """What `SCRIPT` shows on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    environment |= {"COLUMNS": "80", "LINES": "40"}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # how Linux says that the other side has closed
        assert process.wait() == 0
    os.close(ours)
    assert process.wait() == 0
    return shown


def test_the_time_left_is_that_of_the_stage_that_runs_also_after_one_that_ended_early(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with ConsoleReporter() as reporter:
        for total, ended in ((600, 300), (60, 40)):
            for done in range(1, ended + 1):
                clock.now += 1
                reporter.advance("training steps", done, total)
    assert _lines(capsys)[-1].endswith("31 of 60, about 29 s left")
