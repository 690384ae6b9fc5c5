"""Hand labels as queries and claims of a project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from faqtune import claims as claim_store
from faqtune.config import CatalogueConfig
from faqtune.ingest import NO_SUCH_TURN, NOT_READ, GoldLabel, IngestReport, read_catalogue, read_gold
from faqtune.label import query_id
from faqtune.progress import Reporter
from faqtune.records import HUMAN, Catalogue, Claim, Query
from faqtune.workspace import Workspace

BY_GOLD = f"{HUMAN}gold"

NAMED_LINES = 5
UNMATCHED = {
    NOT_READ: "a conversation that is not among the logs",
    NO_SUCH_TURN: "a turn that their conversation does not have",
}


def gold_labels(
    workspace: Workspace,
    files: Sequence[Path],
    catalogue: Catalogue,
    id_catalogue: Path | None = None,
    reporter: Reporter | None = None,
) -> list[GoldLabel]:
    """The labels of the files, their entries as ids of `catalogue`.

    Labels that name a conversation which is not among the logs, or a turn that it does not have, are kept,
    and said: a mistyped name would leave the real conversation to training.

    `id_catalogue` is the file that the labels' ids come from; unset: the one that faqtune.toml names,
    if any. Raises UserError as `read_gold` does.
    """
    if not files:
        return []
    config = workspace.config()
    if id_catalogue is None and config.gold.catalogue:
        id_catalogue = workspace.resolve(config.gold.catalogue)
    ids = read_catalogue([id_catalogue], _reading(workspace, id_catalogue))[0] if id_catalogue else None
    labels, report = read_gold(files, catalogue, workspace.conversations(), ids, workspace.former_entries())
    if reporter:
        for line in _unmatched(report):
            reporter.say(line)
    return labels


def _unmatched(report: IngestReport) -> Iterator[str]:
    """A line for each file and reason: how many labels have no place in the logs, and where the first stand."""
    for name, file in report.files.items():
        for why, what in UNMATCHED.items():
            if count := file.noted.get(why, 0):
                lines = [str(note.row) for note in report.notes if (note.file, note.why) == (name, why)][:NAMED_LINES]
                more = ", …" if count > len(lines) else ""
                yield f"note: {count} hand labels of {name} name {what}: line {', '.join(lines)}{more}"


def _reading(workspace: Workspace, id_catalogue: Path) -> CatalogueConfig:
    """How to read the file of the ids: as the settings say if it is one of the project's own; any other has
    columns of its own, which are guessed."""
    settings = workspace.config().catalogue
    own = {workspace.resolve(file).resolve() for file in settings.files}
    return settings if id_catalogue.resolve() in own else CatalogueConfig(skip_empty=settings.skip_empty)


def gold_query(label: GoldLabel) -> Query:
    """The query that a label is about."""
    turns = tuple(range(max(0, label.turn - label.context_turns), label.turn + 1))
    return Query(query_id(label.conversation, turns), label.query_text, label.conversation, turns)


def remember_gold(workspace: Workspace, labels: Sequence[GoldLabel]) -> None:
    """Append the labels that are not yet the last word of their file as claims of people."""
    last = {c.query: (c.entry, c.reason) for c in claim_store.read(workspace.claims_path) if c.by == BY_GOLD}
    claims = [Claim(gold_query(g).id, g.entry, BY_GOLD, 1.0, reason=g.reason) for g in labels]
    claim_store.append(workspace.claims_path, [c for c in claims if last.get(c.query) != (c.entry, c.reason)])
