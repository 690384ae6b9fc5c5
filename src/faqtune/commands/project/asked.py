"""Which queries a certificate wants a person's label of, and that their conversations go on calibrating."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from faqtune.commands.project.assemble import STRATUM_OF_REASON, Project, is_measurable
from faqtune.encoder import Encoder, Vectors
from faqtune.evaluate import EvaluationSet
from faqtune.evaluate.certify import Certified
from faqtune.evaluate.risk import NOISE, REJECTED, WRONG
from faqtune.label import Decision
from faqtune.ranking import rank
from faqtune.records import CALIBRATION
from faqtune.stored import read_jsonl, write_jsonl
from faqtune.workspace import Workspace

MOST_TO_LABEL = 50
ASKED_NAME = "asked.jsonl"
MADE_BY = "faqtune calibrate"


def ask_people(
    workspace: Workspace,
    folder: Path,
    project: Project,
    encoder: Encoder,
    data: EvaluationSet,
    certified: Certified,
    questions: Vectors | None = None,
) -> Path | None:
    """Write the queries of the calibration part whose labels would tell most to `to_label.jsonl` in `folder`, at most
    `MOST_TO_LABEL`, and remember them for the queue of `faqtune annotate`; None if people have labelled all.

    First those that break a promise by a machine's label (answered and called wrong or noise, or a question that is
    turned away), as a person may find the label wrong; then what nobody has labelled. Of each kind those
    nearest to the threshold first. `questions`: what stands for the vectors of the catalogue's questions.
    """
    waiting = [
        query
        for query in project.queries
        if project.split.conversations.get(query.conversation) == CALIBRATION
        and not ((decision := project.decisions.get(query.id)) is not None and decision.is_human)
    ]
    if not waiting:
        return None
    entries = data.catalogue.entries
    questions = encoder.encode(data.catalogue.questions) if questions is None else questions
    ranking = rank(encoder.encode([query.text for query in waiting]), questions, data.catalogue.owners, k=2)
    answered = ranking.answered(certified.threshold_cosine, certified.margin_cosine)
    broken = {promise.what for promise in certified.promises if not promise.is_kept}
    rows: list[dict[str, Any]] = []
    for place, query in enumerate(waiting):
        found = entries[int(ranking.rows[place, 0])]
        decision = project.decisions.get(query.id)
        rows.append(
            {
                "query": query.id,
                "text": query.text,
                "conversation": query.conversation,
                "score": round(float(ranking.best[place]), 4),
                "entry": found.id,
                "question": found.questions[0],
                "label": "" if decision is None else decision.entry or decision.reason,
                "breaks": _breaks(decision, found.id, bool(answered[place]), broken),
            }
        )
    far = np.abs(ranking.best - certified.threshold_cosine)
    order = sorted(range(len(rows)), key=lambda place: (rows[place]["breaks"] == "", far[place]))
    asked = [rows[place] for place in order[:MOST_TO_LABEL]]
    path = folder / "to_label.jsonl"
    write_jsonl(path, asked)
    write_jsonl(workspace.root / ASKED_NAME, list((_kept(workspace) | {row["query"]: row for row in asked}).values()))
    return path


def _breaks(decision: Decision | None, found: str, answered: bool, broken: set[str]) -> str:
    """Which promise that is not kept the query breaks by its label, "" if none, or if it is not measured."""
    if decision is None or decision.others or not is_measurable(decision):
        return ""
    if decision.entry is None:
        kinds = (NOISE, f"{NOISE}/{STRATUM_OF_REASON.get(decision.reason, '')}")
        return next((kind for kind in kinds if answered and kind in broken), "")
    if answered and found != decision.entry and WRONG in broken:
        return WRONG
    return REJECTED if not answered and REJECTED in broken else ""


def asked_queries(workspace: Workspace) -> dict[str, str]:
    """Queries that certificates have asked people to label, and the conversation of each."""
    return {query: row["conversation"] for query, row in _kept(workspace).items()}


def _kept(workspace: Workspace) -> dict[str, dict[str, Any]]:
    path = workspace.root / ASKED_NAME
    return dict(read_jsonl(path, MADE_BY, _row)) if path.exists() else {}


def _row(row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """By its query. One without a query or a conversation makes the file a damaged one."""
    return row["query"], {**row, "conversation": row["conversation"]}
