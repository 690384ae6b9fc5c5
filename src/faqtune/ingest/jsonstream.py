"""Items of JSON lists, however they are wrapped, streamed: `[…]`, JSONL, `{"data": {"list": […]}}`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, TextIO

import ijson

from faqtune.errors import UserError
from faqtune.ingest.encodings import open_text
from faqtune.ingest.kinds import Source

MAX_LINE_CHARS = 1 << 26
"""A longer line of JSONL, or a single object that must be held whole, is refused."""

_LOOK_CHARS = 1 << 20
"""A first line longer than this is taken for a whole file in one line, unless the name says JSONL."""

MAX_DEPTH = 100
"""Lists and objects inside each other; no chat system nests deeper, and each level costs more than the one before."""

LOOK_BYTES = 1024
"""Read at once while the layout is found out: ijson makes all events of a piece before it hands out the first."""

_BLANK = "\ufeff \t\r\n"
_LINE_SUFFIXES = {".jsonl", ".ndjson"}

Form = Literal["list", "lines", "object"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a JSON file is built.

    `list`: items stand in a list, at `prefix` (ijson's notation: `item`, `data.list.item`).
    `lines`: one item per line. `object`: no list of objects anywhere; `first` is None.
    `first` is the first item, None of an empty list.
    """

    encoding: str
    form: Form
    prefix: str = ""
    first: Any = None

    @property
    def key(self) -> str:
        """The name that the list stands under ("" at the top)."""
        return self.prefix.removesuffix("item").rstrip(".").rpartition(".")[2]


def layout_of(source: Source) -> Layout:
    """Find out how the file is built from its beginning. Raises UserError for broken JSON."""
    file, encoding = open_text(source.path)
    by_lines = source.path.suffix.lower() in _LINE_SUFFIXES
    most = MAX_LINE_CHARS if by_lines else _LOOK_CHARS
    with file:
        first = _object(_next_line(file, most))
        if _is_schema(first):
            first = _object(line := _next_line(file, most))
            if not line:
                return Layout(encoding, "lines")
        if first is not None and (by_lines or _next_line(file, most)):
            return Layout(encoding, "lines", first=first)
    with _events(source) as events:
        return _list_layout(encoding, events)


def _list_layout(encoding: str, events: Iterator[tuple[str, str, Any]]) -> Layout:
    """The first list that holds objects or lists, or a list at the top; otherwise `object`."""
    for prefix, event, _ in events:
        if event != "start_array":
            continue
        inside = f"{prefix}.item" if prefix else "item"
        builder = ijson.ObjectBuilder()
        for position, event, value in events:
            if position == prefix and event == "end_array":
                break
            builder.event(event, value)
            if position == inside and event in ("end_map", "end_array", "string", "number", "null", "boolean"):
                break
        first = getattr(builder, "value", None)
        if isinstance(first, dict | list) or not prefix:
            return Layout(encoding, "list", inside, first)
    return Layout(encoding, "object")


def stream_items(source: Source, layout: Layout) -> Iterator[tuple[int, Any]]:
    """Items with their number from 1 (of the line for JSONL). Raises UserError where the JSON is broken or cut off."""
    if layout.form == "lines":
        yield from _lines(source)
        return
    with _bytes(source) as file:
        number = 0
        try:
            for number, item in enumerate(ijson.items(file, layout.prefix), 1):
                yield number, item
        except (ijson.JSONError, ValueError, OverflowError, RecursionError) as error:
            raise _broken(source, f"after item {number}", error) from None


def stream_members(source: Source) -> Iterator[tuple[str, Any]]:
    """Keys and values of the object that the file is. Raises UserError where the JSON is broken."""
    with _bytes(source) as file:
        key = ""
        try:
            for key, value in ijson.kvitems(file, ""):
                yield key, value
        except (ijson.JSONError, ValueError, OverflowError, RecursionError) as error:
            raise _broken(source, f"after `{key}`" if key else "at the beginning", error) from None


