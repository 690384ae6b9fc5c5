"""Annotations out of a session as files, and files of annotations into it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from faqtune import claims as claim_store
from faqtune.annotate.answers import Answer
from faqtune.annotate.decisions import Decision, act_of, query_in
from faqtune.annotate.exchange import Annotated, Known, export, read
from faqtune.annotate.exchange.taken import new_claims, refuse_gone
from faqtune.annotate.insight import Insight
from faqtune.annotate.refused import Refused
from faqtune.annotate.session import Session
from faqtune.annotate.store import ANSWER
from faqtune.annotate.workbook import write_workbook
from faqtune.records import Entry

EXPORTS = {
    "annonated_dataset.json": "triples",
    "annotations.jsonl": "jsonl",
    "annotations.xlsx": "xlsx",
    "argilla.json": "argilla",
    "label-studio.json": "label-studio",
}
"""Name of a file that the page offers to its form."""
PROPOSALS, GAPS = "proposals.xlsx", "gaps.xlsx"
MEDIA_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def exported(session: Session, insight: Insight, name: str) -> bytes:
    """One of the files that the page offers. Raises Refused for any other."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        if name in EXPORTS:
            write_annotations(session, path, EXPORTS[name])
        elif name == PROPOSALS:
            write_workbook(path, {"proposals": insight.proposals_rows()})
        elif name == GAPS:
            write_workbook(path, {"gaps": insight.gaps_rows()})
        else:
            raise Refused("there is no such export", "use the buttons of the page")
        return path.read_bytes()


def write_annotations(session: Session, path: Path, form: str = "") -> int:
    """Every answer that stands, in one of `faqtune.annotate.exchange.FORMS`; returns how many records that makes."""
    answers = {answer.id: answer for answer in session.answers()}
    rows = [
        Annotated(query_in(act.data), answers[act.act]) for act in session.store.standing(ANSWER) if act.act in answers
    ]
    return export(path, rows, _known(session), form)


def take_in(session: Session, path: Path, by: str, form: str = "") -> tuple[int, int, str]:
    """Annotations of a file, all of them or none: how many it holds, how many were new, and its form.

    `by` is the person whom the file does not name. What is the last word of its person already is passed over.
    """
    known = _known(session)
    rows, found = read(path, known, by, form)
    new = new_claims(rows, claim_store.read(session.claims_path))
    refuse_gone(new, known, path.name)
    said = {(row.answer.by, row.query.id): row for row in rows if row.answer.is_label}
    taken: set[str] = set()
    for claim in new:
        if claim.act in taken:
            continue
        taken.add(claim.act)
        row = said.get((claim.by.removeprefix("human:"), claim.query)) or said[claim.by, claim.query]
        session.take_in(act_of(_decision(row.answer, claim.act), row.query, row.answer.by.removeprefix("human:")))
    session.keep()
    return len(rows), len(taken), found


def _decision(answer: Answer, act: str) -> Decision:
    return Decision(
        act, answer.query, answer.act, 1, answer.entries, answer.reason, answer.note, answer.seconds,
        answer.candidates, answer.suggested, answer.why, answer.audit,
    )  # fmt: skip


def _known(session: Session) -> Known:
    material = session.material
    named = {entry for answer in session.answers() for entry in answer.entries} - set(material.catalogue.rows)
    # Of those that left before it was kept how they were called, the id is all there is.
    former = {entry: Entry(entry, (entry,), "") for entry in sorted(named)} | {one.id: one for one in material.former}
    return Known(material.catalogue, material.pool.queries, material.pool.conversations, former.values())
