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

from faqtune.console.printable import printable
from faqtune.errors import UserError, is_out_of_memory, out_of_memory

BAD_INPUT, INTERRUPTED = UserError.exit_code, 130
PROJECT, JSON = "faqtune.project", "faqtune.json"
NOTHING_TO_KEEP = ("match", "doctor", "labels")
"""Commands that only read."""


class Surface(TyperGroup):
    """The group of all commands. By itself typer says nothing on Ctrl-C, and shows our errors with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            _fail(ctx, error, error.exit_code)
        except KeyboardInterrupt:
            _fail(ctx, _interrupted(ctx.invoked_subcommand), INTERRUPTED)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            _fail(ctx, out_of_memory(error), BAD_INPUT)
        except OSError as error:
            # The reader of our output has gone: typer ends quietly.
            if error.errno == errno.EPIPE:
                raise
            problem = f"{error.filename or 'the system'}: {error.strerror or error}"
            _fail(ctx, UserError(problem, "check what it is"), BAD_INPUT)


def remember_project(ctx: typer.Context, project: Path) -> Path:
    """For the option of every command: the commands that errors advise are about the same project."""
    ctx.meta[PROJECT] = project
    return project


def remember_json(ctx: typer.Context, wanted: bool) -> bool:
    """For the option of every command: whoever reads JSON from stdout is told of errors there."""
    ctx.meta[JSON] = wanted
    return wanted


def never_fail_on_characters() -> None:
    """Let a terminal or pipe that knows no ✓ or 发货 get an escape instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def stop_as_by_ctrl_c() -> None:
    """Let SIGTERM (a shutdown, a job scheduler) end a command as cleanly as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def end_at_once() -> None:
    """Let Ctrl-C end the process from now on, without a word: all is said and done, and Python, which takes itself
    down, would show a traceback. Where it is ignored, as in the background of a script, it stays so."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _interrupted(command: str | None) -> UserError:
    if command in NOTHING_TO_KEEP:
        return UserError("interrupted")
    return UserError(
        "interrupted; what had finished is kept, and nothing is half written",
        "run the same command again to go on",
    )


def _fail(ctx: Any, error: UserError, code: int) -> None:
    """Say what went wrong, and end with a code."""
    error = UserError(error.problem, with_project(error.next_step, ctx.meta.get(PROJECT, Path())))
    sys.stderr.write(f"faqtune: {printable(str(error))}\n")
    sys.stderr.flush()
    if ctx.meta.get(JSON):
        # Only now: with what it imports, --help would take twice as long.
        from faqtune.console.output import emit_json

        emit_json({"error": error.problem, "next": error.next_step})
    raise typer.Exit(code) from None


def with_project(advice: str, project: Path) -> str:
    """Advice whose commands can be pasted: with the project that the failed command was about.

    >>> with_project("run `faqtune ingest` first", Path("my shop"))
    "run `faqtune ingest --project 'my shop'` first"
    """
    if project == Path():
        return advice
    option = f" --project {shlex.quote(str(project))}"
    # `faqtune convert` is about no project.
    return re.sub(
        r"`faqtune (?!convert)(\w+)([^`]*)`",
        lambda found: found[0] if "--project" in found[2] else f"`faqtune {found[1]}{option}{found[2]}`",
        advice,
    )
