"""What the functions of `from faqtune import …` take besides their own types: paths as text, one where several go."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from faqtune.workspace import Workspace

P = ParamSpec("P")
T = TypeVar("T")


def opening(step: Callable[P, T]) -> Callable[P, T]:
    """`step`, which also takes the path of a project's folder as the project, text or any path object as a path, a
    path as the name of a model, and one of a thing, any list, or None, where a tuple goes. It raises TypeError, naming
    the parameter, for anything else where a project or a path is wanted."""
    signature = inspect.signature(step)

    @functools.wraps(step)
    def opened(*args: P.args, **kwargs: P.kwargs) -> T:
        given = signature.bind(*args, **kwargs)
        for name, value in given.arguments.items():
            taken = _TAKEN.get(str(signature.parameters[name].annotation))
            if taken is not None:
                given.arguments[name] = taken(name, value)
        return step(*given.args, **given.kwargs)

    return opened


def _project(_name: str, given: object) -> Workspace:
    if isinstance(given, str | os.PathLike):
        return Workspace(Path(given))
    if isinstance(given, Workspace):
        return given
    raise TypeError(
        f"a project is a Workspace, or the path of its folder, and no {type(given).__name__}: {given!r:.40}"
    )


def _path(name: str, given: object) -> Path:
    if isinstance(given, str | os.PathLike):
        return Path(given)
    raise TypeError(f"`{name}` takes a path, and no {type(given).__name__}: {given!r:.40}")


def _path_or_none(name: str, given: object) -> Path | None:
    return None if given in (None, "") else _path(name, given)


def _text(_name: str, given: object) -> object:
    return os.fspath(given) if isinstance(given, os.PathLike) else given


def _several(of: Callable[[str, object], object]) -> Callable[[str, object], object]:
    def taken(name: str, given: object) -> object:
        if given is None:
            return ()
        if isinstance(given, str | os.PathLike) or not isinstance(given, Iterable):
            return (of(name, given),)
        return tuple(of(name, each) for each in given)

    return taken


_TAKEN: Mapping[str, Callable[[str, Any], object]] = {
    "Workspace": _project,
    "Path": _path,
    "Path | None": _path_or_none,
    "str": _text,
    "tuple[Path, ...]": _several(_path),
    "tuple[str, ...]": _several(_text),
    "Sequence[str]": _several(_text),
}
"""By the annotation of a parameter. What is not here goes on as it is."""
