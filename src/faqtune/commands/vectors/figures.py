"""What an index brings: the model with and without it, on the selection and the test part."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from faqtune.commands.figures.enough import LEAST_QUERIES
from faqtune.commands.figures.measured import measured
from faqtune.commands.project.assemble import Project, selection_set
from faqtune.encoder import Encoder, Vectors
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, calibrate, compare_all, difference_mark, evaluate
from faqtune.progress import Reporter
from faqtune.ranking import entry_slices
from faqtune.records import Catalogue
from faqtune.scorecard import Difference
from faqtune.workspace import Workspace

DECIDING = ("oscr@5", "auroc")


@dataclass(frozen=True, slots=True)
class OnSelection:
    """The model by itself and with the index on the selection part, to decide by.

    `part` says whose labels these are; `figures` has OSCR@5%, where there is noise enough for it, and AUROC: without,
    with, and the difference with its paired 95 % interval. By itself a tuned model looks a little better here than it
    is: its best step was chosen on this part.
    """

    part: str
    queries: int
    figures: dict[str, dict[str, float]]

    @property
    def verdict(self) -> str:
        """better, worse, or unclear: better in one figure and worse in none, or the other way round."""
        marks = {
            difference_mark(name, Difference(**{key: found[key] for key in ("value", "low", "high", "p")}))
            for name, found in self.figures.items()
        }
        if {"better", "worse"} <= marks:
            return "unclear"
        return next((mark for mark in ("better", "worse") if mark in marks), "unclear")


def rows_of_part(whole: Catalogue, vectors: Vectors) -> Callable[[Catalogue], Vectors]:
    """The rows of `vectors` that belong to a catalogue without the entries that are held out for a part."""
    slices = entry_slices(whole.owners)

    def of_part(part: Catalogue) -> Vectors:
        return np.concatenate([vectors[slices[whole.rows[entry.id]]] for entry in part.entries])

    return of_part


def selection_of(project: Project) -> EvaluationSet | None:
    """What models are chosen on; None where it has too little."""
    try:
        return selection_set(project)
    except UserError:
        return None


def on_selection(
    encoder: Encoder, selection: EvaluationSet, questions: Callable[[Catalogue], Vectors], resamples: int
) -> OnSelection:
    without, with_index = (
        evaluate(encoder, selection, questions=vectors) for vectors in (None, questions(selection.catalogue))
    )
    (made,) = compare_all([without, with_index], resamples=resamples)
    figures = {
        name: {
            "without": made.before.figures[name].value,
            "with_index": made.after.figures[name].value,
            **{key: getattr(made.differences[name], key) for key in ("value", "low", "high", "p")},
        }
        for name in DECIDING
        if name in made.differences
    }
    return OnSelection(selection.part, len(selection.positives), figures)


def figures_of(
    workspace: Workspace,
    encoder: Encoder,
    data: EvaluationSet,
    calibration: EvaluationSet,
    questions: Callable[[Catalogue], Vectors],
    resamples: int,
    reporter: Reporter,
) -> dict[str, Any]:
    """`comparison` on the test part, and `threshold_cosine`; None each where there is too little to tell."""
    if len(data.positives) < LEAST_QUERIES:
        reporter.say(f"{data.part}: {len(data.positives)} queries with an entry are too few to measure the index on")
        threshold = None
        if calibration.positives and calibration.negatives:
            of_calibration = evaluate(encoder, calibration, questions=questions(calibration.catalogue))
            threshold = calibrate(of_calibration).threshold_cosine
        return {"threshold_cosine": threshold, "comparison": None}
    # Each at a threshold that is set in the same way: a certificate holds for one of them only.
    without = measured(workspace, encoder, data, calibration, lambda part: encoder.encode(part.questions))
    with_index = measured(workspace, encoder, data, calibration, questions)
    (comparison,) = compare_all([without, replace(with_index, model=f"{encoder.name} + index")], resamples=resamples)
    return {"threshold_cosine": with_index.threshold_cosine, "comparison": json.loads(comparison.model_dump_json())}
