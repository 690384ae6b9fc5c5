"""`log.jsonl`: one line per event of a training."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from faqtune.atomic import write_error
from faqtune.stored import write_text

ENDS = ("interrupted", "failed")
"""Events that are of no step."""


class RunLog:
    """Appends events. `length` is how many there are; a resumed run goes back to the length of its checkpoint.

    It is there to be looked at: what a power cut has done to it stops no training. Lines that are no events are passed
    over, and go when a training is taken up again.

    `writes`: whether this process writes the file. Of several that train one model only the first does.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self.path = path
        self.writes = writes
        self.length = 0

    def write(self, event: str, **fields: Any) -> None:
        """Raises UserError when the disk is full."""
        self.length += 1
        if not self.writes:
            return
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"event": event, **fields}) + "\n")
        except OSError as error:
            raise write_error(self.path, error) from error

    def end(self, event: str, **fields: Any) -> None:
        """The last event of a training that ends too early. Raises UserError when the disk is full."""
        self.length = len(self._events())
        if self.path.exists() and not self.path.read_bytes().endswith(b"\n"):
            write_text(self.path, "".join(f"{line}\n" for line, _ in self._events()))  # less what a full disk cut off
        self.write(event, **fields)

    def read(self) -> list[dict[str, Any]]:
        """All events."""
        return [event for _, event in self._events()]

    def rewind(self, length: int, last: tuple[int, int] = (0, 0)) -> int:
        """Keep the first `length` lines, as far as they are events up to the `last` stage and step, and with them no
        line that a kill has cut off. How many of them are lost: others may lie in their places."""
        self.length = length
        if not self.writes:
            return 0
        kept = [
            line
            for line, event in self._events(length)
            if event["event"] not in ENDS and (event.get("stage", 0), event["step"]) <= last
        ]
        write_text(self.path, "".join(f"{line}\n" for line in kept))
        self.length = len(kept)
        return length - self.length

    def _events(self, lines: int | None = None) -> list[tuple[str, dict[str, Any]]]:
        """Each whole line, of the first so many, that is an event, with what it says."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1][:lines]:
            with suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and "event" in event and ("step" in event or event["event"] in ENDS):
                    found.append((line, event))
        return found
