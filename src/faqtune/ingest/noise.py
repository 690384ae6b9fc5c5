"""Read everyday chatter: sentences that no entry answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from faqtune.config import ConversationsConfig, NoiseConfig
from faqtune.errors import UserError
from faqtune.ingest.cells import cell_text, tidy
from faqtune.ingest.clean import cleaner
from faqtune.ingest.encodings import open_text
from faqtune.ingest.headers import SEARCH_ROWS, fold
from faqtune.ingest.jsonstream import layout_of, stream_items
from faqtune.ingest.kinds import SPREADSHEETS, Kind, Source, expand, kind_of
from faqtune.ingest.logs import session_turns
from faqtune.ingest.messages import find_keys, plain_text, session_of
from faqtune.ingest.names import GROUP, SENTENCE
from faqtune.ingest.report import IngestReport
from faqtune.ingest.sheets import open_sheets
from faqtune.ingest.transcripts import is_text, transcript_of
from faqtune.records import Noise, normalise

MAX_LINE_CHARS = 1 << 20

_FORMS = "write one sentence a line, or rows with a `text`: see docs/formats.md"


class _Found(NamedTuple):
    """A sentence as it stands in a file; `row` from 1."""

    text: str
    source: str
    row: int


def read_noise(paths: Sequence[Path], config: NoiseConfig) -> tuple[list[Noise], IngestReport]:
    """Read every sentence once (compared by `normalise`), in the order of the files.

    Forms: conversations (modified_daily_datasets.json; only what the customer says), a sentence
    per line or `source<TAB>sentence`, JSONL or JSON rows with `text` and perhaps `source`, a JSON
    list of texts, a spreadsheet or CSV with a text column. `Noise.source` is what a split must
    not tear apart: the source named in the file, else "file#conversation" or "file#row".

    Raises UserError for files that cannot be read, or if there is no sentence in any of them.
    """
    report = IngestReport()
    clean = cleaner()
    noise: dict[str, Noise] = {}
    for source in expand(paths):
        kind = kind_of(source)
        report.file(source.name).form = kind
        for text, group, row in _sentences(source, kind, report):
            sentence = clean(text)
            if not sentence:
                report.skip(source.name, "no text", text[:40], row=row)
            elif normalise(sentence) in noise:
                report.skip(source.name, "repeated sentence", sentence[:40], row=row)
            else:
                noise[normalise(sentence)] = Noise(sentence, group or f"{source.name}#{row}")
                report.count(source.name, "sentences")
    if paths and not noise:
        names = ", ".join(path.name for path in paths)
        raise UserError(f"{names}: no sentence", f"check that these are the right files; {_FORMS}")
    return list(noise.values()), report


def _sentences(source: Source, kind: Kind, report: IngestReport) -> Iterator[_Found]:
    if kind == "json":
        return _json_sentences(source, report)
    if is_text(source, kind) and transcript_of(source, ConversationsConfig()):
        return _customers_sentences(source, report)
    if kind in SPREADSHEETS or source.path.suffix.lower() != ".txt":
        return _table_sentences(source, kind, report)
    return _line_sentences(source, report)


def _json_sentences(source: Source, report: IngestReport) -> Iterator[_Found]:
    layout = layout_of(source)
    report.file(source.name).encoding = layout.encoding
    if _is_plain(layout.first):
        for row, item in stream_items(source, layout):
            values = item if isinstance(item, dict) else {"text": item}
            found = sentence_columns(list(values))
            texts = [plain_text(value) for value in values.values()]
            yield _Found(texts[found[0]] if found else "", _at(texts, found[1]) if found else "", row)
        return
    yield from _customers_sentences(source, report)


def _customers_sentences(source: Source, report: IngestReport) -> Iterator[_Found]:
    """What customers say in the conversations of a file."""
    try:
        for index, (_, turns) in enumerate(session_turns(source, ConversationsConfig(), report)):
            for turn in turns:
                if turn.customer:
                    yield _Found(turn.customer, f"{source.name}#{index}", index + 1)
    except UserError as error:
        # What [conversations] says is about the logs, and is not asked for chatter.
        raise UserError(error.problem, _FORMS if "[conversations]" in error.next_step else error.next_step) from None


def _is_plain(first: Any) -> bool:
    """Whether an item of a JSON file is a sentence, and no conversation or message of one."""
    if not isinstance(first, dict):
        return isinstance(first, str)
    config = ConversationsConfig()
    return not find_keys(list(first), config, []) and session_of(first, config, {}) is None


def sentence_columns(names: Sequence[str]) -> tuple[int, int] | None:
    """Column (from 0) of the sentences and of their source (-1: none) by the names; None if none is known."""
    folded = [fold(name) for name in names]
    text = next((folded.index(name) for name in SENTENCE if name in folded), None)
    if text is None:
        return None
    return text, next((column for column, name in enumerate(folded) if name in GROUP), -1)


def _table_sentences(source: Source, kind: Kind, report: IngestReport) -> Iterator[_Found]:
    """Sentences of a named column, or of the only one; lines where a text file has neither."""
    for sheet, encoding in open_sheets(source, kind):
        report.file(source.name).encoding = encoding
        top = list(islice(sheet.rows, SEARCH_ROWS))
        named = ((row, sentence_columns([cell_text(cell) for cell in cells])) for row, cells in enumerate(top))
        start, columns = next(((row + 1, found) for row, found in named if found), (0, None))
        if columns is None:
            used = {column for cells in top for column, cell in enumerate(cells) if cell_text(cell)}
            if len(used) != 1 and kind not in SPREADSHEETS:
                yield from _line_sentences(source, report)
                return
            if len(used) != 1:
                report.skip(source.name, "no text column in this sheet", sheet=sheet.name)
                continue
            columns = used.pop(), -1
        if sheet.name:
            report.file(source.name).sheets.append(sheet.name)
        for row, cells in enumerate(chain(top[start:], sheet.rows), start + 1):
            texts = [cell_text(cell) for cell in cells]
            if any(texts):
                group = _at(texts, columns[1])
                yield _Found(_at(texts, columns[0]), group or _numbered(source, sheet.name, row), row)


def _numbered(source: Source, sheet: str, row: int) -> str:
    return f"{source.name}#{f'{sheet}!' if sheet else ''}{row}"


def _at(texts: Sequence[str], column: int) -> str:
    return texts[column] if 0 <= column < len(texts) else ""


def _line_sentences(source: Source, report: IngestReport) -> Iterator[_Found]:
    file, encoding = open_text(source.path)
    report.file(source.name).encoding = encoding
    with file:
        row = 0
        while line := file.readline(MAX_LINE_CHARS):
            row += 1
            if len(line) == MAX_LINE_CHARS:
                raise UserError(f"{source.name}, line {row}: longer than {MAX_LINE_CHARS:,} characters", "mend it")
            group, tab, text = line.partition("\t")
            if line.strip():
                yield _Found(text if tab else line, tidy(group) if tab else "", row)
