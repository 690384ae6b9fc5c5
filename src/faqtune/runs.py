"""A Run: one training with everything needed to repeat it, trust it and use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from faqtune.errors import UserError
from faqtune.records import content_id
from faqtune.workspace import Workspace, read_json, write_json

DONE, RUNNING, INTERRUPTED = "done", "running", "interrupted"


@dataclass
class Run:
    """The facts of `run.json`. `inputs` is the digest of all that the result depends on; `status` becomes
    `done` last, so a folder without it holds no finished model."""

    folder: Path
    recipe: str
    base: str
    inputs: str
    status: str = RUNNING
    facts: dict[str, Any] = field(default_factory=dict)
    """Versions, device, precision, data counts, best step, seconds."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def model_path(self) -> Path:
        return self.folder / "model"

    @property
    def scorecards_path(self) -> Path:
        return self.folder / "scorecards"

    @property
    def thresholds_path(self) -> Path:
        return self.folder / "thresholds.json"

    @property
    def report_path(self) -> Path:
        return self.folder / "report.html"

    def save(self) -> None:
        """Write `run.json`."""
        content = {key: value for key, value in asdict(self).items() if key != "folder"}
        write_json(self.folder / "run.json", {"schema": 1, **content})


def new_run(workspace: Workspace, recipe: str, base: str, inputs: str) -> Run:
    """The folder `runs/<date>-<recipe>-<digest>` with a `run.json` that says running."""
    folder = workspace.runs_path / f"{date.today().isoformat()}-{recipe}-{content_id(inputs, length=4)}"
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder, recipe, base, inputs)
    run.save()
    return run


def all_runs(workspace: Workspace) -> Iterator[Run]:
    """Every readable run, oldest first."""
    for path in sorted(workspace.runs_path.glob("*/run.json"), key=lambda p: (p.stat().st_mtime, p)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            content.pop("schema", None)
            yield Run(path.parent, **content)
        except (ValueError, TypeError):
            continue


def find_run(workspace: Workspace, name: str = "") -> Run:
    """A run by its folder name, or the newest finished one. Raises UserError if there is none."""
    if name:
        folder = workspace.runs_path / name
        content = read_json(folder / "run.json", "faqtune train")
        content.pop("schema", None)
        return Run(folder, **content)
    done = [run for run in all_runs(workspace) if run.status == DONE]
    if not done:
        raise UserError(f"there is no finished run in {workspace.runs_path}", "run `faqtune train` first")
    return done[-1]
