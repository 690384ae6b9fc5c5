"""How each category and each entry does, which entries are taken for each other, and which texts go most wrong."""

from __future__ import annotations

from collections.abc import Sequence

from faqtune.evaluate.wording import Language
from faqtune.report.chart_words import CHARTS
from faqtune.report.maps import kind_name
from faqtune.report.sheet import Cell, Row, Section, Sheet, count, figure, number, pointer, sheet, words
from faqtune.scorecard import Comparison, Confusion, Figure, Scored, Slice

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "entries_title": "By category and entry",
        "entries_reading": "Few questions stand behind most rows: look at the intervals, and at what is worst first.",
        "categories": "Categories",
        "entries": "Entries",
        "category": "category",
        "entry": "entry",
        "queries": "questions",
        "right": "right entry first, {side}, %",
        "answered": "answered after tuning, %",
        "precision": "right among the answered after tuning, %",
        "mistakes_title": "What goes wrong",
        "mistakes_reading": "Of the tuned model, on the test part. To merge two entries is for the owner of the content"
        " to decide.",
        "confusions": "Entries taken for each other",
        "question": "entry",
        "asked": "asked",
        "taken": "taken for the other",
        "other": "the other entry",
        "similarity": "cosine of the two",
        "merge": "proposal",
        "merge_them": "merge",
        "worst_accepted": "Noise with the highest scores that is answered",
        "worst_rejected": "Questions with the lowest scores that are not answered",
        "text": "text",
        "kind": "kind",
        "score": "score",
        "found": "best entry",
        "expected": "should be",
    },
    "zh": {
        "entries_title": "按类别与条目",
        "entries_reading": "多数行背后的问题很少，请注意区间，先看最差的。",
        "categories": "类别",
        "entries": "条目",
        "category": "类别",
        "entry": "条目",
        "queries": "问题数",
        "right": "首位命中率，{side}，%",
        "answered": "微调后作答，%",
        "precision": "微调后作答中答对，%",
        "mistakes_title": "错在哪里",
        "mistakes_reading": "微调后的模型在测试集上的错误。是否合并条目，由内容负责人决定。",
        "confusions": "互相混淆的条目",
        "question": "条目",
        "asked": "被问次数",
        "taken": "误作另一条目",
        "other": "另一条目",
        "similarity": "两者余弦",
        "merge": "建议",
        "merge_them": "合并",
        "worst_accepted": "被误答的噪声（得分从高到低）",
        "worst_rejected": "未作答的问题（得分从低到高）",
        "text": "文本",
        "kind": "类型",
        "score": "得分",
        "found": "最佳条目",
        "expected": "应为",
    },
}
AFTER = ("comparison", "after")


def by_entry(comparison: Comparison, language: Language) -> Section | None:
    """Tables of the categories and of the entries, before beside after; None where scorecards hold neither."""
    say = WORDS[language]
    sheets, folded = (
        [_slices(comparison, name, say[name], say[one], language)] if getattr(comparison.after, name) else []
        for name, one in (("categories", "category"), ("entries", "entry"))
    )
    if not sheets and not folded:
        return None
    return Section("entries", say["entries_title"], say["entries_reading"], sheets=sheets, folded=folded)


def mistakes(comparison: Comparison, language: Language) -> Section | None:
    """Confusions and the worst texts of the tuned model; None where there are none, or scorecards are older."""
    say, card = WORDS[language], comparison.after
    sheets = [_confusions(card.confusions, say)] if card.confusions else []
    folded = [
        _worst(getattr(card, name), name, language)
        for name in ("worst_accepted", "worst_rejected")
        if getattr(card, name)
    ]
    if not sheets and not folded:
        return None
    return Section("mistakes", say["mistakes_title"], say["mistakes_reading"], sheets=sheets, folded=folded)


def _slices(comparison: Comparison, name: str, caption: str, one: str, language: Language) -> Sheet:
    say, side = WORDS[language], CHARTS[language]
    before = {found.id: (place, found) for place, found in enumerate(getattr(comparison.before, name))}
    rows = [
        _slice(name, place, found, before.get(found.id)) for place, found in enumerate(getattr(comparison.after, name))
    ]
    header = [one, say["queries"], *(say["right"].format(side=side[of]) for of in ("before", "after"))]
    return sheet(caption, [*header, say["answered"], say["precision"]], rows)


def _slice(name: str, place: int, after: Slice, before: tuple[int, Slice] | None) -> Row:
    at: tuple[str | int, ...] = (*AFTER, name, place)
    old = Cell("")
    if before:
        old = _figure(before[1].right, pointer("comparison", "before", name, before[0], "right"))
    return (
        words(after.name or after.id),
        count(after.queries, pointer(*at, "queries")),
        old,
        *(_figure(getattr(after, which), pointer(*at, which)) for which in ("right", "answered", "precision")),
    )


def _figure(found: Figure | None, source: str) -> Cell:
    return figure(found.model_dump() if found else None, source)


def _confusions(found: Sequence[Confusion], say: dict[str, str]) -> Sheet:
    rows = [_confusion(pair, place, say) for place, pair in enumerate(found)]
    header = [say[name] for name in ("question", "asked", "taken", "other", "asked", "taken", "similarity", "merge")]
    return sheet(say["confusions"], header, rows, wordy=True)


def _confusion(pair: Confusion, place: int, say: dict[str, str]) -> Row:
    def at(key: str) -> str:
        return pointer(*AFTER, "confusions", place, key)

    return (
        words(pair.question_a),
        count(pair.asked_a, at("asked_a")),
        count(pair.a_as_b, at("a_as_b")),
        words(pair.question_b),
        count(pair.asked_b, at("asked_b")),
        count(pair.b_as_a, at("b_as_a")),
        number(pair.similarity, at("similarity")),
        Cell(say["merge_them"] if pair.merge else ""),
    )


def _worst(found: Sequence[Scored], name: str, language: Language) -> Sheet:
    say = WORDS[language]
    rows: list[Row] = [
        (
            words(text.text),
            words(kind_name(text.kind, language)),
            number(text.score, pointer(*AFTER, name, place, "score")),
            words(text.found),
            words(text.expected),
        )
        for place, text in enumerate(found)
    ]
    header = [say[column] for column in ("text", "kind", "score", "found", "expected")]
    return sheet(say[name], header, rows, wordy=True)
