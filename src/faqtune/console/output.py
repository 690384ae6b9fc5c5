"""Results on stdout: text for people, or one JSON object."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.cells import cell_len

from faqtune.console.printable import printable

UNCHANGED = "Nothing has changed; use --force to do it again."


def emit_json(result: Any) -> None:
    """One JSON object on one line, in UTF-8 whatever the locale; half a surrogate pair as its escape."""
    text = json.dumps(plain(result), ensure_ascii=False, allow_nan=False)
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def emit(*lines: str) -> None:
    """Lines for people, at once."""
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """Records as what JSON knows; a number that JSON does not know (NaN) is None.

    >>> plain({"where": Path("a"), "pairs": ((1, float("nan")),)})
    {'where': 'a', 'pairs': [[1, None]]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Left-aligned columns, wide characters counted as two.

    >>> table(("part", "n"), [("训练", 10), ("test", 2)])
    ['part  n', '训练  10', 'test  2']
    """
    lines = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(_padded, line, widths)).rstrip() for line in lines]


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(cell))


def told_chosen(chosen: int) -> list[str]:
    """A line about hand labels of queries that the queue of `faqtune annotate` chose, if there are any."""
    if not chosen:
        return []
    which = "1 hand label that trains judges" if chosen == 1 else f"{chosen} hand labels that train judge"
    asked = "its query was" if chosen == 1 else "their queries were"
    return [f"{which} no source: {asked} asked for being doubtful; those that the queue draws by chance do."]


def next_step(command: str, project: Path, rest: str = "") -> str:
    """The command to go on with, as it can be pasted into a shell.

    >>> next_step("label", Path("my shop")), next_step("label", Path())
    ("Next: faqtune label --project 'my shop'", 'Next: faqtune label')
    """
    where = "" if project == Path() else f" --project {shlex.quote(str(project))}"
    return f"Next: faqtune {command}{where}{rest}"
