"""Where every failure surfaces: one message on stderr and an exit code, never a traceback for bad input."""

from __future__ import annotations

import errno
import io
import signal
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from faqtune.errors import UserError

BAD_INPUT, INTERRUPTED = UserError.exit_code, 130


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
                    "interrupted; every step that had finished is kept, and nothing is half written",
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


def _say(error: UserError) -> None:
    sys.stderr.write(f"faqtune: {error}\n")
