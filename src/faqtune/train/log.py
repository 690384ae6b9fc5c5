"""`log.jsonl`: one line per event of a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from faqtune.workspace import write_text


class RunLog:
    """Appends events; a resumed run first drops what came after its checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, event: str, **fields: Any) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """All whole lines; a line cut off by a kill is left out."""
        if not self.path.exists():
            return []
        events = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                break
        return events

    def keep_until(self, stage: int, step: int) -> None:
        """Drop events after a stage and step; (0, -1) drops all."""
        kept = [e for e in self.read() if (e["stage"], e["step"]) <= (stage, step)]
        write_text(self.path, "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in kept))
