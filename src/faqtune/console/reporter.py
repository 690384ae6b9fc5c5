"""Progress on stderr: live on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from faqtune.console.printable import printable

SECONDS_BETWEEN_LINES = 10.0
"""In a pipe; work that takes less than this says nothing of its progress."""


def duration(seconds: float) -> str:
    """In the two units that matter.

    >>> [duration(seconds) for seconds in (0.2, 59, 60, 754, 7320)]
    ['1 s', '59 s', '1 min', '12 min 34 s', '2 h 2 min']
    """
    whole = max(1, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    if whole >= 60:
        return f"{whole // 60} min" + f" {whole % 60} s" * (whole % 60 > 0)
    return f"{whole} s"


class ConsoleReporter:
    """A `faqtune.progress.Reporter` for people, for use in a `with` block: a live bar must not outlive its work."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._live = sys.stderr.isatty() and not self._console.is_dumb_terminal
        self._bar: tuple[Progress, TaskID] | None = None
        self._next_line: float | None = None
        self._has_lines = False
        self._first: tuple[float, int] | None = None
        """When the work that is told of began, and how much of it had been done by then."""
        self._last = 0
        """How much of it had been done when it was last told of."""

    def __enter__(self) -> ConsoleReporter:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def say(self, text: str) -> None:
        text = printable(text)
        if self._live:
            self._console.print(text)
        else:
            # No wrapping in a pipe: a log has one event per line.
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def advance(self, what: str, done: int, total: int) -> None:
        if self._live:
            self._draw(what, done, total)
        else:
            self._tell(what, done, total)

    def _tell(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self._next_line is None:
            self._next_line = now + SECONDS_BETWEEN_LINES
        if self._first is None or done < self._last:  # a stage that ended early leaves its work unfinished
            self._first = now, done
        self._last = done
        is_over = done >= total
        if now >= self._next_line or (is_over and self._has_lines):
            self.say(f"    {what}: {done} of {total}{self._left(now, done, total)}")
            self._next_line, self._has_lines = now + SECONDS_BETWEEN_LINES, True
        if is_over:
            self._next_line, self._first, self._has_lines = None, None, False

    def _left(self, now: float, done: int, total: int) -> str:
        """How long the rest takes, if it goes on as it has so far; "" where nothing tells."""
        began, before = self._first or (now, done)
        if not before < done < total:
            return ""
        return f", about {duration((now - began) / (done - before) * (total - done))} left"

    def _draw(self, what: str, done: int, total: int) -> None:
        if self._bar is None:
            progress = Progress(
                TextColumn("    {task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            progress.start()
            self._bar = progress, progress.add_task(what, total=total)
        progress, task = self._bar
        progress.update(task, description=what, completed=done, total=total)
        if done >= total:
            self._close()

    def _close(self) -> None:
        """Take the live bar off the terminal, and give the cursor back."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None
