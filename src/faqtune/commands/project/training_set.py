"""What is trained on: the training part, and every leak from what is measured refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from faqtune.commands.project.assemble import MEASURING, REASONS_TRAINED, Project, evaluation_set
from faqtune.commands.project.own_pairs import own_examples
from faqtune.evaluate import EvaluationSet
from faqtune.label.llm import Synthetic
from faqtune.progress import Reporter, Silent
from faqtune.records import HUMAN, TRAIN, OwnPair, Pair, Split, normalise
from faqtune.split import check, check_split, without_leaks
from faqtune.train.data import Example, TrainingData
from faqtune.workspace import Workspace

MOST_REPEATED_REPLY = 5
"""Replies that follow more turns than this are stock phrases and teach nothing."""
LEAST_CHARACTERS = 4
"""Shorter turns and replies (好的, ok) teach nothing either."""


def training_data(
    workspace: Workspace,
    project: Project,
    pairs: Iterable[Pair],
    synthetic: Sequence[Synthetic] = (),
    own: Sequence[OwnPair] = (),
    reporter: Reporter | None = None,
) -> TrainingData:
    """Everything of the training part, without held-out entries and without texts that are measured.

    `synthetic` texts are trained on too: paraphrases as labels, near noise as noise; none of a held-out entry. So are
    the user's `own` pairs, but for those that are near anything that measures.
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
    labels += own_examples(workspace, project, own, forbidden, (reporter or Silent()).say)
    written = [one.text for one in synthetic if one.entry is None and one.near in catalogue.rows]
    # What people say no entry answers is the nearest noise there is. What they cannot read only measures.
    answerless = [
        query.text
        for query in project.queries
        if query.conversation in conversations
        and (decision := project.decisions.get(query.id)) is not None
        and decision.is_human and decision.entry is None and decision.reason in REASONS_TRAINED
    ]  # fmt: skip
    dialogues = without_leaks(_dialogues(workspace, conversations), lambda turn: turn[0], forbidden)
    chatter, near_noise = (
        without_leaks(texts, str, forbidden)
        for texts in ([sentence.text for sentence in noise], [*answerless, *written])
    )
    return TrainingData(
        catalogue,
        labels=tuple(without_leaks(labels, lambda example: example.text, forbidden)),
        dialogues=tuple(without_leaks(dialogues, lambda turn: turn[1], (entry.answer for entry in held_out))),
        noise=(*chatter, *near_noise),
        near_noise=len(near_noise),
        measured=tuple(sorted(set(map(normalise, forbidden)))),
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
