"""A project put together: what is measured, part by part. What is trained on: `training_set`, beside this."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TypeVar

from faqtune import claims as claim_store
from faqtune.commands.project.annotated import chosen_queries
from faqtune.commands.project.settled import settled
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, Negative, Positive
from faqtune.label import Decision
from faqtune.records import (
    CALIBRATION,
    SELECTION,
    TEST,
    Catalogue,
    Noise,
    Query,
    Split,
)
from faqtune.scorecard import MEASURED_ONLY, Stratum, stratum_named
from faqtune.workspace import Workspace

Example = TypeVar("Example", Positive, Negative)

MEASURED_CONFIDENCE = 0.6
"""Labels of machines below this are not measured on; what people say always counts."""
ENOUGH_HUMAN_LABELS = 50
"""From so many hand labels on, a part is measured on them alone."""
STRATUM_OF_REASON: dict[str, Stratum] = {"chitchat": "chatter", "unclear": "garbage", "unsupported": "unsupported"}
"""Why people say that no entry answers a query, and the noise it counts as; of other reasons it counts as nothing."""
REASONS_TRAINED = tuple(reason for reason, stratum in STRATUM_OF_REASON.items() if stratum not in MEASURED_ONLY)
MOST_CHOOSING = 10_000
"""Queries, and noise sentences, that models are chosen on: a training measures them dozens of times, and more of them
would tell no better which step is best."""
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
    if not workspace.claims_path.exists():
        raise UserError(f"there is no {workspace.claims_path}", "run `faqtune label` first")
    return Project(
        catalogue=catalogue,
        noise=noise,
        queries=queries,
        decisions=settled(
            claim_store.read(workspace.claims_path), queries, split, chosen_queries(workspace, split), catalogue.rows
        ),
        split=split,
    )


def without_hand_labels(workspace: Workspace, project: Project, queries: Container[str]) -> Project:
    """The project as if nobody had labelled these queries: what machines say of them counts."""
    said = [
        claim for claim in claim_store.read(workspace.claims_path) if not (claim.is_human and claim.query in queries)
    ]
    chosen, entries = chosen_queries(workspace, project.split), project.catalogue.rows
    decisions = settled(said, project.queries, project.split, chosen, entries)
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
    """What models are chosen on: of a very large part some of its conversations and sources. Raises UserError where
    the best one cannot be told from the others."""
    whole = evaluation_set(project, SELECTION)
    negatives = [one for one in whole.negatives if one.stratum not in MEASURED_ONLY]
    selection = replace(whole, positives=_some(whole.positives), negatives=_some(negatives))
    if not selection.positives or not selection.negatives:
        raise UserError(
            f"the selection part has {len(selection.positives)} labelled queries and {len(selection.negatives)} "
            "noise sentences: the best model cannot be told from the others",
            "add logs or chatter, or raise split.selection in faqtune.toml",
        )
    return selection


def _some(items: Sequence[Example]) -> tuple[Example, ...]:
    """At most `MOST_CHOOSING`, in their order: whole conversations, as their names draw them, so that a query more
    changes next to nothing."""
    if len(items) <= MOST_CHOOSING:
        return tuple(items)
    sizes = Counter(item.group or item.text for item in items)
    drawn = sorted(sizes, key=digest)
    fit = bisect_right(list(accumulate(sizes[group] for group in drawn)), MOST_CHOOSING)
    chosen = set(drawn[: max(1, fit)])
    return tuple(item for item in items if (item.group or item.text) in chosen)


def is_measurable(decision: Decision) -> bool:
    """Whether a label is sure enough to measure by."""
    return decision.is_human or decision.confidence >= MEASURED_CONFIDENCE


def _placed(project: Project, part: str, query: Query) -> Positive | Negative | str:
    """What a labelled query is measured as, or why it is not."""
    decision = project.decisions[query.id]
    if decision.others:
        return "several"  # It has more than one right answer; measures of rank know one.
    if decision.entry is None:
        return answerless(query.text, decision.reason, query.conversation)
    if project.split.held_out.get(decision.entry) == part:
        return Negative(query.text, "unsupported", query.conversation)
    if decision.entry not in project.catalogue.rows:
        return "entry no longer in the catalogue"
    return Positive(query.text, decision.entry, query.conversation)


def answerless(text: str, reason: str, group: str) -> Negative | str:
    """What a text is measured as of which people say that no entry answers it, for this reason; or why it is not."""
    return Negative(text, STRATUM_OF_REASON[reason], group) if reason in STRATUM_OF_REASON else reason or "no reason"
