"""Where every file of a project lies, and what is read from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from faqtune.config import CONFIG_NAME, Config, load_config
from faqtune.errors import UserError
from faqtune.records import SCHEMA, Catalogue, Conversation, Entry, Noise, OwnPair, Pair, Query, Split, Turn
from faqtune.stored import check_schema, read_json, read_jsonl, reading

T = TypeVar("T")


@dataclass(frozen=True, init=False)
class Workspace:
    """A project folder. Paths only; nothing is created until something is written."""

    root: Path

    def __init__(self, root: str | Path) -> None:
        object.__setattr__(self, "root", Path(root))

    @property
    def config_path(self) -> Path:
        return self.root / CONFIG_NAME

    @property
    def catalogue_path(self) -> Path:
        return self.root / "catalogue.jsonl"

    @property
    def former_entries_path(self) -> Path:
        """Entries that left the catalogue or were called otherwise, as they stood last."""
        return self.root / "former-entries.jsonl"

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
    def own_pairs_path(self) -> Path:
        """Labelled pairs that the user brought along, to train on."""
        return self.root / "own-pairs.jsonl"

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

    def refuse_no_project(self) -> None:
        """Raises UserError where there is no project: advice on its missing files would lead from one to the next."""
        if self.config_path.exists():
            return
        root = self.root.resolve() if self.root == Path() else self.root
        why = f"it has no {CONFIG_NAME}" if root.exists() else "there is no such folder"
        raise UserError(
            f"there is no project in {root}: {why}", "check --project, or begin a project with `faqtune init FILES…`"
        )

    def _made(self, path: Path) -> Path:
        """A file that commands have made. Raises UserError where neither it nor a project is there."""
        if not path.exists():
            self.refuse_no_project()
        return path

    def config(self) -> Config:
        self.refuse_no_project()
        return load_config(self.config_path)

    def resolve(self, name: str) -> Path:
        """A path of the config, relative to the project folder; `~/` is the user's home."""
        # Only `~/`: the lock file of an open spreadsheet (~$base2.xlsx) is no user's home.
        return (self.root / (Path(name).expanduser() if name.startswith(("~/", "~\\")) else name)).resolve()

    def catalogue(self) -> Catalogue:
        return Catalogue(
            tuple(read_jsonl(self._made(self.catalogue_path), "faqtune ingest", _maker(Entry, "questions")))
        )

    def former_entries(self) -> list[Entry]:
        """Each id once, with all questions that it has had; nothing where none has left or was called otherwise."""
        if not self.former_entries_path.exists():
            return []
        return list(read_jsonl(self.former_entries_path, "faqtune ingest", _maker(Entry, "questions")))

    def conversations(self) -> Iterator[Conversation]:
        """Streamed: memory does not grow with the size of the logs."""
        return read_jsonl(self._made(self.conversations_path), "faqtune ingest", _conversation)

    def has_logs(self) -> bool:
        """Whether any conversation was read: without one, hand labels are all there is to train on and to measure."""
        return next(self.conversations(), None) is not None

    def noise(self) -> list[Noise]:
        return list(read_jsonl(self._made(self.noise_path), "faqtune ingest", lambda row: Noise(**row)))

    def queries(self) -> list[Query]:
        """Those of `faqtune label`, then those that other sources of labels have added in files of their own."""
        build = _maker(Query, "turns")
        found = list(read_jsonl(self._made(self.queries_path), "faqtune label", build))
        known = {query.id for query in found}
        for file in sorted(self.root.glob("queries-*.jsonl")):
            made_by = "faqtune annotate" if file == self.annotated_queries_path else "faqtune label --llm"
            found += [query for query in read_jsonl(file, made_by, build) if query.id not in known]
            known |= {query.id for query in found}
        return found

    def pairs(self) -> list[Pair]:
        return list(read_jsonl(self._made(self.pairs_path), "faqtune split", _maker(Pair, "claims")))

    def own_pairs(self) -> list[OwnPair]:
        """Nothing if faqtune.toml names no such files."""
        if not self.own_pairs_path.exists():
            return []
        return list(read_jsonl(self.own_pairs_path, "faqtune ingest", lambda row: OwnPair(**row)))

    def split(self) -> Split:
        made_by = "faqtune split"
        data = read_json(self._made(self.split_path), made_by)
        check_schema(self.split_path, data.pop("schema", SCHEMA), made_by)
        with reading(self.split_path, made_by):
            return Split(**data)


def _maker(kind: Callable[..., T], listed: str) -> Callable[[dict[str, Any]], T]:
    """A function from a row of JSON to a record, its field `listed` as a tuple."""
    return lambda row: kind(**{**row, listed: tuple(row[listed])})


def _conversation(row: dict[str, Any]) -> Conversation:
    return Conversation(**{**row, "turns": tuple(map(_turn, row["turns"]))})


def _turn(row: dict[str, Any]) -> Turn:
    return Turn(**{**row, "images": tuple(row.get("images", ()))})
