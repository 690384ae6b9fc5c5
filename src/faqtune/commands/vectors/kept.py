"""What the files of an index say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from faqtune.commands.project.assemble import BY_PEOPLE
from faqtune.commands.vectors.figures import OnSelection
from faqtune.commands.vectors.files import (
    INDEX_NAME,
    certified_answering_of,
    changed_since,
    index_digest,
    index_folder,
    made_by,
)
from faqtune.report import Vectors
from faqtune.scorecard import Comparison
from faqtune.stored import read_json, reading
from faqtune.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Indexed:
    """Where the vectors lie, and what they were made of: `labels` of the training part, which `moved` so many of the
    `questions`.

    `selection`: what to decide by; None where that part has too little. `comparison`: the model by itself and with the
    index on the test part, each at a threshold for 5 % of noise; None where that has too few queries.
    `threshold_cosine`: where to answer with it; None where the calibration part cannot set that.
    `certified_cosine`: where a certificate of this very index promises things for; `match` then answers there.
    """

    model: str
    folder: Path
    questions: int
    moved: int
    labels: int
    threshold_cosine: float | None
    selection: OnSelection | None
    comparison: Comparison | None
    certified_cosine: float | None = None
    skipped: bool = False


def kept_index(folder: Path, name: str) -> Indexed:
    """Raises UserError for files that are missing or damaged."""
    facts = read_json(folder / INDEX_NAME, made_by(name))
    with reading(folder / INDEX_NAME, made_by(name)):
        return _indexed(folder, facts)


def vectors_of(workspace: Workspace, name: str, model_digest: str) -> Vectors | None:
    """What the index of a model brings, for its report; None where there is none of this state of the model, or one
    that `match` would refuse. Raises UserError for a damaged one."""
    folder = index_folder(workspace, name)
    if not (path := folder / INDEX_NAME).exists():
        return None
    facts = read_json(path, made_by(name))
    with reading(path, made_by(name)):
        if changed_since(workspace, folder, facts, model_digest, workspace.catalogue()):
            return None
        kept = _indexed(folder, facts)
        return Vectors(
            questions=kept.questions,
            moved=kept.moved,
            labels=kept.labels,
            threshold_cosine=kept.threshold_cosine,
            certified_cosine=kept.certified_cosine,
            selection=_decided_by(kept.selection) if kept.selection else None,
            comparison=kept.comparison,
        )


def _indexed(folder: Path, facts: Mapping[str, Any]) -> Indexed:
    """Raises KeyError, TypeError or ValueError for damaged facts."""
    made, certified = facts["comparison"], certified_answering_of(folder, index_digest(facts))
    threshold = facts["threshold_cosine"]
    return Indexed(
        facts["model"],
        folder,
        questions=len(facts["questions"]),
        moved=sum(each["labels"] > 0 for each in facts["questions"]),
        labels=facts["labels"],
        threshold_cosine=None if threshold is None else float(threshold),
        selection=OnSelection(**facts["selection"]) if facts["selection"] else None,
        comparison=Comparison.model_validate(made) if made else None,
        certified_cosine=None if certified is None else certified.threshold_cosine,
    )


def _decided_by(selection: OnSelection) -> dict[str, Any]:
    return asdict(selection) | {"verdict": selection.verdict, "by_people": BY_PEOPLE in selection.part}
