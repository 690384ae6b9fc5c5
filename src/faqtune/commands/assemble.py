"""Put together what is trained on and what is measured, and refuse every leak between the two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from faqtune import claims as claim_store
from faqtune.commands.annotated import chosen_queries
from faqtune.commands.settled import settled
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, Negative, Positive
from faqtune.label import Decision
from faqtune.label.llm import Synthetic
from faqtune.records import (
    CALIBRATION,
    HUMAN,
    SELECTION,
    TEST,
    TRAIN,
    Catalogue,
    Noise,
    Pair,
    Query,
    Split,
    normalise,
)
from faqtune.scorecard import Stratum, stratum_named
from faqtune.split import check, check_split, without_leaks
from faqtune.train.data import Example, TrainingData
from faqtune.workspace import Workspace

MEASURED_CONFIDENCE = 0.6
"""Labels of machines below this are not measured on; what people say always counts."""
ENOUGH_HUMAN_LABELS = 50
"""From so many hand labels on, a part is measured on them alone."""
MOST_REPEATED_REPLY = 5
"""Replies that follow more turns than this are stock phrases and teach nothing."""
LEAST_CHARACTERS = 4
"""Shorter turns and replies (好的, ok) teach nothing either."""
STRATUM_OF_REASON: dict[str, Stratum] = {"chitchat": "chatter", "unclear": "garbage", "unsupported": "unsupported"}
"""Why people say that no entry answers a query, and the noise it counts as; of other reasons it counts as nothing."""
BY_PEOPLE = "(hand labels)"
"""Ends the name of a part that is measured on labels by people alone."""
MEASURING = (SELECTION, CALIBRATION, TEST)


@dataclass(frozen=True)
class Project:
    """All that was read in and decided, held together."""

    catalogue: Catalogue
    noise: list[Noise]
    queries: list[Query]
    decisions: dict[str, Decision]
    split: Split

    @property
    def trained_catalogue(self) -> Catalogue:
        """What models are trained on: no entry that is held out for any part."""
        return self.catalogue.without(self.split.held_out)

    def measured_catalogue(self, part: str) -> Catalogue:
        """What models are measured against: without the entries held out for this part.

        Those held out for another part are in it, as they are when the model is used.
        """
        return self.catalogue.without(entry for entry, of in self.split.held_out.items() if of == part)


def load_project(workspace: Workspace) -> Project:
    """Raises UserError naming the command that makes what is missing."""
    # In the order in which they are made: the first that is missing is to be made first.
    catalogue, noise, queries, split = workspace.catalogue(), workspace.noise(), workspace.queries(), workspace.split()
    return Project(
        catalogue=catalogue,
        noise=noise,
        queries=queries,
        decisions=settled(claim_store.read(workspace.claims_path), queries, split, chosen_queries(workspace, split)),
        split=split,
    )


def without_hand_labels(workspace: Workspace, project: Project, queries: Container[str]) -> Project:
    """The project as if nobody had labelled these queries: what machines say of them counts."""
    said = [
        claim for claim in claim_store.read(workspace.claims_path) if not (claim.is_human and claim.query in queries)
    ]
    decisions = settled(said, project.queries, project.split, chosen_queries(workspace, project.split))
    return replace(project, decisions=decisions)


def measured_queries(project: Project, part: str) -> tuple[list[Query], bool]:
    """The labelled queries of a part that it is measured on, and whether all of them are labelled by hand.

    With at least `ENOUGH_HUMAN_LABELS` hand labels in the part it is only those; otherwise labels of
    machines from `MEASURED_CONFIDENCE` on are measured too. In the calibration part they always are: hand labels there
    are of queries that a certificate has chosen.
    """
    labelled = [
        query
        for query in project.queries
        if query.id in project.decisions and project.split.conversations.get(query.conversation) == part
    ]
    human = [query for query in labelled if project.decisions[query.id].is_human]
    if len(human) >= ENOUGH_HUMAN_LABELS and part != CALIBRATION:
        return human, True
    measured = [query for query in labelled if is_measurable(project.decisions[query.id])]
    return measured, bool(measured) and len(measured) == len(human)


def evaluation_set(project: Project, part: str) -> EvaluationSet:
    """The queries and noise of one part of the split; its name says whose labels are measured.

    Queries of entries held out for this part are noise of the own domain.
    """
    chosen, by_people = measured_queries(project, part)
    placed = [_placed(project, part, query) for query in chosen]
    from_files = [
        Negative(noise.text, stratum_named(noise.stratum), noise.source)
        for noise in project.noise
        if project.split.noise.get(noise.source) == part
    ]
    return EvaluationSet(
        positives=tuple(place for place in placed if isinstance(place, Positive)),
        negatives=(*(place for place in placed if isinstance(place, Negative)), *from_files),
        catalogue=project.measured_catalogue(part),
        part=f"{part} {BY_PEOPLE if by_people else '(weak labels)'}",
        excluded=dict(Counter(place for place in placed if isinstance(place, str))),
    )


def selection_set(project: Project) -> EvaluationSet:
    """What models are chosen on. Raises UserError where the best one cannot be told from the others."""
    selection = evaluation_set(project, SELECTION)
    if not selection.positives or not selection.negatives:
        raise UserError(
            f"the selection part has {len(selection.positives)} labelled queries and {len(selection.negatives)} "
            "noise sentences: the best model cannot be told from the others",
            "add logs or chatter, or raise split.selection in faqtune.toml",
        )
    return selection


def is_measurable(decision: Decision) -> bool:
    """Whether a label is sure enough to measure by."""
    return decision.is_human or decision.confidence >= MEASURED_CONFIDENCE


def _placed(project: Project, part: str, query: Query) -> Positive | Negative | str:
    """What a labelled query is measured as, or why it is not."""
    decision = project.decisions[query.id]
    if decision.others:
        return "several"  # It has more than one right answer; measures of rank know one.
    if decision.entry is None:
        if decision.reason in STRATUM_OF_REASON:
            return Negative(query.text, STRATUM_OF_REASON[decision.reason], query.conversation)
        return decision.reason or "no reason"
    if project.split.held_out.get(decision.entry) == part:
        return Negative(query.text, "unsupported", query.conversation)
    if decision.entry not in project.catalogue.rows:
        return "entry no longer in the catalogue"
    return Positive(query.text, decision.entry, query.conversation)


def training_data(
    workspace: Workspace, project: Project, pairs: Iterable[Pair], synthetic: Sequence[Synthetic] = ()
) -> TrainingData:
    """Everything of the training part, without held-out entries and without texts that are measured.

    `synthetic` texts are trained on too: paraphrases as labels, near noise as noise; none of a held-out entry.
    Raises UserError if a conversation or a noise source is in two parts.
    """
    check_split(project.split)
    measured = {part: evaluation_set(project, part) for part in MEASURING}
    conversations = _training_conversations(project)
    noise = [sentence for sentence in project.noise if project.split.noise.get(sentence.source) == TRAIN]
    _refuse_leaks(project.split, measured, conversations, {sentence.source for sentence in noise})
    catalogue = project.trained_catalogue
    held_out = [entry for entry in project.catalogue if entry.id in project.split.held_out]
    forbidden = _texts(measured.values()) + [question for entry in held_out for question in entry.questions]
    labels = [
        Example(
            text=pair.text,
            row=catalogue.rows[pair.entry],
            weight=pair.weight,
            trusted=any(source.startswith(HUMAN) for source in pair.claims),
        )
        for pair in pairs
        if pair.label == 1 and pair.entry in catalogue.rows and pair.group in conversations
    ]
    labels += [
        Example(one.text, catalogue.rows[one.entry], one.confidence) for one in synthetic if one.entry in catalogue.rows
    ]
    near_noise = [one.text for one in synthetic if one.entry is None and one.near in catalogue.rows]
    # What people say no entry answers is the nearest noise there is.
    answerless = [
        query.text
        for query in project.queries
        if query.conversation in conversations
        and (decision := project.decisions.get(query.id)) is not None
        and decision.is_human and decision.entry is None and decision.reason in STRATUM_OF_REASON
    ]  # fmt: skip
    dialogues = without_leaks(_dialogues(workspace, conversations), lambda turn: turn[0], forbidden)
    return TrainingData(
        catalogue,
        labels=tuple(without_leaks(labels, lambda example: example.text, forbidden)),
        dialogues=tuple(without_leaks(dialogues, lambda turn: turn[1], (entry.answer for entry in held_out))),
        noise=tuple(without_leaks([*(sentence.text for sentence in noise), *answerless, *near_noise], str, forbidden)),
    )


def _training_conversations(project: Project) -> set[str]:
    """Conversations to train on. One that got a label of a held-out entry only after the split is left out."""
    decisions, held_out = project.decisions, project.split.held_out
    touched = {
        query.conversation
        for query in project.queries
        if query.id in decisions and not held_out.keys().isdisjoint(decisions[query.id].entries)
    }
    return {name for name, part in project.split.conversations.items() if part == TRAIN} - touched


def _texts(measured: Iterable[EvaluationSet]) -> list[str]:
    positives = [positive.text for data in measured for positive in data.positives]
    return positives + [negative.text for data in measured for negative in data.negatives]


def _refuse_leaks(
    split: Split, measured: Mapping[str, EvaluationSet], conversations: set[str], noise_sources: set[str]
) -> None:
    """The last gate: looks at what is really used, however it was chosen."""
    asked: dict[str, set[str]] = {TRAIN: conversations}
    chatter: dict[str, set[str]] = {TRAIN: noise_sources}
    for part, data in measured.items():
        asked[part] = {positive.group for positive in data.positives}
        # A conversation and a source of chatter may have one name: chatter of that name is looked at as neither.
        others = {negative.group for negative in data.negatives if negative.stratum != "chatter"}
        asked[part] |= others - split.noise.keys() | others & split.conversations.keys()
        every = {negative.group for negative in data.negatives}
        chatter[part] = every & split.noise.keys() - split.conversations.keys()
    check(asked, "conversation")
    check(chatter, "noise source")


def _dialogues(workspace: Workspace, conversations: set[str]) -> list[tuple[str, str]]:
    """Customer's turns with the reply that followed, where both say something; stock replies left out."""
    found = [
        (turn.customer, turn.agent)
        for conversation in workspace.conversations()
        if conversation.id in conversations
        for turn in conversation.turns
        if min(len(normalise(turn.customer)), len(normalise(turn.agent))) >= LEAST_CHARACTERS
    ]
    repeated = Counter(normalise(reply) for _, reply in found)
    return [(asked, reply) for asked, reply in found if repeated[normalise(reply)] <= MOST_REPEATED_REPLY]
