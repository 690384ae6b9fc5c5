"""One file as `faqtune init` understands it: kind, encoding, sheets, columns, roles, a preview."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from faqtune.config import CatalogueConfig, ConversationsConfig, NoiseConfig
from faqtune.errors import UserError
from faqtune.ingest.catalogue import read_catalogue
from faqtune.ingest.forms import CHATTER_NAME, Form, form_of
from faqtune.ingest.headers import fold
from faqtune.ingest.jsonstream import layout_of, stream_items
from faqtune.ingest.kinds import Source, kind_of
from faqtune.ingest.logs import session_turns
from faqtune.ingest.names import SENTENCE
from faqtune.ingest.noise import read_noise
from faqtune.ingest.pair_forms import labelled_pairs
from faqtune.ingest.report import IngestReport
from faqtune.ingest.unrecognised import headers_in, is_blank, keys_in, nothing_recognised

Kind = Literal["catalogue", "conversations", "noise", "gold", "pairs", "unknown"]

WILL_STOP = "ingest will stop at"
"""Begins the remark about what has to be mended first."""

SAMPLE = 200
"""Conversations that are looked at; catalogues and chatter are read whole."""
SAMPLE_ROWS = 5_000
SAMPLE_BYTES = 1 << 18
PREVIEW = 3
PREVIEW_CHARS = 120

_LOG_NAME = re.compile(r"output|conversation|session|dialog|chat|log|对话|会话|聊天|日志", re.IGNORECASE)
_GENERATED_NAME = re.compile(r"answer2problem|generated|(?<![a-z])auto(?![a-z])|synthetic|生成|自动", re.IGNORECASE)
_AS_SENTENCES = (
    "taken for everyday chatter, a sentence a line (in a chat most lines begin with who speaks: 客户：…, 客服：…)"
)
KINDS_OF_FORMS: dict[Form, Kind] = {
    "sheet": "catalogue",
    "parsed_data": "catalogue",
    "catalogue_json": "catalogue",
    "catalogue": "catalogue",
    "data": "conversations",
    "output": "conversations",
    "conversations": "conversations",
    "transcript": "conversations",
    "daily": "noise",
    "noise": "noise",
    "sentences": "noise",
    "gold": "gold",
    "triples": "pairs",
    "pairs": "pairs",
    "flagembedding": "pairs",
}


@dataclass(frozen=True, slots=True)
class Guess:
    """What a file, or a folder of files that are alike, was taken for.

    `columns`: meaning (questions, answer, session, role, …) to the names in the file. `roles`:
    customer, agent, system or unknown to the values seen. `counts` are those of a bounded sample
    if `is_sample`. `remarks` are for the user's eyes; `problem` says why a file cannot be used. `seen` are the headers
    or keys of a file that is read only with settings, in which nothing was recognised. What `is_settled` was not looked
    at: the configuration says what it is.
    """

    path: Path
    kind: Kind
    form: Form = "unknown"
    files: int = 1
    encodings: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()
    columns: dict[str, list[str]] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    is_sample: bool = False
    preview: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    problem: str = ""
    is_json: bool = False
    seen: tuple[str, ...] = ()
    is_settled: bool = False

    @property
    def is_generated(self) -> bool:
        """Whether pairs were made by a program, by their name."""
        return bool(_GENERATED_NAME.search(self.path.stem))


def look_at(source: Source, *, is_noise: bool) -> Guess:
    """What one file is, by its content; one that cannot be read is a guess with a `problem`."""
    form: Form = "unknown"
    kind: Kind = "unknown"
    try:
        form = form_of(source)
        kind = "noise" if is_noise else KINDS_OF_FORMS.get(form, "unknown")
        if form == "noise" and not is_noise and not _has_text(source):
            kind = "unknown"
        guess = _LOOKS[kind](source, form)
    except UserError as error:
        return Guess(source.path, kind, form, problem=str(error))
    if form == "sentences" and not is_noise and not CHATTER_NAME.search(source.path.name):
        guess = replace(guess, remarks=(f"{source.name}: {_AS_SENTENCES}", *guess.remarks))
    return guess


def _has_text(source: Source) -> bool:
    """Whether the first row of what looks like sentences has one: a key of that name may hold a list of messages."""
    first = layout_of(source).first
    return not isinstance(first, dict) or any(
        fold(key) in SENTENCE and not isinstance(value, list | dict) for key, value in first.items()
    )


def _look_at_catalogue(source: Source, form: Form) -> Guess:
    gap = ""
    try:
        catalogue, report = read_catalogue([source.path], CatalogueConfig())
    except UserError as error:
        gap = f"{WILL_STOP} {error}"
        catalogue, report = read_catalogue([source.path], CatalogueConfig(skip_empty=True))
    lines = [f"{' / '.join(entry.questions)} → {entry.answer}" for entry in catalogue.entries[:PREVIEW]]
    guess = _from_report(source, "catalogue", form, report, lines)
    return replace(guess, remarks=(gap, *guess.remarks)) if gap else guess


def _look_at_conversations(source: Source, form: Form) -> Guess:
    report = IngestReport()
    looked_at = session_turns(source, ConversationsConfig(), report, most_rows=SAMPLE_ROWS)
    found = [turns for _, turns in islice(looked_at, SAMPLE + 1)]
    seen = [turns for turns in found[:SAMPLE] if turns]
    if not seen:
        raise UserError(f"{source.name}: no conversation with any text", "check that this is the right file")
    report.count(source.name, "conversations", len(seen))
    report.count(source.name, "turns", sum(map(len, seen)))
    if form == "output" and not _LOG_NAME.search(source.path.stem):
        report.note(
            source.name, "has the form of conversations and of chatter alike; taken for conversations", "--noise if not"
        )
    lines = [f"{turn.customer} → {turn.agent}" for turn in chain.from_iterable(seen[:PREVIEW])]
    guess = _from_report(source, "conversations", form, report, lines[:PREVIEW])
    is_sample = len(found) > SAMPLE or report.file(source.name).is_cut
    return replace(guess, is_sample=is_sample or source.path.stat().st_size > SAMPLE_BYTES)


def _look_at_noise(source: Source, form: Form) -> Guess:
    sentences, report = read_noise([source.path], NoiseConfig())
    return _from_report(source, "noise", form, report, [noise.text for noise in sentences[:PREVIEW]])


def _look_at_gold(source: Source, form: Form) -> Guess:
    layout = layout_of(source)
    queries = (str(item.get("query", "")) for _, item in stream_items(source, layout) if isinstance(item, dict))
    return Guess(source.path, "gold", form, encodings=(layout.encoding,), preview=tuple(islice(queries, PREVIEW)))


def _look_at_pairs(source: Source, form: Form) -> Guess:
    lines = [
        f"{pair.text} → {pair.partner}: {pair.label:g}" for _, pair in islice(labelled_pairs(source, form), PREVIEW)
    ]
    guess = Guess(
        source.path, "pairs", form, encodings=(layout_of(source).encoding,),
        preview=tuple(line[:PREVIEW_CHARS] for line in lines),
    )  # fmt: skip
    made_by = "by a program, to judge by the name" if guess.is_generated else "by people"
    return replace(guess, remarks=(f"pairs to train on, made {made_by}; they are never measured",))


def _look_at_other(source: Source, form: Form) -> Guess:
    kind = kind_of(source)
    seen = keys_in(source) if kind == "json" else headers_in(source, kind)
    if kind != "json" and not seen and is_blank(source, kind):
        return Guess(source.path, "unknown", form, problem=str(UserError(f"{source.name} is empty", "export it again")))
    return unrecognised(Guess(source.path, "unknown", form, is_json=kind == "json", seen=seen), has_catalogue=False)


def unrecognised(guess: Guess, *, has_catalogue: bool) -> Guess:
    """A guess with the `problem` that nothing was recognised in its file; the advice is about logs if another file is
    the catalogue (`has_catalogue`)."""
    error = nothing_recognised(guess.path, guess.seen, is_json=guess.is_json, has_catalogue=has_catalogue)
    return replace(guess, problem=str(error))


_LOOKS: dict[Kind, Callable[[Source, Form], Guess]] = {
    "catalogue": _look_at_catalogue,
    "conversations": _look_at_conversations,
    "noise": _look_at_noise,
    "gold": _look_at_gold,
    "pairs": _look_at_pairs,
    "unknown": _look_at_other,
}


def _from_report(source: Source, kind: Kind, form: Form, report: IngestReport, preview: Sequence[str]) -> Guess:
    file = report.file(source.name)
    skipped = [f"left out: {number} × {why}" for why, number in file.skipped.items()]
    return Guess(
        source.path,
        kind,
        form,
        encodings=(file.encoding,) if file.encoding else (),
        sheets=tuple(file.sheets),
        columns=file.columns,
        roles=file.roles,
        counts=file.counts,
        preview=tuple(line[:PREVIEW_CHARS] for line in preview),
        remarks=(*skipped, *map(str, report.notes[:PREVIEW])),
    )
