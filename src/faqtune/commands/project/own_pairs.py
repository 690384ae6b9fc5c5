"""The user's own pairs as training examples: only what is nowhere near anything that measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from faqtune.commands.project.assemble import Project
from faqtune.records import TRAIN, OwnPair
from faqtune.split import without_near_leaks
from faqtune.train.data import Example
from faqtune.workspace import Workspace


def own_examples(
    workspace: Workspace,
    project: Project,
    own: Sequence[OwnPair],
    measured: Sequence[str],
    say: Callable[[str], None],
) -> list[Example]:
    """Examples of the pairs that are not of a held-out entry and not near a `measured` text or any query of a
    conversation that measures: a pair belongs to no conversation itself. Says how many were left out.
    """
    if not own:
        return []
    rows, parts = project.trained_catalogue.rows, project.split.conversations
    asked = [query.text for query in project.queries if parts.get(query.conversation, TRAIN) != TRAIN]
    of_entries = [pair for pair in own if pair.entry in rows]
    kept = without_near_leaks(of_entries, lambda pair: pair.text, [*measured, *asked])
    say(
        f"your own pairs: {len(kept)} of {len(own)} are trained on; left out {len(own) - len(of_entries)} of entries "
        f"held out of training, {len(of_entries) - len(kept)} near what measures"
    )
    unsure = workspace.config().pairs.generated_confidence
    return [
        Example(pair.text, rows[pair.entry], 1.0 if pair.by_people else unsure, trusted=pair.by_people) for pair in kept
    ]
