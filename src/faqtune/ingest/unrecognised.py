"""What is said of a file in which nothing is recognised: what was seen in it, and what to write so that it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from faqtune.errors import UserError
from faqtune.ingest.cells import cell_text
from faqtune.ingest.headers import MOST_NAMES, SEARCH_ROWS, keys_seen, names_seen
from faqtune.ingest.jsonstream import layout_of, whole_object
from faqtune.ingest.kinds import Kind, Source
from faqtune.ingest.sheets import open_sheets

KNOWN_ROLES = ("role", "sender", "发送者")
KNOWN_TEXTS = ("content", "text", "内容")
"""Some of the names that `faqtune.ingest.names` knows, for messages."""
NESTED_LISTS = 5
"""Keys whose own keys a message lists."""


def headers_in(source: Source, kind: Kind, besides: Collection[str] = ()) -> tuple[str, ...]:
    """The headers of a table, each with its sheet if it has a name; of no sheet that is named in `besides`."""
    seen = [
        f"{name} (sheet {sheet.name})" if sheet.name else name
        for sheet, _ in open_sheets(source, kind)
        if sheet.name not in besides
        for name in names_seen(list(islice(sheet.rows, SEARCH_ROWS)))
    ]
    return tuple(seen[:MOST_NAMES])


def is_blank(source: Source, kind: Kind) -> bool:
    """Whether no cell of a table has a text."""
    return not any(cell_text(cell) for sheet, _ in open_sheets(source, kind) for row in sheet.rows for cell in row)


def keys_in(source: Source) -> tuple[str, ...]:
    """The keys of a JSON file's first item, then those of the lists and objects in it: "聊天 → 谁说的, 说了啥"."""
    layout = layout_of(source)
    first = whole_object(source) if layout.form == "object" else layout.first
    return (*(keys_seen(first) or _keys_inside(first)), *_nested(first))


def _nested(item: Any) -> list[str]:
    inside = ((key, _keys_inside(value)) for key, value in item.items()) if isinstance(item, dict) else ()
    return [f"{key} → {', '.join(keys)}" for key, keys in inside if keys][:NESTED_LISTS]


def _keys_inside(value: Any) -> list[str]:
    if isinstance(value, list):
        value = next((element for element in value if isinstance(element, dict)), None)
    return keys_seen(value)


def nothing_recognised(path: Path, seen: Collection[str], *, is_json: bool, has_catalogue: bool) -> UserError:
    """The error for a file of which `seen` are the headers or keys; `has_catalogue`: another file is the catalogue."""
    what = "keys" if is_json else "headers"
    problem = (
        f"{path.name}: neither questions with answers nor conversations nor sentences are recognised in it; "
        f"{what} seen: {', '.join(seen) or 'none'}"
    )
    as_logs = _as_logs(is_json=is_json)
    return UserError(problem, as_logs if has_catalogue else f"{as_catalogue(path.name, is_json=is_json)}; {as_logs}")


def as_catalogue(name: str, *, is_json: bool = False) -> str:
    """What to do so that a file is read as the catalogue, with the lines of faqtune.toml."""
    names = "keys to `problems` and `answer`" if is_json else "headers to 问题 and 答案 (question and answer)"
    return (
        f"if {name} is the catalogue, rename the {names}, or write under `[catalogue]` in faqtune.toml "
        '`question_columns = ["…"]` and `answer_column = "…"`'
    )


def _as_logs(*, is_json: bool) -> str:
    columns = '`role_column = "…"` and `text_column = "…"`'
    if not is_json:
        return (
            f'if these are chat logs, write under `[conversations]` in faqtune.toml `session_column = "…"`, {columns}'
        )
    return (
        f"if these are chat logs, call who wrote a message {_any_of(KNOWN_ROLES)} and its text {_any_of(KNOWN_TEXTS)}, "
        f"or write what they are called under `[conversations]` in faqtune.toml: {columns}"
    )


def _any_of(names: Sequence[str]) -> str:
    """
    >>> _any_of(("a", "b", "c"))
    '`a`, `b` or `c`'
    """
    *others, last = (f"`{name}`" for name in names)
    return f"{', '.join(others)} or {last}"
