"""Which steps of a project are done, and with what: nothing is done twice, and nothing half done counts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from faqtune.errors import UserError
from faqtune.workspace import Workspace, digest, read_json, write_json


def is_current(workspace: Workspace, step: str, inputs: str, outputs: Iterable[Path]) -> bool:
    """Whether `step` was last finished with these inputs (a digest) and its outputs are still as it left them."""
    outputs = list(outputs)
    if not all(path.exists() for path in outputs):
        return False
    return _state(workspace).get(step) == {"inputs": inputs, "outputs": digest(*outputs)}


def mark_current(workspace: Workspace, step: str, inputs: str, outputs: Iterable[Path]) -> None:
    """Remember that `step` is done; called last, so that an interrupted step is done again."""
    write_json(workspace.state_path, _state(workspace) | {step: {"inputs": inputs, "outputs": digest(*outputs)}})


def forget(workspace: Workspace, *steps: str) -> None:
    """Take back that steps are done, before what they made is written over: half a result is none."""
    state = _state(workspace)
    if any(step in state for step in steps):
        write_json(workspace.state_path, {step: digests for step, digests in state.items() if step not in steps})


def was_finished(workspace: Workspace, step: str) -> bool:
    """Whether `step` has come to its end, with whatever inputs."""
    return step in _state(workspace)


def _state(workspace: Workspace) -> dict[str, Any]:
    """Step to its digests. A state that cannot be read is forgotten: everything is then done again."""
    try:
        return read_json(workspace.state_path, "")
    except UserError:
        return {}
