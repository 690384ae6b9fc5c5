"""`faqtune label`: Claims from the agents' replies, and how right they are where people have labelled too."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from faqtune import claims as claim_store
from faqtune.commands.gold import gold_labels
from faqtune.commands.models import ReportingEncoder, load_model
from faqtune.errors import UserError
from faqtune.ingest import GoldLabel
from faqtune.label import BY, Bin, Labelling, exchanges, label, query_id

from faqtune.progress import Reporter, Silent
from faqtune.records import Catalogue, Claim, Query
from faqtune.workspace import Workspace, digest, is_current, mark_current, read_json, write_json, write_jsonl

BY_GOLD = "human:gold"


@dataclass(frozen=True)
class Precision:
    """Labels of the rules on turns that people labelled too: how many, and how many say the same."""

    compared: int
    right: int


@dataclass(frozen=True)
class Labelled:
    """What the rules labelled. `coverage` counts labels per entry; `without` lists entries that got none."""

    skipped: bool
    exchanges: int
    claims: int
    threshold_cosine: float
    mean_confidence: float
    coverage: dict[str, int]
    without: list[str]
    human: int
    precision: Precision
    bins: list[Bin]


def label_queries(
    workspace: Workspace, *, model: str = "", force: bool = False, reporter: Reporter | None = None
) -> Labelled:
    """Label with the reply rules, using `model` (default: the project's base) to compare texts.

    Machine claims of an earlier run are replaced; what people said stays. A second round with a
    tuned model labels more and better. Raises UserError if there are no conversations.
    """
    reporter = reporter or Silent()
    config = workspace.config()
    name = model or config.model.base
    gold_files = [workspace.resolve(file) for file in config.gold.files]
    inputs = digest(
        config.label.model_dump_json(), config.gold.model_dump_json(), config.model.model_dump_json(), name,
        workspace.catalogue_path, workspace.conversations_path, *gold_files,
    )  # fmt: skip
    outputs = [workspace.queries_path, workspace.root / "labels.json"]
    if not force and is_current(workspace, "label", inputs, outputs):
        return _read(workspace)
    catalogue = workspace.catalogue()
    found = list(exchanges(workspace.conversations(), config.label.max_prefix_turns))
    if not found:
        raise UserError("there is no conversation with a customer's text and a reply", "add logs with `faqtune init`")
    gold = gold_labels(workspace, gold_files, catalogue)
    encoder = ReportingEncoder(load_model(workspace, name, reporter), reporter, name)
    labelling = label(catalogue, found, encoder, config.label)
    gold_queries = {query.id: query for query in map(_gold_query, gold)}
    queries = {query.id: query for query in labelling.queries} | gold_queries
    write_jsonl(workspace.queries_path, queries.values())
    claim_store.replace(workspace.claims_path, BY, labelling.claims)
    _add_gold(workspace, gold)
    result = _result(catalogue, labelling, gold)
    write_json(workspace.root / "labels.json", result)
    mark_current(workspace, "label", inputs, outputs)
    return result


def _gold_query(label: GoldLabel) -> Query:
    turns = tuple(range(max(0, label.turn - label.context_turns), label.turn + 1))
    return Query(query_id(label.conversation, turns), label.query_text, label.conversation, turns)


def _add_gold(workspace: Workspace, gold: list[GoldLabel]) -> None:
    """Append the hand labels that are not yet the last word of their file."""
    last = {c.query: (c.entry, c.reason) for c in claim_store.read(workspace.claims_path) if c.by == BY_GOLD}
    new = [
        Claim(_gold_query(label).id, label.entry, BY_GOLD, 1.0, reason=label.reason)
        for label in gold
        if last.get(_gold_query(label).id) != (label.entry, label.reason)
    ]
    claim_store.append(workspace.claims_path, new)


def _result(catalogue: Catalogue, labelling: Labelling, gold: list[GoldLabel]) -> Labelled:
    coverage = Counter(claim.entry for claim in labelling.claims if claim.entry)
    said = {(label.conversation, label.turn): label.entry for label in gold}
    queries = {query.id: query for query in labelling.queries}
    compared = [
        said[place] == claim.entry
        for claim in labelling.claims
        if (place := (queries[claim.query].conversation, queries[claim.query].turns[-1])) in said
    ]
    confidences = [claim.confidence for claim in labelling.claims]
    return Labelled(
        skipped=False,
        exchanges=labelling.exchanges,
        claims=len(labelling.claims),
        threshold_cosine=labelling.threshold_cosine,
        mean_confidence=sum(confidences) / len(confidences) if confidences else 0.0,
        coverage={entry.id: coverage[entry.id] for entry in catalogue},
        without=[entry.questions[0] for entry in catalogue if not coverage[entry.id]],
        human=len(gold),
        precision=Precision(len(compared), sum(compared)),
        bins=list(labelling.bins),
    )


def _read(workspace: Workspace) -> Labelled:
    data = read_json(workspace.root / "labels.json", "faqtune label")
    data["precision"] = Precision(**data["precision"])
    data["bins"] = [Bin(**row) for row in data["bins"]]
    return Labelled(**{**data, "skipped": True})
