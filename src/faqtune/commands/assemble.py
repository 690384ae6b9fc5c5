"""Put together what is trained on and what is measured, and refuse every leak between the two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from faqtune import claims as claim_store
from faqtune.evaluate import EvaluationSet, Negative, Positive
from faqtune.label import Decision, decide
from faqtune.records import CALIBRATION, SELECTION, TEST, TRAIN, Catalogue, Noise, Pair, Query, Split, normalise
from faqtune.scorecard import Stratum
from faqtune.split import check_split, without_leaks
from faqtune.train.data import Example, TrainingData
from faqtune.workspace import Workspace

MEASURED_CONFIDENCE = 0.6
"""Labels of machines below this are not measured on; what people say always counts."""
ENOUGH_HUMAN_LABELS = 50
"""From so many hand labels on, a part is measured on them alone."""
MOST_REPEATED_REPLY = 5
"""Replies that follow more turns than this are stock phrases and teach nothing."""
LEAST_CHARACTERS = 4
STRATUM_OF_REASON: dict[str, Stratum] = {"chitchat": "chatter", "unclear": "garbage", "unsupported": "unsupported"}
SEVERAL = "several"


@dataclass(frozen=True)
class Project:
    """All that was read in and decided, held together."""

    catalogue: Catalogue
    noise: list[Noise]
    queries: list[Query]
    decisions: dict[str, Decision]
    split: Split

    @property
    def measured_catalogue(self) -> Catalogue:
        return self.catalogue.without(frozenset(self.split.held_out))


def load_project(workspace: Workspace) -> Project:
    """Raises UserError naming the command that makes what is missing."""
    return Project(
        catalogue=workspace.catalogue(),
        noise=workspace.noise(),
        queries=workspace.queries(),
        decisions=decide(claim_store.read(workspace.claims_path)),
        split=workspace.split(),
    )


def evaluation_set(project: Project, part: str) -> EvaluationSet:
    """The queries and noise of one part of the split.

    With at least `ENOUGH_HUMAN_LABELS` hand labels in the part only those are measured; otherwise
    labels of machines from `MEASURED_CONFIDENCE` on are, and the name of the part says so.
    Queries of entries held out for this part are noise of the own domain; those held out for
    another part are left out.
    """
    inside = [q for q in project.queries if q.id in project.decisions and project.split.conversations.get(q.conversation) == part]
    human = [q for q in inside if project.decisions[q.id].is_human]
    by_people = len(human) >= ENOUGH_HUMAN_LABELS
    if not by_people:
        inside = [
            q for q in inside if project.decisions[q.id].is_human or project.decisions[q.id].confidence >= MEASURED_CONFIDENCE
        ]
    positives: list[Positive] = []
    negatives: list[Negative] = []
    excluded: Counter[str] = Counter()
    for query in human if by_people else inside:
        _place(project, part, query, positives, negatives, excluded)
    negatives += [
        Negative(noise.text, "chatter", noise.source)
        for noise in project.noise
        if project.split.noise.get(noise.source) == part
    ]
    name = f"{part} ({'hand labels' if by_people else 'weak labels'})"
    return EvaluationSet(tuple(positives), tuple(negatives), project.measured_catalogue, name, dict(excluded))


def _place(
    project: Project,
    part: str,
    query: Query,
    positives: list[Positive],
    negatives: list[Negative],
    excluded: Counter[str],
) -> None:
    """Put a labelled query where it is measured, if it is."""
    decision = project.decisions[query.id]
    held_out_for = project.split.held_out.get(decision.entry or "")
    if decision.entry is None:
        if decision.reason in STRATUM_OF_REASON:
            negatives.append(Negative(query.text, STRATUM_OF_REASON[decision.reason], query.conversation))
        else:
            excluded[decision.reason or "no reason"] += 1
    elif held_out_for == part:
        negatives.append(Negative(query.text, "unsupported", query.conversation))
    elif held_out_for is not None:
        excluded["entry held out for another part"] += 1
    elif decision.entry in project.catalogue.rows:
        positives.append(Positive(query.text, decision.entry, query.conversation))
    else:
        excluded["entry no longer in the catalogue"] += 1


def measured_texts(project: Project) -> list[str]:
    """Texts of all parts that measure: they are kept out of training, wherever else they occur."""
    texts: list[str] = []
    for part in (SELECTION, CALIBRATION, TEST):
        data = evaluation_set(project, part)
        texts += [positive.text for positive in data.positives]
        texts += [negative.text for negative in data.negatives]
    return texts


def training_data(workspace: Workspace, project: Project, pairs: Sequence[Pair]) -> TrainingData:
    """Everything of the training part, without held-out entries and without texts that are measured.

    Raises UserError if a conversation or a noise source is in two parts.
    """
    check_split(project.split)
    forbidden = measured_texts(project)
    catalogue = project.measured_catalogue
    labels = [
        Example(pair.text, catalogue.rows[pair.entry], pair.weight, any(c.startswith("human:") for c in pair.claims))
        for pair in pairs
        if pair.label == 1 and pair.entry in catalogue.rows and project.split.conversations.get(pair.group) == TRAIN
    ]
    noise = [n.text for n in project.noise if project.split.noise.get(n.source) == TRAIN]
    return TrainingData(
        catalogue,
        tuple(without_leaks(labels, lambda e: e.text, forbidden)),
        tuple(without_leaks(_dialogues(workspace, project.split), lambda d: d[0], forbidden)),
        tuple(without_leaks(noise, str, forbidden)),
    )


def _dialogues(workspace: Workspace, split: Split) -> list[tuple[str, str]]:
    """Customer's turns with the reply that followed, where both say something; stock replies left out."""
    found = [
        (turn.customer, turn.agent)
        for conversation in workspace.conversations()
        if split.conversations.get(conversation.id) == TRAIN
        for turn in conversation.turns
        if min(len(normalise(turn.customer)), len(normalise(turn.agent))) >= LEAST_CHARACTERS
    ]
    repeated = Counter(normalise(reply) for _, reply in found)
    return [(asked, reply) for asked, reply in found if repeated[normalise(reply)] <= MOST_REPEATED_REPLY]
