"""Progress on stderr: live on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 10.0


class ConsoleReporter:
    """A `faqtune.progress.Reporter` for people."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._console = Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._next_line = 0.0

    def say(self, text: str) -> None:
        if self._progress is not None:
            self._progress.console.print(text, markup=False)
        elif self._live:
            self._console.print(text, markup=False)
        else:
            # No wrapping in a pipe: a log has one event per line.
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def advance(self, what: str, done: int, total: int) -> None:
        if self._live:
            self._draw(what, done, total)
        elif done == total or time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            self.say(f"    {what}: {done} of {total}")

    def _draw(self, what: str, done: int, total: int) -> None:
        if self._progress is None:
            self._progress = Progress(
                TextColumn("    {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                console=self._console, transient=True,
            )  # fmt: skip
            self._progress.start()
            self._task = self._progress.add_task(what, total=total)
        assert self._task is not None
        self._progress.update(self._task, description=what, completed=done, total=total)
        if done >= total:
            self.close()

    def close(self) -> None:
        """Take the live bar off the terminal; nothing to do in a pipe."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = self._task = None
