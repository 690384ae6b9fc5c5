"""Where this process stands among those that train one model together. Imports no torch.

Launchers (`torchrun`, `accelerate launch`, `faqtune train --gpus`) say it in the environment.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from faqtune.errors import UserError

LAUNCHER = "FAQTUNE_LAUNCHER"
"""Process id of the `faqtune train --gpus` that started this process."""


@dataclass(frozen=True, slots=True)
class Place:
    """Process `number` (from 0) of `count`, the one with number `local` on its machine. The first one writes."""

    number: int = 0
    count: int = 1
    local: int = 0

    @property
    def is_writer(self) -> bool:
        return self.number == 0


def place() -> Place:
    """Where the environment puts this process; alone without `WORLD_SIZE`. Raises UserError where it contradicts
    itself."""
    try:
        count = int(os.environ.get("WORLD_SIZE") or 1)
        if count <= 1:
            return Place()
        number = int(os.environ["RANK"])
        found = Place(number, count, int(os.environ.get("LOCAL_RANK", number)))
        int(os.environ["MASTER_PORT"]), os.environ["MASTER_ADDR"]
    except (KeyError, ValueError) as error:
        raise UserError(
            f"the environment says that several processes train together, but is not complete ({error})",
            "start them with `faqtune train --gpus` or torchrun, or unset WORLD_SIZE to train in one process",
        ) from None
    if not 0 <= found.number < count:
        raise UserError(f"RANK is {found.number}, but WORLD_SIZE is {count}", "start the processes with torchrun")
    return found


def is_orphan() -> bool:
    """Whether the launcher that started this process has gone without a word."""
    launcher = os.environ.get(LAUNCHER)
    return launcher is not None and os.getppid() != int(launcher)


def leave(code: int | str | None) -> None:
    """End this process now, with the `code` of a SystemExit, if it is one of several; does nothing if it is alone.

    What was registered to be done at the end is done; the interpreter is not taken down. Gloo's threads may still hold
    tensors that Python knows, and letting go of one while the interpreter goes down aborts the process after all its
    work (seen once, on busy cores; pytorch pull request 179291).
    """
    if os.environ.get("WORLD_SIZE", "1") in ("", "0", "1"):
        return
    atexit._run_exitfuncs()
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whoever read it has gone
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
