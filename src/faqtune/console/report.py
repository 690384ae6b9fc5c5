"""Output of `faqtune report`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.report import write_report
from faqtune.console.output import emit, emit_json
from faqtune.workspace import Workspace


def run_report(project: Path, run: str, *, as_json: bool) -> None:
    result = write_report(Workspace(project), run=run)
    if as_json:
        emit_json(result)
    else:
        emit(f"report   {result.page}", f"picture  {result.picture}")
