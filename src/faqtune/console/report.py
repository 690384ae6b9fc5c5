"""Output of `faqtune report`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from faqtune.commands.report import write_report
from faqtune.console.output import emit, emit_json
from faqtune.console.reporter import ConsoleReporter
from faqtune.evaluate.wording import Language
from faqtune.workspace import Workspace


def run_report(project: Path, run: str, form: str, language: str, *, as_json: bool) -> None:
    with ConsoleReporter() as reporter:
        result = write_report(
            Workspace(project), run=run, form=form, language=cast(Language, language), reporter=reporter
        )
    if as_json:
        emit_json(result)
    elif result.picture:
        emit(f"report   {result.page}", f"picture  {result.picture}")
    else:
        emit(f"report   {result.page}")
