"""Training pairs in the forms of others: `[[a, b, label], …]` and FlagEmbedding JSONL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from faqtune.errors import UserError
from faqtune.ingest.cells import tidy
from faqtune.ingest.jsonstream import layout_of, stream_items
from faqtune.ingest.kinds import Source
from faqtune.records import Pair, letters, normalise, slips

PAIR_FORMS = ("triples", "pairs", "flagembedding")


@dataclass(frozen=True, slots=True)
class FlagRow:
    """A line of FlagEmbedding's training data. Scores, if any, are aligned with `pos` and `neg`."""

    query: str
    pos: tuple[str, ...]
    neg: tuple[str, ...]
    pos_scores: tuple[float, ...] = ()
    neg_scores: tuple[float, ...] = ()
    prompt: str = ""
    type: str = ""


def read_triples(source: Source) -> Iterator[Pair]:
    """Pairs of annonated_dataset.json, answer2problem.json, …. Raises UserError, with the item, for anything else."""
    for number, item in stream_items(source, layout_of(source)):
        where = f"{source.name}, item {number}"
        if not isinstance(item, list) or len(item) != 3:
            raise UserError(f"{where}: not [text, text, label]", "mend the item")
        yield Pair(_text(item[0], where), _text(item[1], where), _label(item[2], where))


def read_pairs(source: Source) -> Iterator[Pair]:
    """Pairs of faqtune's own pairs.jsonl. Raises UserError, with the line, for anything else."""
    for number, item in stream_items(source, layout_of(source)):
        where = f"{source.name}, line {number}"
        if not isinstance(item, dict) or not {"text", "partner", "label"} <= item.keys():
            raise UserError(f"{where}: not a pair with text, partner and label", "mend the line")
        yield Pair(
            _text(item["text"], where),
            _text(item["partner"], where),
            _label(item["label"], where),
            _float(item.get("weight", 1.0), where),
            _text(item.get("entry", ""), where),
            _text(item.get("group", ""), where),
            tuple(_texts(item.get("claims"), where)),
        )


def read_flagembedding(source: Source) -> Iterator[FlagRow]:
    """Lines of a FlagEmbedding file. Raises UserError, with the line, for anything else."""
    for number, item in stream_items(source, layout_of(source)):
        where = f"{source.name}, line {number}"
        if not isinstance(item, dict) or "query" not in item:
            raise UserError(f"{where}: no query", 'write {"query": "…", "pos": ["…"], "neg": ["…"]}')
        row = FlagRow(
            _text(item["query"], where),
            tuple(_texts(item.get("pos"), where)),
            tuple(_texts(item.get("neg"), where)),
            tuple(_float(score, where) for score in item.get("pos_scores") or ()),
            tuple(_float(score, where) for score in item.get("neg_scores") or ()),
            _text(item.get("prompt") or "", where),
            _text(item.get("type") or "", where),
        )
        for texts, scores, key in ((row.pos, row.pos_scores, "pos"), (row.neg, row.neg_scores, "neg")):
            if scores and len(scores) != len(texts):
                raise UserError(f"{where}: {len(texts)} {key} but {len(scores)} {key}_scores", "mend the line")
        yield row


def labelled_pairs(source: Source, form: str) -> Iterator[tuple[int, Pair]]:
    """Every pair of a file of one of the three forms, with the number of its item, from 1."""
    if form == "flagembedding":
        for row, line in enumerate(read_flagembedding(source), 1):
            yield from ((row, pair) for pair in pairs_of(line))
    else:
        yield from enumerate((read_triples if form == "triples" else read_pairs)(source), 1)


def pairs_of(row: FlagRow) -> Iterator[Pair]:
    """The pairs of a FlagEmbedding line: positives, then negatives.

    >>> [(p.partner, p.label) for p in pairs_of(FlagRow("能退吗", ("退货政策",), ("包邮吗",)))]
    [('退货政策', 1.0), ('包邮吗', 0.0)]
    """
    yield from (Pair(row.query, text, 1.0) for text in row.pos)
    yield from (Pair(row.query, text, 0.0) for text in row.neg)


def flag_rows(pairs: Iterable[Pair]) -> Iterator[FlagRow]:
    """Pairs grouped by query, queries in the order of their first pair. Holds all pairs in memory."""
    grouped: dict[str, tuple[list[str], list[str]]] = {}
    for pair in pairs:
        negatives, positives = grouped.setdefault(pair.text, ([], []))
        (positives if pair.label >= 0.5 else negatives).append(pair.partner)
    for query, (negatives, positives) in grouped.items():
        yield FlagRow(query, tuple(positives), tuple(negatives))


def flag_item(row: FlagRow) -> dict[str, Any]:
    """A line as FlagEmbedding writes it: keys without content are left out."""
    item: dict[str, Any] = {"query": row.query, "pos": list(row.pos), "neg": list(row.neg)}
    more = {
        "pos_scores": list(row.pos_scores),
        "neg_scores": list(row.neg_scores),
        "prompt": row.prompt,
        "type": row.type,
    }
    return item | {key: value for key, value in more.items() if value}


def first_copies(pairs: Iterable[Pair], lost: Counter[str]) -> Iterator[Pair]:
    """Pairs without positives that are one slip away from an earlier one, which are counted in `lost`: as labels of
    their own a split would tear them apart, and what is trained on would be measured."""
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        forms = {(normalise(pair.partner), slip) for slip in slips(letters(pair.text))} if pair.label == 1 else set()
        if seen.isdisjoint(forms):
            yield pair
        else:
            lost["copy of a text with a slip"] += 1
        seen |= forms


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"{where}: {str(value)[:40]!r} is no text", "mend it")
    return tidy(value)


def _texts(value: Any, where: str) -> Iterator[str]:
    if value is not None and not isinstance(value, list):
        raise UserError(f"{where}: {str(value)[:40]!r} is no list of texts", "mend it")
    return (_text(text, where) for text in value or ())


def _label(value: Any, where: str) -> float:
    label = _float(value, where)
    if label not in (0.0, 1.0):
        raise UserError(f"{where}: the label is {label:g}", "labels are 1 or 0")
    return label


def _float(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise UserError(f"{where}: {str(value)[:40]!r} is no number", "mend it")
    return float(value)
