"""Where this process stands among those that train one model together. Imports no torch.

Launchers (`torchrun`, `accelerate launch`, `faqtune train --gpus`) say it in the environment.
"""

from __future__ import annotations

import os
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
