"""Read the reference questions and answers: spreadsheets, CSV files and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from faqtune.config import CatalogueConfig
from faqtune.errors import UserError
from faqtune.ingest.cells import cell_text
from faqtune.ingest.drafts import Draft, assemble
from faqtune.ingest.faq_sheets import table_drafts
from faqtune.ingest.headers import find_header
from faqtune.ingest.jsonstream import layout_of, stream_items, whole_object
from faqtune.ingest.kinds import Source, expand, kind_of
from faqtune.ingest.report import IngestReport
from faqtune.records import Catalogue


def read_catalogue(
    paths: Sequence[Path], config: CatalogueConfig, *earlier: Catalogue
) -> tuple[Catalogue, IngestReport]:
    """Read every entry of the files, in their order; a folder stands for the files in it.

    A cell with several questions is split (`faqtune.ingest.questions`); of the wording only
    white space and numbering are stripped. Texts of JSON files are taken as they are.
    `Entry.source` is "base2.xlsx, sheet X, row 14" or "parsed_data.json, item 14". Entries that are
    in one of the `earlier` catalogues keep their ids (`faqtune.ingest.lineage`).

    Raises UserError, with file, sheet and row, for: a file that cannot be read, no question or
    answer column (naming the headers seen), entries without an answer (unless
    `config.skip_empty`), formula errors, missing or repeated ids, and no entry at all.
    """
    if not paths:
        raise UserError("no catalogue file is named", "name it in [catalogue] of faqtune.toml, or on the command line")
    report = IngestReport()
    drafts: list[Draft] = []
    for source in expand(paths):
        kind = kind_of(source)
        report.file(source.name).form = kind
        read = _json_drafts(source, config, report) if kind == "json" else table_drafts(source, kind, config, report)
        drafts += _without_gaps(list(read), config, report)
    if not drafts:
        names = ", ".join(path.name for path in paths)
        raise UserError(f"{names}: no entry with a question and an answer", "check that these are the right files")
    return assemble(drafts, report, *earlier), report


def _without_gaps(drafts: Sequence[Draft], config: CatalogueConfig, report: IngestReport) -> list[Draft]:
    """Whole entries only. Stops at an entry without question or answer, unless the user lets them be skipped."""
    gaps = [draft for draft in drafts if draft.trouble]
    if gaps and not config.skip_empty:
        more = f" (and {len(gaps) - 1} more such rows)" if len(gaps) > 1 else ""
        problem = f"{gaps[0].where}: {gaps[0].trouble}{more}"
        raise UserError(problem, "fill it in, or set skip_empty = true in faqtune.toml")
    for draft in gaps:
        report.skip(draft.file, draft.trouble, sheet=draft.sheet, row=draft.row)
    whole = [draft for draft in drafts if not draft.trouble]
    for draft in whole:
        report.count(draft.file, "entries")
        report.count(draft.file, "questions", len(draft.questions))
    return whole


def _json_drafts(source: Source, config: CatalogueConfig, report: IngestReport) -> Iterator[Draft]:
    layout = layout_of(source)
    report.file(source.name).encoding = layout.encoding
    items = iter([(1, whole_object(source))]) if layout.form == "object" else stream_items(source, layout)
    is_known = False
    for number, item in items:
        draft = _json_draft(source, number, item, config, is_known=is_known)
        is_known = is_known or not draft.trouble
        yield draft


def _json_draft(source: Source, number: int, item: Any, config: CatalogueConfig, *, is_known: bool) -> Draft:
    """The entry of one item; `is_known`: items before had a question and an answer, so that this one lacks it."""
    where = f"{source.name}, {'line' if source.path.suffix == '.jsonl' else 'item'} {number}"
    keys = list(item) if isinstance(item, dict) else []
    header = find_header([keys], (), config)
    if not header and is_known:
        return Draft(source.name, where, [], "", row=number, trouble="no question and answer")
    if not header:
        seen = f"the keys are {', '.join(keys)}" if keys else f"found {str(item)[:40]!r}"
        raise UserError(
            f"{where}: no question and answer ({seen})",
            'write [{"problems": ["…"], "answer": "…"}], or name the keys in [catalogue] of faqtune.toml',
        )
    values = [_texts(value, where, key) for key, value in item.items()]
    questions = [question for column in header.questions for question in values[column]]
    answer = "\n".join(values[header.answer])
    trouble = "" if answer and questions else "no answer" if not answer else "no question"
    category = "/".join(values[header.category]) if header.category >= 0 else ""
    entry_id = "".join(values[header.id]) if header.id >= 0 else ""
    return Draft(source.name, where, questions, answer, category, entry_id, header.id >= 0, row=number, trouble=trouble)


def _texts(value: Any, where: str, key: str) -> list[str]:
    """The texts of a JSON value: one, or a list of them. Raises UserError for anything else."""
    values = value if isinstance(value, list) else [value]
    if not all(v is None or isinstance(v, str | int | float | Decimal) for v in values):
        raise UserError(f"{where}: `{key}` is neither a text nor a list of texts", "mend the item")
    return [text for v in values if (text := cell_text(v))]
