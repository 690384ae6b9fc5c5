"""`faqtune ingest`: every input form into catalogue, conversations and noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faqtune.alone import alone
from faqtune.config import Config
from faqtune.errors import UserError
from faqtune.ingest import FileReport, IngestReport, Remark, read_catalogue, read_conversations, read_noise
from faqtune.progress import Reporter, Silent
from faqtune.records import Conversation
from faqtune.steps import is_current, mark_current
from faqtune.workspace import Workspace, digest, read_json, write_json, write_jsonl

STEP = "ingest"
SAID_EVERY_CONVERSATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Ingested:
    """Counts, and one report per kind of input (`catalogue`, `conversations`, `noise`).

    `turns` are those with a customer's text. `skipped`: nothing had changed, all this is what was said then.
    """

    skipped: bool
    entries: int
    questions: int
    conversations: int
    turns: int
    noise: int
    reports: dict[str, IngestReport]


@alone
def ingest_files(workspace: Workspace, *, force: bool = False, reporter: Reporter | None = None) -> Ingested:
    """Read all files of `faqtune.toml` into `catalogue.jsonl`, `conversations.jsonl` and `noise.jsonl`.

    Conversations are streamed. Raises UserError with file, sheet and row for input that cannot be
    read; then nothing is written and what was there stays.
    """
    reporter = reporter or Silent()
    config = workspace.config()
    files = _files(workspace, config)
    inputs = _inputs(config, files)
    written = [workspace.catalogue_path, workspace.conversations_path, workspace.noise_path]
    outputs = [*written, _summary_path(workspace)]
    if not force and is_current(workspace, STEP, inputs, outputs):
        return replace(_read(workspace), skipped=True)
    catalogue, catalogue_report = read_catalogue(files["catalogue"], config.catalogue)
    noise, noise_report = read_noise(files["noise"], config.noise) if files["noise"] else ([], IngestReport())
    conversations: Iterable[Conversation] = ()
    report = IngestReport()
    if files["conversations"]:
        conversations, report = read_conversations(files["conversations"], config.conversations)
    counter = _Counter(reporter)
    write_jsonl(workspace.conversations_path, counter.counted(conversations))
    write_jsonl(workspace.catalogue_path, catalogue)
    write_jsonl(workspace.noise_path, noise)
    result = Ingested(
        skipped=False,
        entries=len(catalogue),
        questions=len(catalogue.questions),
        conversations=counter.conversations,
        turns=counter.turns,
        noise=len(noise),
        reports={"catalogue": catalogue_report, "conversations": report, "noise": noise_report},
    )
    write_json(_summary_path(workspace), result)
    mark_current(workspace, STEP, inputs, outputs)
    return result


def _files(workspace: Workspace, config: Config) -> dict[str, list[Path]]:
    """The input files of each kind. Raises UserError for one that is missing, and without a catalogue."""
    if not config.catalogue.files:
        raise UserError("faqtune.toml names no catalogue file", "run `faqtune init FAQ.xlsx LOGS… --noise CHATTER…`")
    named = {
        "catalogue": config.catalogue.files,
        "conversations": config.conversations.files,
        "noise": config.noise.files,
    }
    files = {kind: [workspace.resolve(name) for name in names] for kind, names in named.items()}
    for kind, paths in files.items():
        for path in paths:
            if not path.exists():
                raise UserError(f"there is no {path}", f"mend {kind}.files in {workspace.config_path}")
    return files


def _inputs(config: Config, files: dict[str, list[Path]]) -> str:
    settings = [section.model_dump_json() for section in (config.catalogue, config.conversations, config.noise)]
    return digest(*settings, *(path for paths in files.values() for path in paths))


@dataclass(slots=True)
class _Counter:
    """Counts conversations on their way to the disk, so that they are read only once."""

    reporter: Reporter
    conversations: int = 0
    turns: int = 0

    def counted(self, conversations: Iterable[Conversation]) -> Iterator[Conversation]:
        for conversation in conversations:
            self.conversations += 1
            self.turns += sum(1 for turn in conversation.turns if turn.customer)
            if self.conversations % SAID_EVERY_CONVERSATIONS == 0:
                self.reporter.say(f"    {self.conversations} conversations read")
            yield conversation


def _summary_path(workspace: Workspace) -> Path:
    return workspace.root / "ingested.json"


def _read(workspace: Workspace) -> Ingested:
    """What the last reading said."""
    data = read_json(_summary_path(workspace), "faqtune ingest")
    return Ingested(**{**data, "reports": {kind: _report(report) for kind, report in data["reports"].items()}})


def _report(data: dict[str, Any]) -> IngestReport:
    return IngestReport(
        {name: FileReport(**file) for name, file in data["files"].items()},
        [Remark(**remark) for remark in data["skipped"]],
        [Remark(**remark) for remark in data["notes"]],
    )
