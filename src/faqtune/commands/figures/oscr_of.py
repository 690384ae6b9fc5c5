"""OSCR@5% of models side by side on a part of the split that is not the test part, for choosing between them."""

from __future__ import annotations

from collections.abc import Sequence

from faqtune.commands.figures.enough import OF_THE_SPLIT, refuse_too_few
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.commands.project.models import ReportingEncoder, load_model
from faqtune.commands.project.seen import without_seen
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, Sampled, evaluate, sampled
from faqtune.progress import Reporter, Silent
from faqtune.records import TEST
from faqtune.workspace import Workspace

FIGURE = "oscr@5"


def choosing_set(workspace: Workspace, models: Sequence[str], part: str) -> EvaluationSet:
    """What models are compared on: without what any of them was trained on. Raises UserError where it
    is too little for the figure, ValueError for the test part: nothing is chosen by that."""
    if part == TEST:
        raise ValueError("nothing is chosen on the test part")
    project, _, _ = without_seen(workspace, load_project(workspace), models)
    data = evaluation_set(project, part)
    refuse_too_few(len(data.positives), data.part, OF_THE_SPLIT)
    return data


def oscr_of(workspace: Workspace, models: Sequence[str], part: str, reporter: Reporter | None = None) -> list[Sampled]:
    """One per model, with resamples that belong together. Raises UserError as `choosing_set`, and for too little
    noise."""
    data = choosing_set(workspace, models, part)
    return [measured_oscr(workspace, model, data, reporter or Silent()) for model in models]


def measured_oscr(workspace: Workspace, model: str, data: EvaluationSet, reporter: Reporter) -> Sampled:
    """OSCR@5% of one model. Raises UserError where the data have too little noise."""
    encoder = ReportingEncoder(load_model(workspace, model, reporter, exact=True), reporter, model)
    found = sampled(evaluate(encoder, data), FIGURE)
    if found is None:
        raise UserError(
            f"{data.part}: only {len(data.negatives)} noise sentences, too few for OSCR@5%",
            "add chatter under [noise] in faqtune.toml",
        )
    return found
