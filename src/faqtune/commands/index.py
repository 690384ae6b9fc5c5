"""`faqtune index`: one vector for each standard question, moved towards what customers ask, with its own figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faqtune import __version__
from faqtune.alone import alone
from faqtune.atomic import atomic_file
from faqtune.blend import PRIOR_LABELS, blended
from faqtune.commands.assemble import Project, evaluation_set, load_project
from faqtune.commands.evaluate import LEAST_QUERIES, measured, unseen_part
from faqtune.commands.index_files import INDEX_NAME, MADE_BY, VECTORS_NAME, index_folder
from faqtune.commands.models import TUNED, ReportingEncoder, load_model, model_digest, resolved_name
from faqtune.commands.synthetic import to_train_on
from faqtune.commands.training_set import training_data
from faqtune.digests import digest
from faqtune.encoder import Encoder, KeepingEncoder, Vectors
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet, calibrate, compare_all, evaluate, point_figures
from faqtune.evaluate.intervals import RESAMPLES
from faqtune.progress import Reporter, Silent
from faqtune.ranking import entry_slices
from faqtune.records import CALIBRATION, SELECTION, TEST, Catalogue
from faqtune.runs import finished_runs
from faqtune.scorecard import Comparison
from faqtune.steps import is_current, mark_current
from faqtune.stored import read_json, write_json
from faqtune.train.data import Example
from faqtune.workspace import Workspace

LEAST_CONFIDENCE = 0.6
"""As in the recipe `default`: labels of machines below it count for nothing."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A figure of the selection part, by its name, without and with the index."""

    figure: str
    without: float
    with_index: float


@dataclass(frozen=True, slots=True)
class Indexed:
    """Where the vectors lie, and what they were made of: `labels` of the training part, which `moved` so many of the
    `questions`.

    `selection`: a figure of the model by itself and with the index on the selection part, to decide by; None where that
    part cannot tell. `comparison`: both on the test part; None where that has too few queries.
    `threshold_cosine`: where to answer with it; None where the calibration part cannot set that.
    """

    model: str
    folder: Path
    questions: int
    moved: int
    labels: int
    threshold_cosine: float | None
    selection: Decided | None
    comparison: Comparison | None
    skipped: bool = False


@alone
def make_index(
    workspace: Workspace,
    *,
    model: str = "",
    prior: float = PRIOR_LABELS,
    confidence: float = LEAST_CONFIDENCE,
    resamples: int = RESAMPLES,
    force: bool = False,
    reporter: Reporter | None = None,
) -> Indexed:
    """Write a vector for each standard question, drawn towards the labelled queries of the training part.

    By default of the newest run, else of the project's base model. `prior`: so many sure labels weigh as much as the
    question itself; labels below `confidence` do not count. The model is measured with and without: on the selection
    part, by which to decide, and on the test part, each at a threshold of its own.
    Raises UserError for a bad `prior` or `confidence`, and where no label counts.
    """
    reporter = reporter or Silent()
    if not 0 < prior < float("inf"):
        raise UserError(
            f"a prior of {prior:g} labels gives no vector to a question without labels",
            f"give a number above 0; {PRIOR_LABELS:g} is usual",
        )
    if not 0 <= confidence <= 1:
        raise UserError(f"no label is {confidence:g} sure", "give --confidence from 0 to 1")
    whole = load_project(workspace)
    done = [run.name for run in finished_runs(workspace, reporter.say)]
    name = resolved_name(workspace, model or (TUNED if done else workspace.config().model.base))
    labels, rows = _labels(workspace, whole, confidence, reporter)
    project, data = unseen_part(workspace, whole, [name], TEST)
    selection, calibration = (evaluation_set(project, part) for part in (SELECTION, CALIBRATION))
    folder = index_folder(workspace, name)
    outputs = [folder / VECTORS_NAME, folder / INDEX_NAME]
    weights = np.array([label.weight for label in labels], dtype=np.float32)
    inputs = digest(
        name, model_digest(workspace, name), workspace.config().model.model_dump_json(), *whole.catalogue.questions,
        str(whole.catalogue.owners), str(prior), str(resamples), str(weights.tolist()), str(rows.tolist()),
        *(label.text for label in labels), data.digest(), str(data.excluded), calibration.digest(), selection.digest(),
    )  # fmt: skip
    step = f"index {folder.relative_to(workspace.root).as_posix()}"
    if not force and is_current(workspace, step, inputs, outputs, say=reporter.say):
        return replace(_indexed(folder), skipped=True)
    loaded = load_model(workspace, name, reporter, exact=True)
    twice = _texts(whole.catalogue, data, selection, calibration)
    encoder = KeepingEncoder(ReportingEncoder(loaded, reporter, name), twice)
    vectors, counts = blended(
        encoder.encode(whole.catalogue.questions), whole.catalogue.owners, encoder.encode([e.text for e in labels]),
        rows, weights, prior,
    )  # fmt: skip
    of_part = _of_part(whole.catalogue, vectors)
    facts = {
        "faqtune": __version__,
        "model": name,
        "model_digest": model_digest(workspace, name),
        "prompt": loaded.prompt,
        "prior": prior,
        "confidence": confidence,
        "labels": len(labels),
        "selection": _on_selection(encoder, selection, of_part),
        **_figures(workspace, encoder, data, calibration, of_part, resamples, reporter),
        "questions": [
            {"entry": whole.catalogue.entries[owner].id, "question": question, "labels": int(count)}
            for owner, question, count in zip(whole.catalogue.owners, whole.catalogue.questions, counts, strict=True)
        ],
    }
    with atomic_file(outputs[0]) as file:
        np.save(file, vectors)
    write_json(outputs[1], facts | {"vectors_digest": digest(outputs[0])})
    mark_current(workspace, step, inputs, outputs)
    return _indexed(folder)


