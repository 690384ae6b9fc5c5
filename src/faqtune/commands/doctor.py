"""`faqtune doctor`: is this machine fit for the job, and what to do where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from faqtune.commands.project.models import model_place
from faqtune.config import ModelConfig
from faqtune.errors import UserError
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.model import Check


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks; `healthy` if none has failed."""

    checks: list[Check]
    healthy: bool


def diagnose_machine(workspace: Workspace, model: str = "") -> Diagnosis:
    """Check the machine for `model`, the project's base model, or `BAAI/bge-m3` where there is no project.

    Never raises: a project or a model that cannot be read is a failed check.
    """
    from faqtune.model import Check, diagnose

    name, pooling = model or ModelConfig().base, None
    try:
        if workspace.config_path.exists():
            settings = workspace.config().model
            name, pooling = model_place(workspace, model or settings.base), settings.pooling or None
            project = Check("project", "ok", str(workspace.config_path))
        else:
            project = Check("project", "warn", f"there is no {workspace.config_path}", "run `faqtune init FILES…`")
    except UserError as error:
        project = Check("project", "fail", error.problem, error.next_step)
    checks = [project, *diagnose(name, workspace.root, pooling)]
    return Diagnosis(checks, all(check.status != "fail" for check in checks))
