"""Where every file of a project lies; atomic writes, digests, and skipping what has not changed.

JSON is UTF-8. Half a surrogate pair (an emoji cut in two by an export) has no UTF-8 form: it is
written as its escape, `\\ud83d`, and read back as it was; two halves side by side become whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from faqtune.atomic import atomic_text as atomic_text
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
    def llm_queries_path(self) -> Path:
        """Queries that a language model was the first to label."""
        return self.root / "queries-llm.jsonl"

    @property
    def answers_path(self) -> Path:
        """What language models have answered; see `faqtune.label.llm.cache`."""
        return self.root / "llm-answers.db"

    @property
    def synthetic_path(self) -> Path:
        """What language models have written to train on."""
        return self.root / "synthetic.jsonl"

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

    @property
    def acts_path(self) -> Path:
        """What people did on the page of `faqtune annotate` or in its terminal."""
        return self.root / "annotate.db"

    @property
    def annotated_queries_path(self) -> Path:
        """Queries that a person was the first to label."""
        return self.root / "queries-annotated.jsonl"

    @property
    def state_path(self) -> Path:
        return self.root / ".faqtune-state.json"

    def config(self) -> Config:
        return load_config(self.config_path)

    def resolve(self, name: str) -> Path:
        """A path of the config, relative to the project folder; `~/` is the user's home."""
        # Only `~/`: the lock file of an open spreadsheet (~$base2.xlsx) is no user's home.
        return (self.root / (Path(name).expanduser() if name.startswith(("~/", "~\\")) else name)).resolve()

    def catalogue(self) -> Catalogue:
        return Catalogue(tuple(read_jsonl(self.catalogue_path, "faqtune ingest", _maker(Entry, "questions"))))

    def conversations(self) -> Iterator[Conversation]:
        """Streamed: memory does not grow with the size of the logs."""
        return read_jsonl(self.conversations_path, "faqtune ingest", _conversation)

    def noise(self) -> list[Noise]:
        return list(read_jsonl(self.noise_path, "faqtune ingest", lambda row: Noise(**row)))

    def queries(self) -> list[Query]:
        """Those of `faqtune label`, then those that other sources of labels have added in files of their own."""
        build = _maker(Query, "turns")
        found = list(read_jsonl(self.queries_path, "faqtune label", build))
        known = {query.id for query in found}
        for file in sorted(self.root.glob("queries-*.jsonl")):
            made_by = "faqtune annotate" if file == self.annotated_queries_path else "faqtune label --llm"
            found += [query for query in read_jsonl(file, made_by, build) if query.id not in known]
            known |= {query.id for query in found}
        return found

    def pairs(self) -> list[Pair]:
        return list(read_jsonl(self.pairs_path, "faqtune split", _maker(Pair, "claims")))

    def split(self) -> Split:
        made_by = "faqtune split"
        data = read_json(self.split_path, made_by)
        _check_schema(self.split_path, data.pop("schema", SCHEMA), made_by)
        with _reading(self.split_path, made_by):
            return Split(**data)


def _maker(kind: Callable[..., T], listed: str) -> Callable[[dict[str, Any]], T]:
    """A function from a row of JSON to a record, its field `listed` as a tuple."""
    return lambda row: kind(**{**row, listed: tuple(row[listed])})


def _conversation(row: dict[str, Any]) -> Conversation:
    return Conversation(**{**row, "turns": tuple(map(_turn, row["turns"]))})


def _turn(row: dict[str, Any]) -> Turn:
    return Turn(**{**row, "images": tuple(row.get("images", ()))})


def write_text(path: Path, text: str) -> None:
    """Atomic write of a whole text file (UTF-8)."""
    with atomic_text(path) as file:
        file.write(text)


def write_json(path: Path, data: Any) -> None:
    """Atomic write of one JSON object; dataclasses become objects."""
    write_text(path, json.dumps(data, ensure_ascii=False, indent=1, default=asdict) + "\n")


def write_jsonl(path: Path, records: Iterable[Any]) -> int:
    """Atomic, streaming write: a schema line, then one record per line. Returns the number of records."""
    count = 0
    with atomic_text(path) as file:
        file.write(json.dumps({"schema": SCHEMA, "kind": path.stem}) + "\n")
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
    with _reading(path, made_by):
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
    with _reading(path, made_by), path.open(encoding="utf-8") as file:
        head = json.loads(file.readline() or "null")
        if not isinstance(head, dict) or "schema" not in head:
            raise ValueError("line 1: no schema")
        _check_schema(path, head["schema"], made_by)
        for number, line in enumerate(file, start=2):
            try:
                record = build(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"line {number}: {error!r}") from None
            yield record


@contextmanager
def _reading(path: Path, made_by: str) -> Iterator[None]:
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
    "faqtune annotate", "faqtune calibrate", "faqtune label --llm", "faqtune labels --learning-curve", "faqtune write",
)  # fmt: skip
"""Commands that have no `--force`, or would throw away what was paid for: they make a file that is not there."""


def _anew(path: Path, made_by: str) -> str:
    """The next step by which a file is made anew."""
    if made_by in WITHOUT_FORCE:
        return f"move {path} away, then run `{made_by}`"
    return f"run `{made_by} --force`"


def _check_schema(path: Path, schema: Any, made_by: str) -> None:
    if schema != SCHEMA:
        raise UserError(
            f"{path} was written by another version of faqtune (form {schema}, this one reads {SCHEMA})",
            _anew(path, made_by),
        )


def digest(*sources: Path | str) -> str:
    """sha256 over texts (str) and over the names and contents of files (Path).

    A folder counts with every file in it, by its path inside the folder. Where files lie and when
    they were written does not count; a file that is not there is a content of its own. Raises
    UserError for a file that cannot be read.
    """
    return _sha256(b"all", *map(_digest_of, sources)).hex()


def _digest_of(source: Path | str) -> bytes:
    if isinstance(source, str):
        return _sha256(b"text", source.encode("utf-8", "surrogatepass"))
    if source.is_dir():
        files = sorted(file for file in source.rglob("*") if file.is_file())
        return _sha256(b"folder", *(_digest_of_file(file, file.relative_to(source)) for file in files))
    return _digest_of_file(source, Path(source.name))


def _digest_of_file(file: Path, name: Path) -> bytes:
    try:
        with file.open("rb") as handle:
            content = hashlib.file_digest(handle, "sha256").digest()
    except FileNotFoundError:
        content = bytes(32)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}", "check its permissions") from None
    return _sha256(b"file", os.fsencode(name.as_posix()), content)


def _sha256(kind: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(b"\0".join((kind, *parts))).digest()
