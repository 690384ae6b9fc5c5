"""Labels that draw the vectors of an index: which count, whether they are enough, and that they are still the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

from faqtune.commands.project.assemble import Project, load_project
from faqtune.commands.project.synthetic import to_train_on
from faqtune.commands.project.training_set import training_data
from faqtune.commands.vectors.files import INDEX_NAME, LEAST_CONFIDENCE, Index, index_folder
from faqtune.digests import digest
from faqtune.errors import UserError
from faqtune.progress import Reporter, Silent
from faqtune.records import normalise
from faqtune.train.data import Example
from faqtune.workspace import Workspace

SEVERAL_LABELS = 5
"""Of most entries: with 20 an index was clearly better, with one a question hardly moves."""


def labels_of(
    workspace: Workspace, project: Project, confidence: float, reporter: Reporter
) -> tuple[tuple[Example, ...], NDArray[np.int64]]:
    """What of the training part counts, and the rows of its entries in the whole catalogue."""
    data = training_data(
        workspace, project, workspace.pairs(), to_train_on(workspace), workspace.own_pairs(), reporter
    ).confident(confidence)
    entries, place = data.catalogue.entries, project.catalogue.rows
    return data.labels, np.array([place[entries[label.row].id] for label in data.labels], dtype=np.int64)


def labels_digest(labels: Sequence[Example], rows: NDArray[np.int64]) -> str:
    """Of what `labels_of` gives, on one catalogue."""
    return digest(*(f"{row} {label.weight} {label.text}" for label, row in zip(labels, rows.tolist(), strict=True)))


def refuse_other_labels(workspace: Workspace, index: Index, project: Project, reporter: Reporter) -> None:
    """Raises UserError where the labels of the training part are others than when the index was made: what its vectors
    were drawn towards may measure by now, by another split or as the very words of a text that got a label since."""
    if index.labels_digest != labels_digest(*labels_of(workspace, project, index.confidence, reporter)):
        raise UserError(
            f"{index.folder}: the labels of the training part are others than when this index was made",
            f"run `{index.made_by}` again",
        )


def index_may_help(workspace: Workspace, name: str) -> bool:
    """Whether there is no index of this model yet, and most entries have several labels in training that count."""
    if (index_folder(workspace, name) / INDEX_NAME).exists():
        return False
    project = load_project(workspace)
    labels, rows = labels_of(workspace, project, LEAST_CONFIDENCE, Silent())
    texts: dict[int, set[str]] = defaultdict(set)
    for label, row in zip(labels, rows.tolist(), strict=True):
        texts[row].add(normalise(label.text))
    counts = [len(texts[row]) for row in range(len(project.catalogue))]
    return bool(counts) and median_low(counts) >= SEVERAL_LABELS
