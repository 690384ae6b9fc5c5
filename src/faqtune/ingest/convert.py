"""Convert between the forms of files, saying what the new form cannot hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, cast

from faqtune.config import CatalogueConfig, ConversationsConfig, NoiseConfig
from faqtune.errors import UserError
from faqtune.ingest.catalogue import read_catalogue
from faqtune.ingest.cells import tidy
from faqtune.ingest.forms import CHATTER_NAME, form_of
from faqtune.ingest.kinds import Source, expand
from faqtune.ingest.legacy import (
    write_catalogue_json,
    write_daily,
    write_data,
    write_flagembedding,
    write_gold,
    write_output,
    write_parsed_data,
    write_sentences,
    write_triples,
)
from faqtune.ingest.logs import session_turns
from faqtune.ingest.noise import read_noise
from faqtune.ingest.pair_forms import (
    PAIR_FORMS,
    FlagRow,
    first_copies,
    flag_rows,
    labelled_pairs,
    pairs_of,
    read_flagembedding,
)
from faqtune.ingest.report import IngestReport
from faqtune.records import Conversation, Entry, Noise, Pair, content_id, normalise
from faqtune.stored import write_jsonl

FAMILIES = {
    "catalogue": ("sheet", "parsed_data", "catalogue_json", "catalogue"),
    "conversations": ("data", "output", "conversations", "transcript"),
    "noise": ("daily", "noise", "sentences"),
    "pairs": PAIR_FORMS,
}
"""Forms that hold the same things. A form can become another of its family."""
BESIDES = {"conversations": FAMILIES["noise"], "pairs": ("gold",)}
"""What else it can become: of conversations what the customers say, of pairs hand labels."""

_NUMBERED = re.compile(r".+#\d+")
"""Ids and sources that only say "file#index"; a new form counts anew."""

Record = Entry | Conversation | Noise | Pair | FlagRow
R = TypeVar("R", bound=Record)


@dataclass(slots=True)
class ConvertReport:
    """What was written, and what was left behind: `lost` counts, by what it is, the records that had it."""

    source: str
    target: str
    from_form: str
    to_form: str
    records: int = 0
    lost: dict[str, int] = field(default_factory=dict)


def convert(source: Path, target: Path, from_form: str = "", to_form: str = "") -> ConvertReport:
    """Read `source`, a file or a folder of files of one form, and write `target` in another form.

    Names of forms: `faqtune.ingest.forms.FORMS`. Forms that are not given are told from the source's
    content and the target's name. Nothing is written unless all of the source could be read. Raises
    UserError for forms that are unknown or hold different things, for a name of the older workflow that
    promises something else, and for bad input.
    """
    origins = expand([source])
    from_form = from_form or _common_form(origins, source)
    family = _family(from_form, source.name)
    to_form = to_form or _form_for(target, family)
    choice = [form for form in (*FAMILIES[family], *BESIDES.get(family, ())) if form in _WRITERS]
    if to_form not in choice:
        raise UserError(f"{from_form} cannot become {to_form}", f"choose the target form from {', '.join(choice)}")
    report = ConvertReport(source.name, target.name, from_form, to_form)
    lost: Counter[str] = Counter()
    report.records = _WRITERS[to_form](target, _counted(_read(origins, from_form, to_form, lost), to_form, lost))
    report.lost = {what: number for what, number in lost.items() if number}
    return report


def _common_form(origins: Sequence[Source], source: Path) -> str:
    """The form of all files. Raises UserError if they have several."""
    forms = {form_of(origin): origin.name for origin in reversed(origins)}
    if len(forms) > 1:
        seen = ", ".join(f"{name} ({form})" for form, name in forms.items())
        raise UserError(f"{source.name} holds files of several forms: {seen}", "convert them one by one")
    return next(iter(forms))


def _family(form: str, file: str) -> str:
    family = next((family for family, forms in FAMILIES.items() if form in forms), "")
    if not family:
        raise UserError(f"{file}: no form to convert ({form})", f"name one of {', '.join(sum(FAMILIES.values(), ()))}")
    return family


LEGACY_NAMES = {
    "parsed_data": "catalogue",
    "catalogue": "catalogue",
    "data": "conversations",
    "output": "conversations",
    "annonated_dataset": "pairs",
    "answer2problem": "pairs",
    "answer2problem1": "pairs",
    "pairs": "pairs",
}
"""What a file of this name holds, to whoever finds it later."""

_DEFAULT_FORMS = {
    ("catalogue", ".json"): "parsed_data",
    ("catalogue", ".jsonl"): "catalogue",
    ("conversations", ".json"): "output",
    ("conversations", ".jsonl"): "conversations",
    ("noise", ".json"): "daily",
    ("noise", ".jsonl"): "noise",
    ("noise", ".txt"): "sentences",
    ("pairs", ".json"): "triples",
    ("pairs", ".jsonl"): "flagembedding",
}


def _form_for(target: Path, family: str) -> str:
    """The form that the target's name asks for, within a family unless it is a name of chatter."""
    name, suffix = target.stem.lower(), target.suffix.lower()
    if suffix in (".json", ".jsonl") and LEGACY_NAMES.get(name, family) != family:
        raise UserError(
            f"{target.name}: a file of this name holds {LEGACY_NAMES[name]}, and this would be {family}",
            "choose another name, or name the target form (--to)",
        )
    if family == "conversations" and (CHATTER_NAME.search(name) or suffix == ".txt"):
        family = "noise"
    special = {"data": "data", "catalogue": "catalogue_json", "pairs": "pairs"}.get(name, "")
    if special in FAMILIES[family] and (special == "pairs") == (suffix == ".jsonl"):
        return special
    form = _DEFAULT_FORMS.get((family, suffix), "")
    if not form:
        raise UserError(
            f"{target.name}: the form to write cannot be told from this name",
            f"name it with --to: {', '.join(form for form in FAMILIES[family] if form in _WRITERS)}",
        )
    return form


