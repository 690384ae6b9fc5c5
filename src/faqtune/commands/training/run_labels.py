"""The labels that a run was trained on, in a few counts: kept with it, since labels go on changing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from faqtune.commands.project.assemble import Project
from faqtune.errors import UserError
from faqtune.records import TRAIN
from faqtune.runs import Run
from faqtune.stored import read_json, write_json

LABELS_NAME = "labels.json"


@dataclass(frozen=True, slots=True)
class TrainingLabels:
    """`sources`: labels of the training part by who gave them; `entries`: of every entry of the catalogue, in its
    order, its first question and how many labels it has; a query that asks for several entries is a label of each."""

    sources: dict[str, int]
    entries: list[tuple[str, int]]


def training_labels(project: Project) -> TrainingLabels:
    """As they are now."""
    sources: Counter[str] = Counter()
    per_entry: Counter[str] = Counter()
    for query in project.queries:
        decision = project.decisions.get(query.id)
        if decision is not None and project.split.conversations.get(query.conversation) == TRAIN:
            sources.update(decision.sources)
            per_entry.update(decision.entries)
    return TrainingLabels(dict(sources), [(entry.questions[0], per_entry[entry.id]) for entry in project.catalogue])


def keep_labels(run: Run, project: Project) -> None:
    """Write `labels.json` into the run."""
    write_json(run.folder / LABELS_NAME, training_labels(project))


def labels_of(run: Run, project: Project) -> TrainingLabels:
    """What the run was trained on; today's labels for a run of an older faqtune. Raises UserError if damaged."""
    path = run.folder / LABELS_NAME
    if not path.exists():
        return training_labels(project)
    kept = read_json(path, "faqtune train")
    try:
        return TrainingLabels(
            {str(source): int(count) for source, count in kept["sources"].items()},
            [(str(question), int(count)) for question, count in kept["entries"]],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is damaged ({error!r})", "remove it: the report then shows the labels of today"
        ) from None
