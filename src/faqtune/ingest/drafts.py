"""From rows that were read to entries: ids, repeated rows, questions that stand under two entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from faqtune.errors import UserError
from faqtune.ingest.lineage import bare, kept_ids
from faqtune.ingest.report import IngestReport
from faqtune.records import Catalogue, Entry, content_id, normalise


@dataclass(slots=True, eq=False)
class Draft:
    """An entry as it stands in a file.

    `where` is its place as errors name it ("base2.xlsx, sheet X, row 3"). `id` is "" where the
    file has none; `id_is_sure` says that the user, or a JSON file, names it as the id. `trouble`
    says what is missing; such a draft never becomes an entry.
    """

    file: str
    where: str
    questions: list[str]
    answer: str
    category: str = ""
    id: str = ""
    id_is_sure: bool = False
    sheet: str = ""
    row: int = 0
    trouble: str = ""


RENAMED = "the id of an entry that was called otherwise is kept, with its labels"


def assemble(drafts: Sequence[Draft], report: IngestReport, *earlier: Catalogue) -> Catalogue:
    """Entries from drafts, in their order.

    The same question, but for marks behind it, with the same answer twice is one entry; the same question with another
    answer stays two entries and is noted. Ids are those of the files where they are sure or
    unmistakable, otherwise those of the `earlier` catalogues (`kept_ids`), otherwise made from the
    first question, so that they survive re-ordering and new wording. A kept id is noted where the first
    question is another.
    Raises UserError for a missing or repeated id where ids are sure.
    """
    _drop_doubtful_ids(drafts, report)
    kept: list[Draft] = []
    by_question: dict[str, list[Draft]] = {}
    for draft in drafts:
        rivals = [rival for question in draft.questions for rival in by_question.get(bare(question), ())]
        twin = next((rival for rival in rivals if _same_entry(rival, draft)), None)
        if twin:
            _join(twin, draft, report)
        else:
            kept.append(draft)
            if rivals:
                detail = f"as at {rivals[0].where}"
                report.note(draft.file, "a question that another entry has too", detail, draft.sheet, draft.row)
        for question in draft.questions:
            by_question.setdefault(bare(question), []).append(twin or draft)
    ids = kept_ids(kept, *earlier)
    _note_renamed(kept, ids, earlier, report)
    return Catalogue(tuple(_entries(kept, ids)))


def _note_renamed(
    kept: Sequence[Draft], ids: Mapping[int, str], earlier: Sequence[Catalogue], report: IngestReport
) -> None:
    was = {entry.id: entry.questions[0] for catalogue in reversed(earlier) for entry in catalogue}
    for number, entry_id in ids.items():
        draft = kept[number]
        if normalise(was[entry_id]) != normalise(draft.questions[0]):
            report.note(draft.file, RENAMED, f"{was[entry_id]} → {draft.questions[0]}", draft.sheet, draft.row)


def _same_entry(one: Draft, other: Draft) -> bool:
    same_id = one.id == other.id or not (one.id and other.id)
    return same_id and normalise(one.answer) == normalise(other.answer)


def _join(twin: Draft, draft: Draft, report: IngestReport) -> None:
    known = set(map(bare, twin.questions))
    new = [question for question in draft.questions if bare(question) not in known]
    twin.questions += new
    if new:
        why = "question and answer of an earlier entry; its other questions were added there"
        report.note(draft.file, why, f"as at {twin.where}", draft.sheet, draft.row)
    else:
        report.skip(draft.file, "repeated entry", f"as at {twin.where}", draft.sheet, draft.row)


def _drop_doubtful_ids(drafts: Sequence[Draft], report: IngestReport) -> None:
    """Clear the guessed ids of a file where some are missing, repeated, or merely count the rows."""
    for file in dict.fromkeys(draft.file for draft in drafts):
        guessed = [draft for draft in drafts if draft.file == file and not draft.id_is_sure]
        ids = [draft.id for draft in guessed]
        if not any(ids):
            continue
        counted = all(value.isdecimal() for value in ids) and len({int(v) - n for n, v in enumerate(ids)}) == 1
        if not all(ids) or len(set(ids)) < len(ids) or counted:
            report.note(file, "the id column is not used: it has gaps or repeats, or only numbers the rows")
            for draft in guessed:
                draft.id = ""


def _entries(kept: Sequence[Draft], ids: Mapping[int, str]) -> Iterator[Entry]:
    """`ids`: those that rows without an id of their own have had before."""
    taken: dict[str, str] = {}
    reserved = set(ids.values())
    for number, draft in enumerate(kept):
        if draft.id_is_sure and not draft.id:
            raise UserError(f"{draft.where}: no id", "fill it in, or clear catalogue.id_column in faqtune.toml")
        if draft.id and draft.id in taken:
            raise UserError(f"{draft.where}: the id {draft.id} also stands at {taken[draft.id]}", "make ids unique")
        made = (entry_id for entry_id in _new_ids(draft) if entry_id not in taken and entry_id not in reserved)
        entry_id = draft.id or ids.get(number) or next(made)
        taken[entry_id] = draft.where
        yield Entry(entry_id, tuple(draft.questions), draft.answer, draft.category, draft.where)


def _new_ids(draft: Draft) -> Iterator[str]:
    """Made from the first question; where another entry has that id (it asks the same), from the answer too."""
    question, answer = normalise(draft.questions[0]), normalise(draft.answer)
    yield content_id(question)
    yield content_id(question, answer)
    yield from (content_id(question, answer, str(number)) for number in count(1))