def whole_object(source: Source) -> Any:
    """The whole file as one value. Raises UserError if it is broken or too large to be one conversation."""
    file, _ = open_text(source.path)
    with file:
        text = file.read(MAX_LINE_CHARS + 1)
    if len(text) > MAX_LINE_CHARS:
        raise UserError(f"{source.name}: one object of more than {MAX_LINE_CHARS >> 20} MB", "export it as JSONL")
    return _loads(source, "", text)


def _lines(source: Source) -> Iterator[tuple[int, Any]]:
    file, _ = open_text(source.path)
    with file:
        number = 0
        while line := file.readline(MAX_LINE_CHARS):
            number += 1
            if len(line) >= MAX_LINE_CHARS:
                raise UserError(f"{source.name}, line {number}: longer than {MAX_LINE_CHARS >> 20} MB", "mend it")
            item = _loads(source, f"line {number}", line) if line.strip(_BLANK) else None
            if item is not None and not _is_schema(item):
                yield number, item


def _loads(source: Source, where: str, text: str) -> Any:
    try:
        return json.loads(text.strip(_BLANK))
    except (ValueError, RecursionError) as error:
        raise _broken(source, where, error) from None


def _next_line(file: TextIO, most: int) -> str:
    """The next line that is not blank, or `most` characters of a longer one; "" at the end of the file."""
    while line := file.readline(most):
        if line.strip(_BLANK):
            return line.strip(_BLANK)
    return ""


def _object(line: str) -> dict[str, Any] | None:
    """The JSON object that a line is by itself, if it is one."""
    try:
        value = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_schema(item: Any) -> bool:
    """Whether an item is the first line of faqtune's own JSONL files."""
    return isinstance(item, dict) and item.keys() == {"schema", "kind"}


def _broken(source: Source, where: str, error: Exception) -> UserError:
    said = str(error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else error)
    place = f"{source.name}{f', {where}' if where else ''}"
    if "premature EOF" in said:
        return UserError(f"{place}: the file is cut off", "copy or export the file again")
    what, *near = [line.strip() for line in said.splitlines()] or [repr(error)]
    # yajl shows the text around the fault, then an arrow to it.
    shown = f", near {near[0]!r}" if len(near) > 1 and near[0] else ""
    return UserError(f"{place}: broken JSON: {what.rstrip('.')}{shown}", "mend it there, or export the file again")


class _Utf8:
    """The bytes that ijson wants, of a text file in any encoding. Raises ValueError where they nest too deep."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._depth = 0
        self._before = b""

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size).encode()
        self._go_down(self._before + piece)
        return piece

    def _go_down(self, piece: bytes) -> None:
        """Follow the depth: ijson would find out only after it has filled the memory.

        Quotes next to each other end one string and begin another, so that taking both away changes nothing.
        """
        unescaped = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        marks = unescaped.translate(None, _NO_MARKS).replace(b'""', b"")
        self._before = b'"' * (marks.count(b'"') % 2) + b"\\" * unescaped.endswith(b"\\")
        depths = [*accumulate(map(_STEPS.__getitem__, _STRING.sub(b"", marks)), initial=self._depth)]
        if max(depths) > MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} lists and objects inside each other")
        self._depth = depths[-1]


_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_MARKS = bytes(set(range(256)) - {ord('"'), *_STEPS})
_STRING = re.compile(rb'"[^"]*"?')


@contextmanager
def _bytes(source: Source) -> Iterator[_Utf8]:
    file, _ = open_text(source.path)
    with file:
        yield _Utf8(file)


@contextmanager
def _events(source: Source) -> Iterator[Iterator[tuple[str, str, Any]]]:
    with _bytes(source) as file:
        try:
            yield ijson.parse(file, buf_size=LOOK_BYTES)
        except (ijson.JSONError, ValueError, OverflowError, RecursionError) as error:
            raise _broken(source, "at the beginning", error) from None
