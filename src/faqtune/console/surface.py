"""Where every failure surfaces: one message on stderr and an exit code, never a traceback for bad input."""

from __future__ import annotations

import errno
import io
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from faqtune.errors import UserError

BAD_INPUT, INTERRUPTED = UserError.exit_code, 130

_COMMAND = re.compile(r"`faqtune \w+(?!.*--project)")
_project: list[Path] = []
"""The project of the command that runs, if it is not the folder that one is in."""


class Surface(TyperGroup):
    """The group of all commands. By itself typer says nothing on Ctrl-C, and shows our errors with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            _say(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            _say(
                UserError(
                    "interrupted; what had finished is kept, and nothing is half written",
                    "run the same command again to go on",
                )
            )
            raise typer.Exit(INTERRUPTED) from None
        except MemoryError:
            _say(UserError("there is not enough memory", "close other programs, or give smaller files"))
            raise typer.Exit(BAD_INPUT) from None
        except OSError as error:
            # The reader of our output has gone: typer ends quietly.
            if error.errno == errno.EPIPE:
                raise
            _say(UserError(f"{error.filename or 'the system'}: {error.strerror or error}", "check what it is"))
            raise typer.Exit(BAD_INPUT) from None


def stop_as_by_ctrl_c() -> None:
    """Let SIGTERM (a shutdown, a job scheduler) end a command as cleanly as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def never_fail_on_characters() -> None:
    """Let a terminal or pipe that knows no ✓ or 发货 get an escape instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def remember_project(project: Path) -> Path:
    """Callback of --project: errors name commands that can be pasted."""
    _project[:] = [] if project == Path() else [project]
    return project


def _say(error: UserError) -> None:
    where = "".join(f" --project {shlex.quote(str(project))}" for project in _project)
    next_step = _COMMAND.sub(lambda found: found[0] + where, error.next_step)
    sys.stderr.write(f"faqtune: {UserError(error.problem, next_step)}\n")
