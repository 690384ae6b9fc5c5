"""Results on stdout: text for people, or one JSON object."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel


def emit_json(result: Any) -> None:
    """One JSON object on one line."""
    sys.stdout.write(json.dumps(plain(result), ensure_ascii=False) + "\n")


def emit(*lines: str) -> None:
    sys.stdout.write("".join(line + "\n" for line in lines))


def plain(value: Any) -> Any:
    """Records as what JSON knows.

    >>> plain({"where": Path("a"), "pairs": ((1, 2),)})
    {'where': 'a', 'pairs': [[1, 2]]}
    """
    if isinstance(value, BaseModel):
        return value.model_dump()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def table(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    """Left-aligned columns, wide characters counted as two.

    >>> table(("part", "n"), [("训练", 10), ("test", 2)])
    ['part  n', '训练  10', 'test  2']
    """
    cells = [tuple(map(str, row)) for row in (header, *rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(header))]
    return ["  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells]


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
