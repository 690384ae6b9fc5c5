"""`faqtune decide`: what the labels are, how far each source is trusted, and which labels to look at again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faqtune import claims as claim_store
from faqtune.alone import alone
from faqtune.commands.project.annotated import chosen_queries
from faqtune.commands.project.assemble import Project, load_project
from faqtune.commands.project.models import ReportingEncoder, load_model, model_digest, resolved_name, runs_behind
from faqtune.commands.project.seen import trained_on
from faqtune.commands.project.settled import training_conversations, weighed_sources
from faqtune.commands.split import make_split
from faqtune.digests import digest
from faqtune.label import SEVERAL, Act, Decision, Doubt, Source, acts_of, latest, probabilities, suspects
from faqtune.progress import Reporter, Silent
from faqtune.ranking import entry_scores
from faqtune.records import Query
from faqtune.runs import all_runs
from faqtune.steps import is_current, mark_current
from faqtune.stored import read_jsonl, write_jsonl
from faqtune.workspace import Workspace

STEP = "doubts"
MOST_SURE = 0.95
"""No label is surer, when doubtful ones are put in order: people err as well."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A machine source: how many queries it labelled, how sure it is of them on average, and how right people found
    it on turns of the training part; None where they labelled none of its turns."""

    by: str
    labels: int
    own_confidence: float
    checked: Source | None


@dataclass(frozen=True, slots=True)
class Decided:
    """How the queries were decided. `agreeing`: by two machines and more; `disagreeing`: machines said different
    things; `one_machine`: only one spoke. `gone`: entries that left the catalogue, by their first question where it is
    remembered, else id, and how many queries have no other: these make no pair.

    `pairs` are of all parts, `training_pairs` of the training part. `training`: queries of that part that people
    labelled; `chosen`: those of them that judge no source, since the queue of `faqtune annotate` chose them. `checked`
    labels were looked at for `doubts`, the worst first."""

    by_people: int
    several: int
    agreeing: int
    disagreeing: int
    one_machine: int
    without_entry: int
    gone: dict[str, int]
    training: int
    chosen: int
    pairs: int
    training_pairs: int
    weights: list[Weight]
    model: str
    checked: int
    doubts: list[Doubt]


@alone
def decide_labels(
    workspace: Workspace, *, model: str = "", force: bool = False, reporter: Reporter | None = None
) -> Decided:
    """Make the split and its pairs anew where Claims have changed, and write the doubtful labels to `doubts.jsonl`.

    `model` (unset: the project's base) must not have learned the labels: those of conversations that a run was
    trained on are not looked at. The model says which labels are doubtful, and how much; the order is that times the
    doubt that is left of the label itself (1 - confidence). Hand labels of the parts that measure are never doubted:
    changing only those that a model finds odd would move its figures. Raises UserError if labelling has not been
    finished.
    """
    reporter = reporter or Silent()
    splitted = make_split(workspace, force=force, reporter=reporter)
    project = load_project(workspace)
    said = claim_store.read(workspace.claims_path)
    name = resolved_name(workspace, model or workspace.config().model.base)
    looked_at = _looked_at(workspace, project, name)
    doubts = _doubts(workspace, project, looked_at, name, force, reporter)
    machines = {query: _machines(acts) for query, acts in acts_of(said).items() if query in project.decisions}
    chosen = chosen_queries(workspace, project.split)
    sources = weighed_sources(
        said, project.queries, training_conversations(project.split), chosen, project.catalogue.rows
    )
    counted = _counted(project.decisions, machines)
    training = _training(project)
    return Decided(
        **counted,
        gone=_gone(workspace, project),
        training=len(training),
        chosen=len(training & chosen),
        pairs=splitted.pairs,
        training_pairs=splitted.training_pairs,
        weights=_weights(machines, sources),
        model=name,
        checked=len(looked_at),
        doubts=doubts,
    )


def doubts_path(workspace: Workspace) -> Path:
    """Where the doubtful labels lie."""
    return workspace.root / "doubts.jsonl"


def read_doubts(workspace: Workspace) -> list[Doubt]:
    """The doubtful labels, the worst first; none before anybody has looked for them."""
    path = doubts_path(workspace)
    if not path.exists():
        return []
    return list(read_jsonl(path, "faqtune decide", lambda row: Doubt(**{**row, "by": tuple(row["by"])})))


def _machines(acts: Sequence[Act]) -> list[Act]:
    return [act for act in latest(acts).values() if not act.is_human]


def _weights(machines: Mapping[str, Sequence[Act]], sources: Mapping[str, Source]) -> list[Weight]:
    confidences: dict[str, list[float]] = defaultdict(list)
    for acts in machines.values():
        for act in acts:
            confidences[act.by].append(act.confidence)
    return [
        Weight(by, len(found), sum(found) / len(found), sources.get(by)) for by, found in sorted(confidences.items())
    ]


def _counted(decisions: Mapping[str, Decision], machines: Mapping[str, Sequence[Act]]) -> dict[str, int]:
    """Who decided how many queries, and how many have several entries or none."""
    voices = [machines[query] for query, decision in decisions.items() if not decision.is_human]
    answers = [{frozenset(act.answer) for act in acts} for acts in voices]
    return {
        "by_people": len(decisions) - len(voices),
        "several": sum(bool(decision.others) or decision.reason == SEVERAL for decision in decisions.values()),
        "agreeing": sum(len(acts) > 1 and len(said) == 1 for acts, said in zip(voices, answers, strict=True)),
        "disagreeing": sum(len(said) > 1 for said in answers),
        "one_machine": sum(len(acts) == 1 for acts in voices),
        "without_entry": sum(decision.entry is None and decision.reason != SEVERAL for decision in decisions.values()),
    }


def _training(project: Project) -> frozenset[str]:
    """Queries of the training part that people labelled."""
    trained = training_conversations(project.split)
    labelled = {query for query, decision in project.decisions.items() if decision.is_human}
    return frozenset(query.id for query in project.queries if query.id in labelled and query.conversation in trained)


def _gone(workspace: Workspace, project: Project) -> dict[str, int]:
    """The most frequent first."""
    entries = project.catalogue.rows
    left = Counter(
        decision.entries[0]
        for decision in project.decisions.values()
        if decision.entries and not any(entry in entries for entry in decision.entries)
    )
    names = {entry.id: entry.questions[0] for entry in workspace.former_entries()} if left else {}
    found: Counter[str] = Counter()
    for entry, count in left.items():
        found[names.get(entry, entry)] += count
    return dict(found.most_common())


def _looked_at(workspace: Workspace, project: Project, model: str) -> list[Query]:
    """Queries with one entry whose label this model has not learned, and that people may still change."""
    trained = training_conversations(project.split)
    learned = trained_on(workspace, [model])
    if runs_behind(workspace, model, list(all_runs(workspace))):
        learned |= trained
    found = []
    for query in project.queries:
        decision = project.decisions.get(query.id)
        if decision is None or decision.others or decision.entry not in project.catalogue.rows:
            continue
        may_change = query.conversation in trained or not decision.is_human
        if may_change and query.conversation not in learned:
            found.append(query)
    return found


def _doubts(
    workspace: Workspace, project: Project, queries: Sequence[Query], name: str, force: bool, reporter: Reporter
) -> list[Doubt]:
    config, path = workspace.config(), doubts_path(workspace)
    labels = [project.decisions[query.id] for query in queries]
    inputs = digest(
        repr([(query.id, query.text, label) for query, label in zip(queries, labels, strict=True)]),
        workspace.catalogue_path,
        config.model.model_dump_json(),
        name,
        model_digest(workspace, name),
    )
    if not force and is_current(workspace, STEP, inputs, [path], say=reporter.say):
        return read_doubts(workspace)
    found = _found(project, queries, labels, name, workspace, reporter) if queries else []
    write_jsonl(path, found)
    mark_current(workspace, STEP, inputs, [path])
    return found


def _found(
    project: Project,
    queries: Sequence[Query],
    labels: Sequence[Decision],
    name: str,
    workspace: Workspace,
    reporter: Reporter,
) -> list[Doubt]:
    catalogue = project.catalogue
    encoder = ReportingEncoder(load_model(workspace, name, reporter), reporter, name)
    questions = encoder.encode(catalogue.questions)
    scores = entry_scores(encoder.encode([query.text for query in queries]) @ questions.T, catalogue.owners)
    rows = [catalogue.rows[label.entry or ""] for label in labels]
    entries = [entry.id for entry in catalogue]
    found = [
        Doubt(
            queries[one.row].id,
            queries[one.row].text,
            entries[rows[one.row]],
            entries[one.suggested],
            round(one.score * (1 - min(labels[one.row].confidence, MOST_SURE)), 4),
            labels[one.row].sources,
        )
        for one in suspects(probabilities(scores, rows), rows)
    ]
    return sorted(found, key=lambda doubt: -doubt.score)
