"""What the files of an index say of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from faqtune.commands.project.assemble import BY_PEOPLE
from faqtune.commands.vectors.figures import OnSelection
from faqtune.commands.vectors.files import INDEX_NAME, certified_answering_of, index_digest, index_folder, made_by
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
    model_digest: str = ""
    skipped: bool = False


def kept_index(folder: Path, name: str) -> Indexed:
    """Raises UserError for files that are missing or damaged."""
    facts = read_json(folder / INDEX_NAME, made_by(name))
    with reading(folder / INDEX_NAME, made_by(name)):
        made, certified = facts["comparison"], certified_answering_of(folder, index_digest(facts))
        return Indexed(
            facts["model"],
            folder,
            questions=len(facts["questions"]),
            moved=sum(each["labels"] > 0 for each in facts["questions"]),
            labels=facts["labels"],
            threshold_cosine=facts["threshold_cosine"],
            selection=OnSelection(**facts["selection"]) if facts["selection"] else None,
            comparison=Comparison.model_validate(made) if made else None,
            certified_cosine=None if certified is None else certified.threshold_cosine,
            model_digest=facts["model_digest"],
        )


def vectors_of(workspace: Workspace, name: str, model_digest: str) -> Vectors | None:
    """What the index of this state of a model brings, for its report; None where there is none of it."""
    folder = index_folder(workspace, name)
    if not (folder / INDEX_NAME).exists() or (kept := kept_index(folder, name)).model_digest != model_digest:
        return None
    return Vectors(
        questions=kept.questions,
        moved=kept.moved,
        labels=kept.labels,
        threshold_cosine=kept.threshold_cosine,
        certified_cosine=kept.certified_cosine,
        selection=_decided_by(kept.selection) if kept.selection else None,
        comparison=kept.comparison,
    )


def _decided_by(selection: OnSelection) -> dict[str, Any]:
    return asdict(selection) | {"verdict": selection.verdict, "by_people": BY_PEOPLE in selection.part}
