"""`faqtune label --after-annotation`: people have stopped; the rules label the rest, with the tuned model."""

from __future__ import annotations

from dataclasses import dataclass

from faqtune.alone import alone
from faqtune.commands.decide import Decided, decide_labels
from faqtune.commands.label import Labelled, label_queries
from faqtune.commands.project.models import TUNED
from faqtune.progress import Reporter
from faqtune.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Rest:
    """What the rules labelled anew, and what all labels came to with it."""

    labelled: Labelled
    decided: Decided


@alone
def label_the_rest(
    workspace: Workspace, *, model: str = "", force: bool = False, reporter: Reporter | None = None
) -> Rest:
    """Label with the newest run's model, or `model`, and decide. What people said stays, and wins.

    Raises UserError if no run has finished and no model is named.
    """
    labelled = label_queries(workspace, model=model or TUNED, force=force, reporter=reporter)
    return Rest(labelled, decide_labels(workspace, force=force, reporter=reporter))
