"""Output of `faqtune doctor`."""

from __future__ import annotations

from pathlib import Path

from faqtune.commands.doctor import diagnose_machine
from faqtune.console.output import emit, emit_json
from faqtune.workspace import Workspace

MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}
UNHEALTHY = 1


def run_doctor(project: Path, model: str, *, as_json: bool) -> None:
    result = diagnose_machine(Workspace(project), model)
    if as_json:
        emit_json(result)
    else:
        for check in result.checks:
            emit(f"{MARKS[check.status]} {check.name}: {check.finding}")
            if check.advice:
                emit(f"    → {check.advice}")
    if not result.healthy:
        raise SystemExit(UNHEALTHY)
