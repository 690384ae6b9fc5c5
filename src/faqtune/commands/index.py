"""`faqtune index`: one vector for each standard question, moved towards what customers ask, with its own figures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from faqtune import __version__
from faqtune.alone import alone
from faqtune.atomic import atomic_file
from faqtune.blend import PRIOR_LABELS, blended
from faqtune.commands.figures.measured import unseen_part
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.commands.project.models import TUNED, ReportingEncoder, load_model, model_digest, resolved_name
from faqtune.commands.vectors.figures import figures_of, on_selection, rows_of_part, selection_of
from faqtune.commands.vectors.files import (
    INDEX_NAME,
    LEAST_CONFIDENCE,
    VECTORS_NAME,
    index_digest,
    index_folder,
    made_by,
    settings_digest,
)
from faqtune.commands.vectors.kept import Indexed, kept_index
from faqtune.commands.vectors.labels import labels_digest, labels_of
from faqtune.digests import digest
from faqtune.encoder import KeepingEncoder
from faqtune.errors import UserError
from faqtune.evaluate import EvaluationSet
from faqtune.evaluate.intervals import RESAMPLES
from faqtune.progress import Reporter, Silent
from faqtune.records import CALIBRATION, TEST, Catalogue
from faqtune.runs import CERTIFICATE_NAME, REFUSED_CERTIFICATE_NAME, finished_runs
from faqtune.steps import is_current, mark_current
from faqtune.stored import read_json, write_json
from faqtune.train.data import Example
from faqtune.workspace import Workspace

MOST_PRIOR = 1_000_000


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
    part, by which to decide, and on the test part, each at a threshold for 5 % of noise (a certificate of the run
    speaks of the model by itself, and is left aside).
    Raises UserError for a bad `prior` or `confidence`, an empty catalogue, and where no label counts.
    """
    reporter = reporter or Silent()
    if not 0 < prior <= MOST_PRIOR:
        raise UserError(
            f"{prior:g} labels cannot stand for a question",
            f"give --prior a number above 0, at most {MOST_PRIOR:,}; {PRIOR_LABELS:g} is usual",
        )
    if not 0 <= confidence <= 1:
        raise UserError(f"no label is {confidence:g} sure", "give --confidence from 0 to 1")
    whole = load_project(workspace)
    if not whole.catalogue.questions:
        raise UserError("the catalogue is empty", "check catalogue.files in faqtune.toml, then run `faqtune ingest`")
    done = [run.name for run in finished_runs(workspace, reporter.say)]
    name = resolved_name(workspace, model or (TUNED if done else workspace.config().model.base))
    labels, rows = labels_of(workspace, whole, confidence, reporter)
    _refuse_no_labels(labels, confidence)
    project, data = unseen_part(workspace, whole, [name], TEST)
    calibration, selection = evaluation_set(project, CALIBRATION), selection_of(project)
    folder = index_folder(workspace, name)
    outputs = [folder / VECTORS_NAME, folder / INDEX_NAME]
    weights = np.array([label.weight for label in labels], dtype=np.float32)
    of_model = model_digest(workspace, name)
    inputs = digest(
        name, of_model, workspace.config().model.model_dump_json(), *whole.catalogue.questions,
        str(whole.catalogue.owners), str(prior), str(resamples), labels_digest(labels, rows),
        data.digest(), str(data.excluded), calibration.digest(), str(confidence),
        selection.digest() if selection else "",
    )  # fmt: skip
    step = f"index {folder.relative_to(workspace.root).as_posix()}"
    if not force and is_current(workspace, step, inputs, outputs, say=reporter.say):
        return replace(kept_index(folder, name), skipped=True)
    _refuse_unwritable(folder)
    loaded = load_model(workspace, name, reporter, exact=True)
    twice = _texts(whole.catalogue, data, calibration, *([selection] if selection else []))
    encoder = KeepingEncoder(ReportingEncoder(loaded, reporter, name), twice)
    vectors, counts = blended(
        encoder.encode(whole.catalogue.questions), whole.catalogue.owners, encoder.encode([e.text for e in labels]),
        rows, weights, prior,
    )  # fmt: skip
    of_part = rows_of_part(whole.catalogue, vectors)
    facts = {
        "faqtune": __version__,
        "model": name,
        "model_digest": of_model,
        "settings_digest": settings_digest(workspace),
        "labels_digest": labels_digest(labels, rows),
        "prompt": loaded.prompt,
        "prior": prior,
        "confidence": confidence,
        "labels": len(labels),
        "selection": on_selection(encoder, selection, of_part, resamples) if selection else None,
        **figures_of(workspace, encoder, data, calibration, of_part, resamples, reporter),
        "questions": [
            {"entry": whole.catalogue.entries[owner].id, "question": question, "labels": int(count)}
            for owner, question, count in zip(whole.catalogue.owners, whole.catalogue.questions, counts, strict=True)
        ],
    }
    with atomic_file(outputs[0]) as file:
        np.save(file, vectors)
    facts["vectors_digest"] = digest(outputs[0])
    if index_digest(facts) != _digest_before(folder, name):  # a certificate speaks of the index it was made for
        for certificate in (CERTIFICATE_NAME, REFUSED_CERTIFICATE_NAME):
            (folder / certificate).unlink(missing_ok=True)
    write_json(outputs[1], facts)
    mark_current(workspace, step, inputs, outputs)
    return kept_index(folder, name)


def _refuse_no_labels(labels: Sequence[Example], confidence: float) -> None:
    if not labels:
        raise UserError(
            f"no label of the training part is at least {confidence:g} sure: every question would stay as it is",
            "label some by hand (`faqtune annotate`), or give a lower --confidence: rules are seldom so sure",
        )


def _digest_before(folder: Path, name: str) -> str:
    """Of the index that is there already; "" where there is none, or a damaged one."""
    with suppress(UserError, KeyError, TypeError):
        return index_digest(read_json(folder / INDEX_NAME, made_by(name)))
    return ""


def _texts(catalogue: Catalogue, *measured_on: EvaluationSet) -> list[str]:
    """Texts that are encoded with and without the index, and so kept."""
    queries = [one.text for data in measured_on for one in data.positives]
    noise = [one.text for data in measured_on for one in data.negatives]
    return [*catalogue.questions, *queries, *noise]


def _refuse_unwritable(folder: Path) -> None:
    """Raises UserError: better said before everything is encoded than after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror or error}", "set its permissions, or free some room") from None
