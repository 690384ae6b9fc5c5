"""Which of the known forms a file has, by a look at its beginning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any, Literal, get_args

from faqtune.config import CatalogueConfig, ConversationsConfig
from faqtune.ingest.cells import Cell, cell_text
from faqtune.ingest.encodings import open_text
from faqtune.ingest.headers import SEARCH_ROWS, find_header, fold
from faqtune.ingest.jsonstream import layout_of, whole_object
from faqtune.ingest.kinds import Kind, Source, kind_of
from faqtune.ingest.messages import find_keys, session_of
from faqtune.ingest.names import SENTENCE
from faqtune.ingest.noise import sentence_columns
from faqtune.ingest.sessions import header_of
from faqtune.ingest.sheets import MAX_CELL_CHARS, open_sheets
from faqtune.ingest.transcripts import is_text, transcript_of

Form = Literal[
    "sheet",
    "parsed_data",
    "catalogue_json",
    "catalogue",
    "data",
    "output",
    "conversations",
    "transcript",
    "daily",
    "noise",
    "sentences",
    "gold",
    "triples",
    "pairs",
    "flagembedding",
    "unknown",
]
"""`sheet`: spreadsheet with questions and answers. `parsed_data`, `data`, `output`, `daily`
(modified_daily_datasets.json), `triples` (annonated_dataset.json, answer2problem.json): the forms
of SPEC §1. `catalogue_json`: `[{"id", "category", "questions", "answer"}]`. `catalogue`,
`conversations`, `noise`, `pairs`: faqtune's own JSONL. `transcript`: a chat written out. `sentences`: one sentence per
line or row.
"""

FORMS: tuple[str, ...] = get_args(Form)[:-1]

CHATTER_NAME = re.compile(r"daily|chatter|chit-?_?chat|small_?-?talk|noise|闲聊|日常|噪声|噪音|灌水", re.IGNORECASE)
"""Names that tell everyday chatter from conversations, which have the same form."""


def form_of(source: Source) -> Form:
    """The form of a file; `unknown` for readable content that fits none. Raises UserError for unreadable files."""
    kind = kind_of(source)
    return _json_form(source) if kind == "json" else _table_form(source, kind)


def _json_form(source: Source) -> Form:
    layout = layout_of(source)
    first = layout.first if layout.form != "object" else whole_object(source)
    own = layout.form == "lines"
    if isinstance(first, str):
        return "sentences"
    if isinstance(first, list):
        is_pair = len(first) == 3 and isinstance(first[0], str) and isinstance(first[1], str)
        return "triples" if is_pair else _session_form(source, first)
    return _object_form(source, first, own) if isinstance(first, dict) else "unknown"


def _object_form(source: Source, first: dict[str, Any], own: bool) -> Form:
    keys = {fold(key) for key in first}
    if {"query", "pos"} <= keys:
        return "flagembedding"
    if {"text", "partner", "label"} <= keys:
        return "pairs"
    if {"query", "entry"} <= keys:
        return "gold"
    if session_of(first, ConversationsConfig(), {}) is not None:
        return _session_form(source, first)
    row_keys = find_keys(list(first), ConversationsConfig(), [])
    if row_keys and (row_keys.text or row_keys.session):
        return "data"
    if find_header([list(first)], (), CatalogueConfig()):
        if own:
            return "catalogue"
        return "catalogue_json" if keys & {"id", "category"} else "parsed_data"
    if row_keys:
        return "data"
    return "noise" if keys & set(SENTENCE) else "unknown"


def _session_form(source: Source, item: Any) -> Form:
    session = session_of(item, ConversationsConfig(), {})
    if session is None:
        return "unknown"
    if isinstance(item, dict) and item.keys() == {"id", "turns", "source"}:
        return "conversations"
    if not session.id and all(message.is_half for message in session.messages):
        return "daily" if CHATTER_NAME.search(source.path.name) else "output"
    return "data"


def _table_form(source: Source, kind: Kind) -> Form:
    """Spreadsheets and text: a table of messages, one of questions and answers, or only sentences."""
    if is_text(source, kind) and transcript_of(source, ConversationsConfig()):
        return "transcript"
    if source.path.suffix.lower() == ".txt" and _has_long_line(source, kind):
        return "sentences"
    found: list[Form] = []
    for sheet, _ in open_sheets(source, kind):
        top = list(islice(sheet.rows, 2 * SEARCH_ROWS))
        is_catalogue = find_header(top[:SEARCH_ROWS], sheet.merges or (), CatalogueConfig()) is not None
        messages = header_of(top, ConversationsConfig())
        if messages and (messages[1].text or messages[1].session or not is_catalogue):
            found.append("data")
        elif is_catalogue:
            found.append("sheet")
        elif source.path.suffix.lower() == ".txt" or _is_one_column(top):
            found.append("sentences")
    return next((form for form in ("sheet", "data", "sentences") if form in found), "unknown")


def _has_long_line(source: Source, kind: Kind) -> bool:
    """Whether a text begins with lines that no table holds; a quote that is never closed makes no long line."""
    if kind != "text":
        return False
    file, _ = open_text(source.path)
    with file:
        return any(len(file.readline(MAX_CELL_CHARS + 1)) > MAX_CELL_CHARS for _ in range(2 * SEARCH_ROWS))


def _is_one_column(top: Sequence[Sequence[Cell]]) -> bool:
    """Whether a sheet is a list of sentences: one column in use, or one that is called so."""
    used = {column for row in top for column, cell in enumerate(row) if cell_text(cell)}
    return len(used) == 1 or any(sentence_columns([cell_text(cell) for cell in row]) for row in top[:SEARCH_ROWS])
