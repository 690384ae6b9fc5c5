"""Commands that write into a project do so one at a time: two trainings in one folder would spoil each other's run."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from faqtune.locks import only_writer
from faqtune.workspace import Workspace

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def writes_project(
    command: Callable[Concatenate[Workspace, Arguments], Result],
) -> Callable[Concatenate[Workspace, Arguments], Result]:
    """The same command, as the only writer of its project. Raises UserError while another one writes."""

    @wraps(command)
    def alone(workspace: Workspace, /, *arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        # Where there is no project, the command says so, and must leave nothing behind.
        if not workspace.config_path.exists():
            return command(workspace, *arguments, **options)
        with only_writer(workspace.root):
            return command(workspace, *arguments, **options)

    return alone
