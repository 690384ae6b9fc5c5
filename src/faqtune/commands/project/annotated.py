"""What people labelled on the page or in the terminal, as the other steps find it."""

from __future__ import annotations

from faqtune.annotate.kept import keep_queries
from faqtune.annotate.orders import RANDOM
from faqtune.annotate.shares import chance
from faqtune.annotate.store import ANSWER, Store, read_acts, standing
from faqtune.records import TRAIN, Split
from faqtune.workspace import Workspace


def keep_annotated(workspace: Workspace) -> None:
    """Write the queries that people labelled to where training finds them, if annotation was killed before it did."""
    if workspace.acts_path.exists():
        store = Store(workspace.acts_path)
        keep_queries(store, workspace.annotated_queries_path)
        store.close()


def chosen_queries(workspace: Workspace, split: Split) -> frozenset[str]:
    """Queries of the training part that people labelled because the queue chose them.

    They are no sample of anything: a rule that is right nine times in ten looks wrong on the queries that were asked
    because it is contradicted. What stays can judge the machines: the beginning of the order by chance, as far as
    it has been asked, with what of it was answered for another reason before.
    """
    acts = [
        (act, chance("random", act.data["item"], split.seed))
        for act in standing(read_acts(workspace.acts_path), ANSWER)
        if split.conversations.get(act.data["query"]["conversation"]) == TRAIN
    ]
    drawn = max((place for act, place in acts if act.data["why"] == RANDOM), default=-1.0)
    return frozenset(act.data["query"]["id"] for act, place in acts if act.data["why"] and place > drawn)
