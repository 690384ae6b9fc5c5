"""Single keys from a terminal, and its modes."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any

try:
    import termios
    import tty
except ImportError:  # Windows has its own way of reading keys.
    termios = None  # type: ignore[assignment]

ESCAPE, ENTER, CTRL_C, CTRL_D = "\x1b", ("\r", "\n"), "\x03", "\x04"
OTHER = "\0"
"""A key that sends several characters, such as an arrow."""


def is_terminal() -> bool:
    """Whether keys can be read one at a time."""
    return termios is not None and sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def keys_one_by_one() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """The terminal gives every key at once; what it yields makes a context in which whole lines are typed."""
    descriptor = sys.stdin.fileno()
    as_found = termios.tcgetattr(descriptor)
    with _mode(descriptor, as_found):
        # TCSAFLUSH: what was typed while all was made ready would answer an item that nobody has seen.
        tty.setcbreak(descriptor, termios.TCSAFLUSH)
        yield lambda: _mode(descriptor, as_found)


def read_key(stream: IO[str]) -> str:
    """One key without Enter; "" at the end of input. What follows an escape at once (an arrow key) is dropped."""
    descriptor = stream.fileno()
    found = os.read(descriptor, 1)
    if found == b"\x1b":
        return _escaped(descriptor)
    while found and not _is_whole(found):
        found += os.read(descriptor, 1)
    return found.decode("utf-8", "replace")


def _escaped(descriptor: int) -> str:
    """Escape by itself, or a key that begins with it, read to its end."""
    if not _has_more(descriptor):
        return ESCAPE
    if os.read(descriptor, 1) in (b"[", b"O"):
        # The last character of such a sequence is a letter or a tilde.
        while (found := os.read(descriptor, 1)) and not b"@" <= found <= b"~":
            continue
    return OTHER


def _is_whole(found: bytes) -> bool:
    try:
        found.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return True


def _has_more(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0.05)[0])


@contextmanager
def _mode(descriptor: int, mode: list[Any]) -> Iterator[None]:
    """The terminal in a mode, and then as it was."""
    before = termios.tcgetattr(descriptor)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, mode)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
