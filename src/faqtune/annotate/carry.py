"""Annotations out of a session as files, and files of annotations into it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from faqtune import claims as claim_store
from faqtune.annotate.answers import Answer
from faqtune.annotate.decisions import Decision, act_of, query_in
from faqtune.annotate.exchange import Annotated, Known, Unasked, export, form_of, read, triples
from faqtune.annotate.exchange.taken import moment, new_answers, refuse_gone
from faqtune.annotate.insight import Insight
from faqtune.annotate.refused import Refused
from faqtune.annotate.session import Session
from faqtune.annotate.store import ANSWER
from faqtune.annotate.workbook import write_workbook
from faqtune.records import HUMAN, Entry

EXPORTS = {
    "annonated_dataset.json": "triples",
    "annotations.jsonl": "jsonl",
    "annotations.xlsx": "xlsx",
    "argilla.json": "argilla",
    "label-studio.json": "label-studio",
}
"""Name of a file that the page offers to its form."""
WITH_ACTS = ("jsonl", "xlsx")
"""Forms that hold the id of each act."""
WITHOUT_PEOPLE = ("triples",)
"""Forms that do not say who labelled: what two people said of a query would be read as one label."""
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
    """Every answer that stands, in one of `faqtune.annotate.exchange.FORMS`; returns how many records that makes.

    Forms that do not tell one act from another get the last label of each person on each query; those without people
    the last label of each query, which decides.
    """
    return export(path, _rows_for(session, form_of(path, form)), _known(session), form)


def without_a_pair(session: Session, path: Path, form: str = "") -> int:
    """How many labels leave nothing in a file of pairs: those without an entry and without candidates."""
    if (kind := form_of(path, form)) != "triples":
        return 0
    known = _known(session)
    return sum(not any(triples.pairs(row, known)) for row in _rows_for(session, kind))


def _rows_for(session: Session, kind: str) -> list[Annotated]:
    answers = {answer.id: answer for answer in session.answers()}
    rows = [
        Annotated(query_in(act.data), answers[act.act]) for act in session.store.standing(ANSWER) if act.act in answers
    ]
    if kind not in WITH_ACTS:
        labels = [row for row in rows if row.answer.is_label]
        rows = list({("" if kind in WITHOUT_PEOPLE else row.answer.by, row.query.id): row for row in labels}.values())
    return rows


class TakenIn(NamedTuple):
    """How many annotations a file holds, how many were new, its form, what `Taken` counts, and the rows that were left
    out since no query says their text."""

    read: int
    new: int
    form: str
    replacing: int = 0
    changed_since: int = 0
    unasked: tuple[Unasked, ...] = ()


def take_in(session: Session, path: Path, by: str, form: str = "") -> TakenIn:
    """Annotations of a file, all of them or none, but for rows of a text that no query says.

    `by` is the person whom the file does not name.

    Which of them are new: `faqtune.annotate.exchange.taken.new_answers`. An answer keeps the time at which the file
    says it was given.
    """
    known = _known(session)
    unasked: list[Unasked] = []
    rows, found = read(path, known, by, form, unasked)
    stored = claim_store.history(session.claims_path)
    taken = new_answers(rows, stored, known)
    refuse_gone(taken.rows, stored, known, path.name)
    for row in taken.rows:
        act = act_of(_decision(row.answer), row.query, row.answer.by.removeprefix(HUMAN))
        session.take_in(replace(act, when=_given(row.answer.when)))
    session.keep()
    return TakenIn(len(rows), len(taken.rows), found, taken.replacing, taken.changed_since, tuple(unasked))


def _given(when: str) -> str:
    """The time of an act of a file, never later than now; "" (which becomes now) where it is not told to the minute."""
    told = moment(when)
    if told is None or len(when) <= len("2026-11-28"):
        return ""
    return min(told, datetime.now(UTC)).isoformat(timespec="seconds")


def _decision(answer: Answer) -> Decision:
    return Decision(
        answer.id, answer.query, answer.act, 1, answer.entries, answer.reason, answer.note, answer.seconds,
        answer.candidates, answer.suggested, answer.why, answer.audit,
    )  # fmt: skip


def _known(session: Session) -> Known:
    material = session.material
    named = {entry for answer in session.answers() for entry in answer.entries} - set(material.catalogue.rows)
    # Of those that left before it was kept how they were called, the id is all there is.
    former = {entry: Entry(entry, (entry,), "") for entry in sorted(named)} | {one.id: one for one in material.former}
    return Known(material.catalogue, material.pool.queries, material.pool.conversations, former.values())