def _read(origins: Sequence[Source], from_form: str, to_form: str, lost: Counter[str]) -> Iterator[Record]:
    paths = [origin.path for origin in origins]
    if to_form in FAMILIES["catalogue"]:
        catalogue, report = read_catalogue(paths, CatalogueConfig())
        lost.update({why: n for why, n in report.skipped_by_reason().items() if why != "empty row"})
        return iter(catalogue)
    if to_form in FAMILIES["conversations"]:
        return chain.from_iterable(_conversations(origin, from_form) for origin in origins)
    if to_form in FAMILIES["noise"]:
        sentences, report = read_noise(paths, NoiseConfig())
        lost.update(report.skipped_by_reason())
        for origin in origins if from_form not in ("noise", "sentences") else ():
            lost["words of the agent"] += sum(bool(t.agent) for c in _conversations(origin, from_form) for t in c.turns)
        return iter(sentences)
    found = chain.from_iterable(_pairs(origin, from_form, to_form, lost) for origin in origins)
    return first_copies(cast(Iterator[Pair], found), lost) if to_form == "gold" else found


def _conversations(origin: Source, from_form: str) -> Iterator[Conversation]:
    """Every conversation, in place. Nested ones as they are; raw exports without the system's phrases."""
    clean = tidy if from_form != "data" else None
    for index, (session, turns) in enumerate(session_turns(origin, ConversationsConfig(), IngestReport(), clean)):
        numbered = f"{origin.name}#{index}"
        yield Conversation(session.id or numbered, turns, numbered)


def _pairs(origin: Source, from_form: str, to_form: str, lost: Counter[str]) -> Iterator[Record]:
    if from_form == "flagembedding":
        rows = read_flagembedding(origin)
        return rows if to_form == "flagembedding" else _pairs_of_rows(rows, lost)
    pairs = (pair for _, pair in labelled_pairs(origin, from_form))
    return flag_rows(_counted(pairs, to_form, lost)) if to_form == "flagembedding" else pairs


def _pairs_of_rows(rows: Iterable[FlagRow], lost: Counter[str]) -> Iterator[Pair]:
    for row in rows:
        lost["scores"] += len(row.pos_scores) + len(row.neg_scores)
        lost["prompt"] += bool(row.prompt)
        lost["type"] += bool(row.type)
        lost["query without pairs"] += not (row.pos or row.neg)
        yield from pairs_of(row)


def _counted(records: Iterator[R], to_form: str, lost: Counter[str]) -> Iterator[R]:
    """The records, counting on the way what they have that `to_form` has no place for."""
    for record in records:
        lost.update(_left_behind(record, to_form))
        yield record


def _left_behind(record: Record, to_form: str) -> Iterator[str]:
    match record:
        case Entry() if to_form == "parsed_data":
            yield from ["category"] * bool(record.category)
            yield from ["id"] * (record.id != content_id(normalise(record.questions[0])))
        case Conversation() if to_form == "output":
            yield from ["session id"] * (not _NUMBERED.fullmatch(record.id))
            yield from ["time"] * any(turn.time for turn in record.turns)
        case Noise() if to_form == "daily":
            yield from ["name of the source"] * (not _NUMBERED.fullmatch(record.source))
        case Pair() if to_form in ("triples", "flagembedding"):
            yield from ["weight"] * (record.weight != 1.0)
            yield from ["entry"] * bool(record.entry)
            yield from ["group"] * bool(record.group)
            yield from ["claims"] * bool(record.claims)
        case Pair() if to_form == "gold":
            yield from ["pair of label 0"] * (record.label == 0)


_WRITERS: dict[str, Callable[[Path, Any], int]] = {
    "parsed_data": write_parsed_data,
    "catalogue_json": write_catalogue_json,
    "catalogue": partial(write_jsonl, kind="catalogue"),
    "data": write_data,
    "output": write_output,
    "conversations": partial(write_jsonl, kind="conversations"),
    "daily": write_daily,
    "noise": partial(write_jsonl, kind="noise"),
    "sentences": write_sentences,
    "triples": write_triples,
    "pairs": partial(write_jsonl, kind="pairs"),
    "flagembedding": write_flagembedding,
    "gold": write_gold,
}
