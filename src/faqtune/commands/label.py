"""`faqtune label`: Claims from the agents' replies, and how right they are where people have labelled too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from faqtune import claims as claim_store
from faqtune.alone import alone
from faqtune.commands.project.gold import BY_GOLD, gold_labels, gold_query, remember_gold
from faqtune.commands.project.models import ReportingEncoder, load_model, model_digest, resolved_name
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.ingest import GoldLabel
from faqtune.label import BY, NO_THRESHOLD, SEVERAL, Bin, Labelling, exchanges, label, place_of
from faqtune.progress import Reporter, Silent
from faqtune.records import Catalogue, Query, normalise
from faqtune.steps import forget, is_current, mark_current, was_finished
from faqtune.stored import read_json, write_json, write_jsonl
from faqtune.workspace import Workspace

BY_RULES, BY_PEOPLE = "label", "hand labels"
"""The two halves of the step: hand labels that change do not set the model to work."""
NO_EXCHANGE = (
    "there is no conversation with a customer's text and a reply",
    "name chat logs under [conversations] in faqtune.toml, then run `faqtune ingest`",
)
NO_OTHER_ENTRY = (
    "the catalogue has one entry only, and where there is no other to choose, nothing tells whether a reply is about it"
)
WHOLE_CATALOGUE = "give the whole FAQ (catalogue.files in faqtune.toml); `faqtune ingest` says what it leaves out of it"


@dataclass(frozen=True, slots=True)
class Precision:
    """A machine's labels of turns that people labelled too (of the rules': that files of hand labels have): how many,
    and how many say the same. Turns that ask for `several` entries, without naming them, are not among them."""

    compared: int
    right: int
    several: int = 0


@dataclass(frozen=True, slots=True)
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


@alone
def label_queries(
    workspace: Workspace, *, model: str = "", force: bool = False, reporter: Reporter | None = None
) -> Labelled:
    """Label with the reply rules, using `model` (default: the project's base) to compare texts.

    Machine claims of an earlier run are replaced; what people said stays. A second round with a
    tuned model labels more and better. Without logs the hand labels are all there is. Raises UserError if there are
    none either.
    """
    reporter = reporter or Silent()
    config = workspace.config()
    name = resolved_name(workspace, model or config.model.base)
    gold_files = [workspace.resolve(file) for file in config.gold.files]
    outputs = [workspace.queries_path, _summary_path(workspace)]
    by_rules, by_people = _inputs(workspace, name, gold_files)
    rules_stand = not force and is_current(workspace, BY_RULES, by_rules, outputs, say=reporter.say)
    rules_stand = rules_stand and _claims_stand(workspace)
    if rules_stand and is_current(workspace, BY_PEOPLE, by_people, outputs):
        return replace(_read(workspace), skipped=True)
    catalogue = workspace.catalogue()
    gold = gold_labels(workspace, gold_files, catalogue, reporter=reporter)
    if not gold and not workspace.has_logs():
        raise UserError(*NO_EXCHANGE)
    labelling = _kept(workspace) if rules_stand else _labelling(workspace, catalogue, name, reporter)
    forget(workspace, BY_PEOPLE, *([] if rules_stand else [BY_RULES]))
    queries = {query.id: query for query in (*_asked_elsewhere(workspace), *labelling.queries, *map(gold_query, gold))}
    write_jsonl(workspace.queries_path, queries.values())
    if not rules_stand:
        claim_store.replace(workspace.claims_path, BY, labelling.claims)
    remember_gold(workspace, gold)
    result = _result(catalogue, labelling, gold)
    write_json(_summary_path(workspace), result)
    mark_current(workspace, BY_RULES, by_rules, outputs)
    mark_current(workspace, BY_PEOPLE, by_people, outputs)
    return result


def why_no_label(labelled: Labelled) -> tuple[str, str]:
    """What it means that the rules labelled nothing, and what to do."""
    if len(labelled.coverage) == 1:
        return f"no label out of {labelled.exchanges} exchanges: {NO_OTHER_ENTRY}", WHOLE_CATALOGUE
    return (
        f"no label out of {labelled.exchanges} exchanges: at no reply cosine do enough of them agree with what was "
        "asked",
        "check that the logs are about the catalogue, or set label.reply_threshold in faqtune.toml",
    )


def labelled_exchanges(workspace: Workspace) -> int:
    """The exchanges that the rules looked at. Raises UserError if they have not."""
    return _read(workspace).exchanges


def refuse_unfinished(workspace: Workspace) -> None:
    """Raises UserError where labels are missing, or broke off half way: what stands on them would be empty or torn."""
    if not workspace.claims_path.exists() or not was_finished(workspace, BY_PEOPLE):
        raise UserError("labelling has not been finished", "run `faqtune label`")


def _claims_stand(workspace: Workspace) -> bool:
    """Whether the rules' claims are all still there. Raises UserError if the database is damaged."""
    return sum(claim.by == BY for claim in claim_store.read(workspace.claims_path)) == _read(workspace).claims


def _asked_elsewhere(workspace: Workspace) -> list[Query]:
    """The queries that others than the rules and the files of hand labels spoke about: they stay.

    Raises UserError where these cannot be read any more, rather than to write over what people's labels are about.
    """
    about = {claim.query for claim in claim_store.read(workspace.claims_path) if claim.by not in (BY, BY_GOLD)}
    if not about or not workspace.queries_path.exists():
        return []
    try:
        return [query for query in workspace.queries() if query.id in about]
    except UserError as error:
        raise UserError(
            error.problem, "restore queries.jsonl: labels of people or of a language model are about its queries"
        ) from error


def _summary_path(workspace: Workspace) -> Path:
    return workspace.root / "labels.json"


def _inputs(workspace: Workspace, name: str, gold_files: Sequence[Path]) -> tuple[str, str]:
    """Digests of what the rules' labels depend on, and the hand labels."""
    config = workspace.config()
    data = digest(workspace.catalogue_path, workspace.conversations_path)
    by_rules = digest(
        config.label.model_dump_json(), config.model.model_dump_json(), name, model_digest(workspace, name), data,
        workspace.noise_path,
    )  # fmt: skip
    ids_from = [workspace.resolve(config.gold.catalogue)] if config.gold.catalogue else []
    return by_rules, digest(data, config.gold.model_dump_json(), *gold_files, *ids_from)


def _labelling(workspace: Workspace, catalogue: Catalogue, name: str, reporter: Reporter) -> Labelling:
    settings = workspace.config().label
    found = list(exchanges(workspace.conversations(), settings.max_prefix_turns))
    if not found:
        if workspace.has_logs():
            raise UserError(*NO_EXCHANGE)
        return Labelling((), (), NO_THRESHOLD, 0, ())
    encoder = ReportingEncoder(load_model(workspace, name, reporter), reporter, name)
    # A shop may have an entry for what others call chatter.
    asked = {normalise(question) for question in catalogue.questions}
    chatter = {normalise(noise.text) for noise in workspace.noise() if noise.stratum == "chatter"}
    return label(catalogue, found, encoder, settings, chatter - asked)


def _kept(workspace: Workspace) -> Labelling:
    """What the rules labelled the last time."""
    claims = tuple(claim for claim in claim_store.read(workspace.claims_path) if claim.by == BY)
    about = {claim.query for claim in claims}
    queries = tuple(query for query in workspace.queries() if query.id in about)
    last = _read(workspace)
    return Labelling(queries, claims, last.threshold_cosine, last.exchanges, tuple(last.bins))


def _result(catalogue: Catalogue, labelling: Labelling, gold: Sequence[GoldLabel]) -> Labelled:
    coverage = Counter(claim.entry for claim in labelling.claims)
    said = {(label.conversation, label.turn): label for label in gold}
    place = {query.id: place_of(query) for query in labelling.queries}
    both = [(said[place[claim.query]], claim.entry) for claim in labelling.claims if place[claim.query] in said]
    compared = [label.entry == entry for label, entry in both if label.entry or label.reason != SEVERAL]
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
        precision=Precision(len(compared), sum(compared), len(both) - len(compared)),
        bins=list(labelling.bins),
    )


def _read(workspace: Workspace) -> Labelled:
    """What the last labelling said."""
    data = read_json(_summary_path(workspace), "faqtune label")
    return Labelled(
        **{**data, "precision": Precision(**data["precision"]), "bins": [Bin(**row) for row in data["bins"]]}
    )
