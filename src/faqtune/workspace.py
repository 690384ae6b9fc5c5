"""Where every file of a project lies; atomic writes, digests, and skipping what has not changed."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

from faqtune.config import CONFIG_NAME, Config, load_config
from faqtune.errors import UserError
from faqtune.records import SCHEMA, Catalogue, Conversation, Entry, Noise, Pair, Query, Split, Turn

T = TypeVar("T")


@dataclass(frozen=True)
class Workspace:
    """A project folder. Paths only; nothing is created until something is written."""

    root: Path

    @property
    def config_path(self) -> Path:
        return self.root / CONFIG_NAME

    @property
    def catalogue_path(self) -> Path:
        return self.root / "catalogue.jsonl"

    @property
    def conversations_path(self) -> Path:
        return self.root / "conversations.jsonl"

    @property
    def noise_path(self) -> Path:
        return self.root / "noise.jsonl"

    @property
    def queries_path(self) -> Path:
        return self.root / "queries.jsonl"

    @property
    def pairs_path(self) -> Path:
        return self.root / "pairs.jsonl"

    @property
    def split_path(self) -> Path:
        return self.root / "split.json"

    @property
    def claims_path(self) -> Path:
        return self.root / "claims.db"

    @property
    def runs_path(self) -> Path:
        return self.root / "runs"

    def config(self) -> Config:
        return load_config(self.config_path)

    def resolve(self, name: str) -> Path:
        """A path of the config, relative to the project folder."""
        return (self.root / Path(name).expanduser()).resolve()

    def catalogue(self) -> Catalogue:
        rows = read_jsonl(self.catalogue_path, "faqtune ingest")
        return Catalogue(tuple(Entry(**{**row, "questions": tuple(row["questions"])}) for row in rows))

    def conversations(self) -> Iterator[Conversation]:
        """Streamed: memory does not grow with the size of the logs."""
        for row in read_jsonl(self.conversations_path, "faqtune ingest"):
            yield Conversation(row["id"], tuple(Turn(**turn) for turn in row["turns"]), row["source"])

    def noise(self) -> list[Noise]:
        return [Noise(**row) for row in read_jsonl(self.noise_path, "faqtune ingest")]

    def queries(self) -> list[Query]:
        rows = read_jsonl(self.queries_path, "faqtune label")
        return [Query(**{**row, "turns": tuple(row["turns"])}) for row in rows]

    def pairs(self) -> list[Pair]:
        rows = read_jsonl(self.pairs_path, "faqtune split")
        return [Pair(**{**row, "claims": tuple(row["claims"])}) for row in rows]

    def split(self) -> Split:
        data = read_json(self.split_path, "faqtune split")
        data.pop("schema", None)
        return Split(**data)


@contextmanager
def atomic_text(path: Path) -> Iterator[TextIO]:
    """Open a neighbour of `path` for writing; on success fsync and rename it over `path`.

    On any error the neighbour is removed and what was at `path` before is untouched.
    Raises UserError when the disk is full or the place cannot be written.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_error(path: Path, error: OSError) -> UserError:
    """What a failed write means for the user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(
            f"{path}: the disk is full; nothing was changed", "free some room and run the same command again"
        )
    return UserError(f"{path}: {error.strerror or error}", "check the folder and its permissions")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Atomic write of a whole text file (UTF-8)."""
    with atomic_text(path) as file:
        file.write(text)


def write_json(path: Path, data: Any) -> None:
    """Atomic write of one JSON object; dataclasses become objects."""
    write_text(path, json.dumps(_plain(data), ensure_ascii=False, indent=1) + "\n")


def write_jsonl(path: Path, records: Iterable[Any]) -> int:
    """Atomic, streaming write: a schema line, then one record per line. Returns the number of records."""
    count = 0
    with atomic_text(path) as file:
        file.write(json.dumps({"schema": SCHEMA, "kind": path.stem}) + "\n")
        for record in records:
            file.write(json.dumps(_plain(record), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_json(path: Path, made_by: str) -> dict[str, Any]:
    """One JSON object. Raises UserError that names the command which makes the file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no {path}", f"run `{made_by}` first") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error})", f"run `{made_by} --force`") from None


def read_jsonl(path: Path, made_by: str) -> Iterator[dict[str, Any]]:
    """Records of a file written by `write_jsonl`. Raises UserError if it is missing, damaged or of a later version."""
    try:
        with path.open(encoding="utf-8") as file:
            head = json.loads(file.readline() or "{}")
            if head.get("schema") != SCHEMA:
                raise UserError(
                    f"{path} was written by another version of faqtune (form {head.get('schema')}, this one reads {SCHEMA})",
                    f"run `{made_by} --force`",
                )
            for line in file:
                yield json.loads(line)
    except FileNotFoundError:
        raise UserError(f"there is no {path}", f"run `{made_by}` first") from None
    except (ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error})", f"run `{made_by} --force`") from None


def digest(*sources: Path | str) -> str:
    """sha256 over the content of files (and folders, by name) and over texts given as str."""
    total = hashlib.sha256()
    for source in sources:
        if isinstance(source, str):
            total.update(b"text\0" + source.encode() + b"\0")
            continue
        files = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
        for file in files:
            total.update(file.name.encode() + b"\0")
            with file.open("rb") as handle:
                total.update(hashlib.file_digest(handle, "sha256").digest())
    return total.hexdigest()


def is_current(workspace: Workspace, step: str, inputs: str, outputs: Iterable[Path]) -> bool:
    """Whether `step` was last finished with these inputs (a digest) and its outputs are still as it left them."""
    state = _state(workspace).get(step, {})
    outputs = list(outputs)
    return (
        state.get("inputs") == inputs
        and all(path.exists() for path in outputs)
        and state.get("outputs") == digest(*outputs)
    )


def mark_current(workspace: Workspace, step: str, inputs: str, outputs: Iterable[Path]) -> None:
    """Remember that `step` is done; called last, so that an interrupted step is done again."""
    state = _state(workspace)
    state[step] = {"inputs": inputs, "outputs": digest(*outputs)}
    write_json(workspace.root / ".faqtune-state.json", state)


def _state(workspace: Workspace) -> dict[str, Any]:
    path = workspace.root / ".faqtune-state.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def _plain(record: Any) -> Any:
    return dataclasses.asdict(record) if dataclasses.is_dataclass(record) and not isinstance(record, type) else record
