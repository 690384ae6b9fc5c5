"""How a project's files are written and read: JSON and JSON lines, atomic, each error naming the command that helps.

JSON is UTF-8. Half a surrogate pair (an emoji cut in two by an export) has no UTF-8 form: it is
written as its escape, `\\ud83d`, and read back as it was; two halves side by side become whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from faqtune.atomic import atomic_text
from faqtune.errors import UserError
from faqtune.records import SCHEMA, Conversation

T = TypeVar("T")


def write_text(path: Path, text: str) -> None:
    """Atomic write of a whole text file (UTF-8)."""
    with atomic_text(path) as file:
        file.write(text)


def write_json(path: Path, data: Any) -> None:
    """Atomic write of one JSON object; dataclasses become objects."""
    write_text(path, json.dumps(data, ensure_ascii=False, indent=1, default=asdict) + "\n")


def write_jsonl(path: Path, records: Iterable[Any], kind: str = "") -> int:
    """Atomic, streaming write: a schema line, then one record per line. Returns the number of records.

    `kind` tells a reader of the file what the records are; unset: as the file is called.
    """
    count = 0
    with atomic_text(path) as file:
        file.write(json.dumps({"schema": SCHEMA, "kind": kind or path.stem}) + "\n")
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False, default=_as_row) + "\n")
            count += 1
    return count


def _as_row(record: Any) -> dict[str, Any]:
    """A record as JSON has it; turns without pictures have no place for them."""
    row = asdict(record)
    if isinstance(record, Conversation):
        for turn in row["turns"]:
            if not turn["images"]:
                del turn["images"]
    return row


def read_json(path: Path, made_by: str) -> dict[str, Any]:
    """One JSON object. Raises UserError that names the command which makes the file."""
    with reading(path, made_by):
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ValueError("no JSON object")
        return _Members(data, path, made_by)


class _Members(dict[str, Any]):
    """What `read_json` has read. A member that is looked for and not there makes the file a damaged one."""

    def __init__(self, data: dict[str, Any], path: Path, made_by: str) -> None:
        super().__init__(data)
        self._path, self._made_by = path, made_by

    def __missing__(self, key: str) -> Any:
        raise UserError(f"{self._path} is damaged (no `{key}`)", _anew(self._path, self._made_by))


def read_jsonl(path: Path, made_by: str, build: Callable[[dict[str, Any]], T]) -> Iterator[T]:
    """Records of a file written by `write_jsonl`, one by one, each as what `build` makes of it.

    Raises UserError if the file is missing, damaged or of another version.
    """
    with reading(path, made_by), path.open(encoding="utf-8") as file:
        head = json.loads(file.readline() or "null")
        if not isinstance(head, dict) or "schema" not in head:
            raise ValueError("line 1: no schema")
        check_schema(path, head["schema"], made_by)
        for number, line in enumerate(file, start=2):
            try:
                record = build(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"line {number}: {error!r}") from None
            yield record


@contextmanager
def reading(path: Path, made_by: str) -> Iterator[None]:
    """What fails while `path` is read, as a UserError that names the command which makes the file."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"there is no {path}", f"run `{made_by}` first") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "check what it is, and its permissions") from None
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error})", _anew(path, made_by)) from None


WITHOUT_FORCE = (
    "faqtune annotate", "faqtune calibrate", "faqtune calibrate --index", "faqtune label --llm",
    "faqtune labels --learning-curve", "faqtune write",
)  # fmt: skip
"""Commands that have no `--force`, or would throw away what was paid for: they make a file that is not there."""


def _anew(path: Path, made_by: str) -> str:
    """The next step by which a file is made anew."""
    if made_by in WITHOUT_FORCE:
        return f"move {path} away, then run `{made_by}`"
    return f"run `{made_by} --force`"


def check_schema(path: Path, schema: Any, made_by: str) -> None:
    """Raises UserError for a file of another form than this version reads."""
    if schema != SCHEMA:
        raise UserError(
            f"{path} was written by another version of faqtune (form {schema}, this one reads {SCHEMA})",
            _anew(path, made_by),
        )
