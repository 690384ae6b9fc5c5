"""Tasks of MTEB, where it and its data are there: general ability by a public measure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from faqtune.commands.project.models import model_place
from faqtune.errors import UserError
from faqtune.progress import Reporter
from faqtune.workspace import Workspace

LEAST_VERSION = 2


def refuse_without_mteb(tasks: Sequence[str]) -> list[Any]:
    """The named tasks. Raises UserError where mteb is not installed or is too old, or knows no such task: asked before
    anything is encoded."""
    try:
        import mteb
    except ImportError:
        raise UserError(
            "mteb is not installed", f"run `pip install 'mteb>={LEAST_VERSION}'`, or leave --mteb out"
        ) from None
    if not hasattr(mteb, "evaluate"):
        raise UserError("this mteb is too old", f"run `pip install 'mteb>={LEAST_VERSION}'`")
    try:
        found = list(mteb.get_tasks(tasks=list(tasks)))
    except (KeyError, ValueError) as error:
        raise UserError(
            f"mteb: {str(error)[:200]}", "name tasks as mteb does, e.g. STSB,AFQMC,TNews,T2Retrieval"
        ) from None
    if not found:
        raise UserError(f"mteb knows none of {', '.join(tasks)}", "name tasks as mteb does, e.g. STSB,AFQMC,TNews")
    return found


def mteb_scores(workspace: Workspace, name: str, tasks: Sequence[Any], reporter: Reporter) -> dict[str, float]:
    """Main score of a model in each task, 0 to 1. Raises UserError where a task's data cannot be had.

    Nothing is taken from mteb's cache: it knows folders by their names only, and a tuned model changes in its folder.
    """
    import mteb
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(_folder(workspace, name))
    card = model.model_card_data
    if not (card.model_name or card.base_model):
        # The first releases of mteb 2 refuse a model without a name of this form.
        card.model_name = "faqtune/" + re.sub(r"[^\w.-]+", "-", name)
    scores: dict[str, float] = {}
    for task in tasks:
        reporter.say(f"mteb {task.metadata.name} with {name}")
        try:
            result = mteb.evaluate(model, task, cache=None)
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(
                f"mteb {task.metadata.name}: {str(error)[:200]}",
                "fetch the task's data once where there is a network, or leave the task out",
            ) from error
        scores |= {each.task_name: float(each.get_score()) for each in result.task_results}
    return scores


def _folder(workspace: Workspace, name: str) -> str:
    place = model_place(workspace, name)
    if place != "builtin":
        return place
    from faqtune.model.builtin import builtin_folder

    return str(builtin_folder())
