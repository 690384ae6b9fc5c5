"""What each query's label is, for every command that asks: Claims, weighed by how right people found their sources."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Sequence

from faqtune import claims as claim_store
from faqtune.commands.project.annotated import chosen_queries
from faqtune.label import Decision, Source, acts_of, compare, decide, estimate_sources, settle
from faqtune.records import TRAIN, Claim, Query, Split
from faqtune.workspace import Workspace


def training_conversations(split: Split) -> frozenset[str]:
    """Conversations of the training part."""
    return frozenset(name for name, part in split.conversations.items() if part == TRAIN)


def weighed_sources(
    claims: Iterable[Claim],
    queries: Collection[Query],
    conversations: Collection[str],
    chosen: Container[str] = frozenset(),
    entries: Container[str] | None = None,
) -> dict[str, Source]:
    """Machine sources as the people's labels in these conversations found them, but for those of `chosen` queries and
    those on entries that are not among `entries` (None: all are)."""
    return estimate_sources(compare(acts_of(judging(claims, chosen)), queries, conversations, entries))


def judging(claims: Iterable[Claim], chosen: Container[str]) -> list[Claim]:
    """Without what people said of `chosen` queries, which judges no machine (`chosen_queries` says why)."""
    return [claim for claim in claims if not (claim.is_human and claim.query in chosen)]


def settled(
    claims: Sequence[Claim],
    queries: Collection[Query],
    split: Split,
    chosen: Container[str] = frozenset(),
    entries: Container[str] | None = None,
) -> dict[str, Decision]:
    """The decisions of a project whose split is made.

    Sources are weighed by the people's labels of the training part alone. By default there are none there
    (`split.human_labels_for_training`), and every source counts as right as it says: weights that had seen the hand
    labels of the test part would carry them into what is trained on. Nor do people's labels of `chosen` queries weigh
    (`faqtune.commands.project.annotated.chosen_queries`), nor those on entries that left the catalogue (`entries`).
    """
    return settle(claims, queries, weighed_sources(claims, queries, training_conversations(split), chosen, entries))


def settled_now(workspace: Workspace, queries: Collection[Query]) -> dict[str, Decision]:
    """The same for commands that may come before the split: without one, no hand label is known to train, and every
    source counts as right as it says."""
    said = claim_store.read(workspace.claims_path)
    if not workspace.split_path.exists():
        return settle(said, queries)
    split = workspace.split()
    return settled(said, queries, split, chosen_queries(workspace, split), workspace.catalogue().rows)


def machines_say(workspace: Workspace, queries: Collection[Query]) -> dict[str, Decision]:
    """What the labels of machines alone come to, weighed in the same way; also of what people labelled."""
    said = claim_store.read(workspace.claims_path)
    sources: dict[str, Source] = {}
    if workspace.split_path.exists():
        split = workspace.split()
        chosen, entries = chosen_queries(workspace, split), workspace.catalogue().rows
        sources = weighed_sources(said, queries, training_conversations(split), chosen, entries)
    return decide([claim for claim in said if not claim.is_human], sources)
