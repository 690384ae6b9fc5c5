"""Which steps of a project are done, and with what: nothing is done twice, and nothing half done counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from faqtune import __version__
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.stored import read_json, write_json
from faqtune.workspace import Workspace

VERSION = "faqtune"
KEPT = "kept, since making it takes long; --force makes it again"


def is_current(
    workspace: Workspace,
    step: str,
    inputs: str,
    outputs: Iterable[Path],
    *,
    say: Callable[[str], object] = lambda text: None,
    is_dear: bool = False,
) -> bool:
    """Whether `step` was last finished with these inputs (a digest) and its outputs are still as it left them.

    What another version of faqtune made is to be made again, or kept where making it `is_dear`; `say` is told.
    """
    outputs = list(outputs)
    if not all(path.exists() for path in outputs):
        return False
    done = _state(workspace).get(step)
    if not isinstance(done, dict) or (done.get("inputs"), done.get("outputs")) != (inputs, digest(*outputs)):
        return False
    if other := of_another_version(done.get(VERSION)):
        say(f"{step}: {other}: {KEPT if is_dear else 'made again'}")
    return is_dear or not other


def of_another_version(made_by: str | None) -> str:
    """What to say of something that `made_by` (None: before versions were remembered) made; "" if it is this one."""
    if made_by == __version__:
        return ""
    return f"made by {f'faqtune {made_by}' if made_by else 'an earlier faqtune'}, this is {__version__}"


def mark_current(workspace: Workspace, step: str, inputs: str, outputs: Iterable[Path]) -> None:
    """Remember that `step` is done; called last, so that an interrupted step is done again."""
    done = {"inputs": inputs, "outputs": digest(*outputs), VERSION: __version__}
    write_json(workspace.state_path, _state(workspace) | {step: done})


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
