"""`log.jsonl`: one line per event of a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from faqtune.atomic import write_error
from faqtune.stored import write_text


class RunLog:
    """Appends events. `length` is how many there are; a resumed run goes back to the length of its checkpoint.

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
        kept = self._lines()
        if self.path.exists() and not self.path.read_bytes().endswith(b"\n"):
            self.rewind(len(kept))  # what a full disk has cut off
        self.length = len(kept)
        self.write(event, **fields)

    def read(self) -> list[dict[str, Any]]:
        """All events."""
        return [json.loads(line) for line in self._lines()]

    def rewind(self, length: int) -> None:
        """Keep the first `length` events, and with them no line that a kill has cut off."""
        self.length = length
        if not self.writes:
            return
        kept = self._lines()[:length]
        write_text(self.path, "".join(f"{line}\n" for line in kept))
        self.length = len(kept)

    def _lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").split("\n")[:-1] if self.path.exists() else []