def _labels(
    workspace: Workspace, project: Project, confidence: float, reporter: Reporter
) -> tuple[tuple[Example, ...], NDArray[np.int64]]:
    """What of the training part counts, and the rows of its entries in the whole catalogue.

    Raises UserError where nothing does.
    """
    data = training_data(
        workspace, project, workspace.pairs(), to_train_on(workspace), workspace.own_pairs(), reporter
    ).confident(confidence)
    if not data.labels:
        raise UserError(
            f"no label of the training part is at least {confidence:g} sure: every question would stay as it is",
            "label some (`faqtune annotate`), add logs, or give a lower --confidence",
        )
    entries, place = data.catalogue.entries, project.catalogue.rows
    return data.labels, np.array([place[entries[label.row].id] for label in data.labels], dtype=np.int64)


def _texts(catalogue: Catalogue, *measured_on: EvaluationSet) -> list[str]:
    """Texts that are encoded with and without the index, and so kept."""
    queries = [one.text for data in measured_on for one in data.positives]
    noise = [one.text for data in measured_on for one in data.negatives]
    return [*catalogue.questions, *queries, *noise]


def _of_part(whole: Catalogue, vectors: Vectors) -> Callable[[Catalogue], Vectors]:
    """The rows of `vectors` that belong to a catalogue without the entries that are held out for a part."""
    slices = entry_slices(whole.owners)

    def of_part(part: Catalogue) -> Vectors:
        return np.concatenate([vectors[slices[whole.rows[entry.id]]] for entry in part.entries])

    return of_part


def _on_selection(
    encoder: Encoder, selection: EvaluationSet, questions: Callable[[Catalogue], Vectors]
) -> dict[str, Any] | None:
    """The figure that models are chosen by, without and with the index, or AUROC where there is too little noise for
    it; None where there is none."""
    if not selection.positives or not selection.negatives:
        return None
    without, with_index = (
        point_figures(evaluate(encoder, selection, questions=vectors))
        for vectors in (None, questions(selection.catalogue))
    )
    name = "oscr@5" if "oscr@5" in without else "auroc"
    return {"figure": name, "without": without[name], "with_index": with_index[name]}


def _figures(
    workspace: Workspace,
    encoder: Encoder,
    data: EvaluationSet,
    calibration: EvaluationSet,
    questions: Callable[[Catalogue], Vectors],
    resamples: int,
    reporter: Reporter,
) -> dict[str, Any]:
    """`comparison` on the test part, and `threshold_cosine`; None each where there is too little to tell."""
    threshold = None
    if calibration.positives and calibration.negatives:
        of_calibration = evaluate(encoder, calibration, questions=questions(calibration.catalogue))
        threshold = calibrate(of_calibration).threshold_cosine
    if len(data.positives) < LEAST_QUERIES:
        reporter.say(f"{data.part}: {len(data.positives)} queries with an entry are too few to measure the index on")
        return {"threshold_cosine": threshold, "comparison": None}
    without = measured(workspace, encoder, data, calibration)
    with_index = measured(workspace, encoder, data, calibration, questions)
    (comparison,) = compare_all([without, replace(with_index, model=f"{encoder.name} + index")], resamples=resamples)
    return {"threshold_cosine": threshold, "comparison": json.loads(comparison.model_dump_json())}


def _indexed(folder: Path) -> Indexed:
    """What the files of an index say of it."""
    facts = read_json(folder / INDEX_NAME, MADE_BY)
    made = facts["comparison"]
    return Indexed(
        facts["model"],
        folder,
        questions=len(facts["questions"]),
        moved=sum(each["labels"] > 0 for each in facts["questions"]),
        labels=facts["labels"],
        threshold_cosine=facts["threshold_cosine"],
        selection=Decided(**facts["selection"]) if facts["selection"] else None,
        comparison=Comparison.model_validate(made) if made else None,
    )
