"""`faqtune ingest`: every input form into catalogue, conversations and noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faqtune.config import Config
from faqtune.errors import UserError
from faqtune.ingest import IngestReport, read_catalogue, read_conversations, read_noise
from faqtune.progress import Reporter, Silent
from faqtune.records import Conversation
from faqtune.workspace import Workspace, digest, is_current, mark_current, write_jsonl

EVERY_CONVERSATIONS = 1000


@dataclass(frozen=True)
class Ingested:
    """Counts, and one report per kind of input; `skipped` if nothing had changed."""

    skipped: bool
    entries: int
    questions: int
    conversations: int
    turns: int
    noise: int
    reports: dict[str, IngestReport]


def ingest_files(workspace: Workspace, *, force: bool = False, reporter: Reporter | None = None) -> Ingested:
    """Read all files of `faqtune.toml` into `catalogue.jsonl`, `conversations.jsonl` and `noise.jsonl`.

    Conversations are streamed. Raises UserError with file, sheet and row for input that cannot be
    read; then nothing is written and what was there stays.
    """
    reporter = reporter or Silent()
    config = workspace.config()
    inputs = _inputs(workspace, config)
    outputs = [workspace.catalogue_path, workspace.conversations_path, workspace.noise_path]
    if not force and is_current(workspace, "ingest", inputs, outputs):
        return _counted(workspace, {}, skipped=True)
    catalogue, catalogue_report = read_catalogue(_paths(workspace, config.catalogue.files), config.catalogue)
    noise, noise_report = read_noise(_paths(workspace, config.noise.files), config.noise)
    conversations, report = read_conversations(_paths(workspace, config.conversations.files), config.conversations)

    def counted() -> object:
        number = 0
        for number, conversation in enumerate(conversations, start=1):
            if number % EVERY_CONVERSATIONS == 0:
                reporter.say(f"{number} conversations read")
            yield conversation

    write_jsonl(workspace.conversations_path, counted())
    write_jsonl(workspace.catalogue_path, catalogue)
    write_jsonl(workspace.noise_path, noise)
    mark_current(workspace, "ingest", inputs, outputs)
    reports = {"catalogue": catalogue_report, "conversations": report, "noise": noise_report}
    return _counted(workspace, reports, skipped=False)


def _paths(workspace: Workspace, names: list[str]) -> list[Path]:
    paths = [workspace.resolve(name) for name in names]
    for name, path in zip(names, paths, strict=True):
        if not path.exists():
            raise UserError(f"{name}: there is no such file or folder", "mend `files` in faqtune.toml")
    return paths


def _inputs(workspace: Workspace, config: Config) -> str:
    if not config.catalogue.files:
        raise UserError("faqtune.toml names no catalogue file", "run `faqtune init FAQ.xlsx LOGS… --noise CHATTER…`")
    files = [*config.catalogue.files, *config.conversations.files, *config.noise.files]
    settings = [section.model_dump_json() for section in (config.catalogue, config.conversations, config.noise)]
    return digest(*settings, *_paths(workspace, files))


def _counted(workspace: Workspace, reports: dict[str, IngestReport], *, skipped: bool) -> Ingested:
    catalogue = workspace.catalogue()
    conversations = turns = 0
    for conversation in workspace.conversations():
        conversations += 1
        turns += _with_customer(conversation)
    return Ingested(
        skipped, len(catalogue), len(catalogue.questions), conversations, turns, len(workspace.noise()), reports
    )


def _with_customer(conversation: Conversation) -> int:
    return sum(1 for turn in conversation.turns if turn.customer)
