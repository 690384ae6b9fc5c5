"""How long work tells what it is doing, without knowing where it is shown."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Where commands report to: a terminal, a pipe, a test."""

    def say(self, text: str) -> None:
        """One line of plain text, now."""
        ...

    def advance(self, what: str, done: int, total: int) -> None:
        """`done` of `total` units of `what`; called often, shown now and then. The last call has done == total."""
        ...


class Silent:
    """A Reporter for library use: says nothing."""

    def say(self, text: str) -> None:
        return

    def advance(self, what: str, done: int, total: int) -> None:
        return
