"""`faqtune ingest`: every input form into catalogue, conversations and noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from faqtune.alone import alone
from faqtune.commands.project.former import (
    Left,
    earlier_catalogues,
    left_with_labels,
    remember_former,
    told_left,
    told_renamed,
)
from faqtune.config import Config
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.ingest import (
    FileReport,
    IngestReport,
    Remark,
    read_catalogue,
    read_conversations,
    read_noise,
    read_own_pairs,
)
from faqtune.progress import Reporter, Silent
from faqtune.records import Conversation, Noise, normalise
from faqtune.steps import is_current, mark_current
from faqtune.stored import read_json, write_json, write_jsonl
from faqtune.workspace import Workspace

STEP = "ingest"
CHATTER = "chatter"
NOISE_KEYS = {
    "noise.files": CHATTER,
    "noise.unsupported_files": "unsupported",
    "noise.other_domain_files": "other_domain",
    "noise.garbage_files": "garbage",
}
"""Where faqtune.toml names noise, and of which stratum it is."""
ONE_ENTRY = "the catalogue has one entry only: with nothing to tell it from, replies label nothing"
PAIR_KEYS = ("pairs.files", "pairs.generated_files")
SAID_EVERY_CONVERSATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Ingested:
    """Counts, and one report per kind of input (`catalogue`, `conversations`, `noise`, `pairs` where there are any).

    `turns` are those with a customer's text. `left`: entries that were in the catalogue before and are not now although
    labels of people stand on them. `skipped`: nothing had changed, all this is what was said then.
    """

    skipped: bool
    entries: int
    questions: int
    conversations: int
    turns: int
    noise: int
    reports: dict[str, IngestReport]
    pairs: int = 0
    left: list[Left] = field(default_factory=list)


@alone
def ingest_files(workspace: Workspace, *, force: bool = False, reporter: Reporter | None = None) -> Ingested:
    """Read all files of `faqtune.toml` into `catalogue.jsonl`, `conversations.jsonl` and `noise.jsonl`, and pairs of
    the user's own, where it names any, into `own-pairs.jsonl`.

    Conversations are streamed. Entries that are called otherwise than in the last catalogue keep their ids where it is
    plain which is which (`faqtune.ingest.lineage`); it is said what becomes of people's labels on them. Raises
    UserError with file, sheet and row for input that cannot be read; then nothing is written and what was there stays.
    """
    reporter = reporter or Silent()
    config = workspace.config()
    files = _files(workspace, config)
    inputs = _inputs(config, files)
    written = [workspace.catalogue_path, workspace.conversations_path, workspace.noise_path]
    has_pairs = any(files[key] for key in PAIR_KEYS)
    outputs = [*written, *[workspace.own_pairs_path] * has_pairs, _summary_path(workspace)]
    if not force and is_current(workspace, STEP, inputs, outputs, say=reporter.say):
        return replace(_read(workspace), skipped=True)
    before, former = earlier_catalogues(workspace, reporter)
    gone = former.without(before.rows)
    catalogue, catalogue_report = read_catalogue(files["catalogue"], config.catalogue, before, gone)
    if len(catalogue) == 1:
        catalogue_report.note(next(iter(catalogue_report.files)), ONE_ENTRY)
    noise, noise_report = _noise(files, config)
    pairs, pairs_report = read_own_pairs(catalogue, files["pairs.files"], files["pairs.generated_files"])
    conversations: Iterable[Conversation] = ()
    report = IngestReport()
    if files["conversations"]:
        conversations, report = read_conversations(files["conversations"], config.conversations)
    counter = _Counter(reporter)
    write_jsonl(workspace.conversations_path, counter.counted(conversations))
    left = left_with_labels(workspace, before, catalogue)
    for line in (*told_renamed(workspace, before, catalogue), *told_left(left)):
        reporter.say(line)
    # Before the catalogue: whoever is interrupted in between has forgotten nothing.
    remember_former(workspace, former, before, catalogue)
    write_jsonl(workspace.catalogue_path, catalogue)
    write_jsonl(workspace.noise_path, noise)
    if has_pairs:
        write_jsonl(workspace.own_pairs_path, pairs)
    else:
        workspace.own_pairs_path.unlink(missing_ok=True)
    result = Ingested(
        skipped=False,
        entries=len(catalogue),
        questions=len(catalogue.questions),
        conversations=counter.conversations,
        turns=counter.turns,
        noise=len(noise),
        reports={"catalogue": catalogue_report, "conversations": report, "noise": noise_report}
        | ({"pairs": pairs_report} if has_pairs else {}),
        pairs=len(pairs),
        left=left,
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
        **{key: getattr(config.noise, key.partition(".")[2]) for key in NOISE_KEYS},
        **{key: getattr(config.pairs, key.partition(".")[2]) for key in PAIR_KEYS},
    }
    files = {kind: [workspace.resolve(name) for name in names] for kind, names in named.items()}
    for kind, paths in files.items():
        for path in paths:
            if not path.exists():
                key = kind if "." in kind else f"{kind}.files"
                raise UserError(f"there is no {path}", f"mend {key} in {workspace.config_path}")
    return files


def _noise(files: dict[str, list[Path]], config: Config) -> tuple[list[Noise], IngestReport]:
    """The sentences of every stratum with one report; what stands in several files is of the first stratum."""
    found: dict[str, Noise] = {}
    whole = IngestReport()
    for key, stratum in NOISE_KEYS.items():
        if not files[key]:
            continue
        sentences, report = read_noise(files[key], config.noise)
        for sentence in sentences:
            # A file's sources are told apart from those of a file of another stratum that is called the same.
            source = sentence.source if stratum == CHATTER else f"{stratum}:{sentence.source}"
            found.setdefault(normalise(sentence.text), Noise(sentence.text, source, stratum))
        whole = IngestReport(
            whole.files | report.files, [*whole.skipped, *report.skipped], [*whole.notes, *report.notes]
        )
    return list(found.values()), whole


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
    reports = {kind: _report(report) for kind, report in data["reports"].items()}
    left = [Left(**{**one, "successors": tuple(one["successors"])}) for one in data.get("left", ())]
    return Ingested(**{**data, "reports": reports, "left": left})


def _report(data: dict[str, Any]) -> IngestReport:
    return IngestReport(
        {name: FileReport(**file) for name, file in data["files"].items()},
        [Remark(**remark) for remark in data["skipped"]],
        [Remark(**remark) for remark in data["notes"]],
    )
