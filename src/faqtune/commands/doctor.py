"""`faqtune doctor`: is this machine fit for the job, and what to do where it is not."""

from __future__ import annotations

from dataclasses import dataclass

from faqtune.errors import UserError
from faqtune.model import Check, diagnose
from faqtune.workspace import Workspace


@dataclass(frozen=True)
class Diagnosis:
    """All checks; `healthy` if none has failed."""

    checks: list[Check]
    healthy: bool


def diagnose_machine(workspace: Workspace, model: str = "") -> Diagnosis:
    """Check the machine for `model`, the project's base model, or `BAAI/bge-m3` where there is no project."""
    name = model
    if not name:
        try:
            name = workspace.config().model.base
        except UserError:
            name = "BAAI/bge-m3"
    checks = diagnose(name, workspace.root)
    return Diagnosis(checks, all(check.status != "fail" for check in checks))
