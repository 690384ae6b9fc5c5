"""What a model still makes of everyday sentences: pairs that faqtune ships, and tasks of MTEB where they were run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faqtune.evaluate import difference_mark
from faqtune.evaluate.wording import Language, points
from faqtune.report.chart_words import CHARTS
from faqtune.report.data import RunReport
from faqtune.report.sheet import (
    Cell,
    FigureRow,
    FigureTable,
    Section,
    change,
    figure,
    p_value,
    percent,
    pointer,
    sentences,
)
from faqtune.report.verdict import judged
from faqtune.report.words import PAGE
from faqtune.scorecard import Difference

ALL = "all"

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "General ability",
        "what": "Measured on {pairs} pairs of everyday sentences that faqtune ships, in percent (AUROC); 50 is"
        " guessing.",
        "better": "On everyday sentences outside this FAQ the model has become better: of two pairs of sentences it"
        " picks the one that means the same {after} times in 100 (before: {before}).",
        "worse": "On everyday sentences outside this FAQ the model has become worse: of two pairs of sentences it"
        " picks the one that means the same {after} times in 100 (before: {before}). Its answers to this FAQ are"
        " measured by themselves; for anything else keep the original.",
        "one_worse": "On everyday sentences outside this FAQ the model has become worse within {scope}: of two pairs"
        " of sentences it picks the one that means the same {after} times in 100 (before: {before}). Over all pairs,"
        " which also compares the two languages with each other, it has not.",
        "apart": "On everyday sentences outside this FAQ no clear loss within Chinese or within English; scores of the"
        " two languages have moved apart: of two pairs of sentences of any language the model picks the one that means"
        " the same {after} times in 100 (before: {before}).",
        "unclear": "On everyday sentences outside this FAQ no clear change: of two pairs of sentences the model picks"
        " the one that means the same {after} times in 100 (before: {before}).",
        "same": "On everyday sentences outside this FAQ nothing has changed: of two pairs of sentences the model picks"
        " the one that means the same {after} times in 100 (before: {before}).",
        "all": "all pairs",
        "zh": "Chinese pairs",
        "en": "English pairs",
        "mteb": "MTEB tasks, main score",
        "mteb_reading": "MTEB scores come without an interval.",
    },
    "zh": {
        "title": "通用能力",
        "what": "在 faqtune 自带的 {pairs} 对日常句子上测得，单位为百分比 (AUROC)，50 相当于瞎猜。",
        "better": "在与本 FAQ 无关的日常句子上，模型变好了：从两对句子中挑出意思相同的一对，"
        "100 次挑对 {after} 次（微调前 {before} 次）。",
        "worse": "在与本 FAQ 无关的日常句子上，模型变差了：从两对句子中挑出意思相同的一对，"
        "100 次挑对 {after} 次（微调前 {before} 次）。它对本 FAQ 的回答另有评测；用于其他用途时，请继续使用原模型。",
        "one_worse": "在与本 FAQ 无关的日常句子上，模型在{scope}中变差了：从两对句子中挑出意思相同的一对，"
        "100 次挑对 {after} 次（微调前 {before} 次）。全部句对（还包括两种语言之间的比较）合起来看则没有变差。",
        "apart": "在与本 FAQ 无关的日常句子上，中文之内和英文之内都没有明确变差；只是两种语言的得分高低拉开了："
        "不分语言从两对句子中挑出意思相同的一对，100 次挑对 {after} 次（微调前 {before} 次）。",
        "unclear": "在与本 FAQ 无关的日常句子上，没有明确变化：从两对句子中挑出意思相同的一对，"
        "100 次挑对 {after} 次（微调前 {before} 次）。",
        "same": "在与本 FAQ 无关的日常句子上，没有任何变化：从两对句子中挑出意思相同的一对，"
        "100 次挑对 {after} 次（微调前 {before} 次）。",
        "all": "全部句对",
        "zh": "中文句对",
        "en": "英文句对",
        "mteb": "MTEB 任务（主要得分）",
        "mteb_reading": "MTEB 得分没有置信区间。",
    },
}


def general(report: RunReport, language: Language) -> Section | None:
    """Before and after on everyday sentences; None where `evaluate` has measured neither them nor MTEB."""
    say, page, sides = WORDS[language], PAGE[language], CHARTS[language]
    groups = []
    reading = []
    if report.general:
        reading = [fact(report.general, language)[1], say["what"].format(pairs=report.general["pairs"])]
        groups.append(("", _pairs(report.general, language)))
    if report.mteb:
        reading.append(say["mteb_reading"])
        groups.append((say["mteb"], _tasks(report.mteb)))
    if not groups:
        return None
    header = (page["metric"], sides["before"], sides["after"], page["difference"], page["mark"])
    table = FigureTable(say["title"], header, groups)
    return Section("general", say["title"], sentences(language, *reading), sheets=[table])


def fact(measured: Mapping[str, Any], language: Language) -> tuple[str, str]:
    """(mark, sentence): what became of general ability, for the first screen."""
    differences = measured["differences"][0]["figures"]
    marks = {scope: general_mark(found) for scope, found in differences.items()}
    mark = marks.pop(ALL)
    counts = _counts(measured, ALL)
    lost = [scope for scope, found in marks.items() if found == "worse"]
    # All pairs together are worse also where only the level of one language's scores has moved.
    if mark == "worse" and not lost:
        return "unclear", WORDS[language]["apart"].format(**counts)
    if mark != "worse" and lost:
        scope = min(lost, key=lambda each: differences[each]["value"])
        said = WORDS[language]["one_worse"].format(scope=WORDS[language][scope], **_counts(measured, scope))
        return "worse", said
    return mark, WORDS[language][mark].format(**counts)


def _counts(measured: Mapping[str, Any], scope: str) -> dict[str, str]:
    before, after = (each["figures"][scope] for each in measured["models"][:2])
    return {"before": f"{100 * before['value']:.0f}", "after": f"{100 * after['value']:.0f}"}


def general_mark(found: Mapping[str, float]) -> str:
    """As for any figure that is the better for being higher."""
    return difference_mark("auroc", Difference(**found))


def _pairs(measured: Mapping[str, Any], language: Language) -> list[FigureRow]:
    rows = []
    models, differences = measured["models"], measured["differences"][0]["figures"]
    for scope, found in differences.items():
        sides = (
            figure(models[side]["figures"][scope], pointer("general", "models", side, "figures", scope))
            for side in (0, 1)
        )
        source = pointer("general", "differences", 0, "figures", scope)
        moved = change(found, source)
        mark = general_mark(found)
        with_p = Cell(moved.text, f"{moved.interval} p {p_value(found['p_holm'], '').text}", source)
        rows.append(FigureRow(WORDS[language][scope], (*sides, with_p), *judged(mark, found["p_holm"], language)))
    return rows


def _tasks(measured: Mapping[str, Any]) -> list[FigureRow]:
    """The difference stands nowhere: it is that of the two scores beside it."""
    before, after = (each["scores"] for each in measured["models"][:2])
    rows = []
    for task in before:
        sources = [pointer("mteb", "models", side, "scores", task) for side in (0, 1)]
        moved = Cell(points(after[task] - before[task]), "", f"{sources[1]} - {sources[0]}")
        cells = (percent(before[task], sources[0]), percent(after[task], sources[1]), moved)
        rows.append(FigureRow(task, cells, "", ""))
    return rows
