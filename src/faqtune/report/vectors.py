"""What question vectors bring to the run, where faqtune index has made some for this very model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faqtune.evaluate.wording import Language, figure_name, points
from faqtune.report.data import Vectors
from faqtune.report.figure_rows import figure_rows
from faqtune.report.names import part_name
from faqtune.report.sheet import FigureTable, Section, sentences
from faqtune.report.verdict import overall
from faqtune.report.words import PAGE

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "With question vectors",
        "what": "faqtune index has drawn the vectors of {moved} of {questions} standard questions towards {labels}"
        " labelled queries of the training part; the model is the same.",
        "thresholds": "Both sides are at thresholds set for 5 % of noise.",
        "decide": "Decide by the part “{part}”, {queries} queries: {figures}.",
        "figure": "{name} {before} → {after}, {value} [{low}, {high}]",
        "better": "Clearly better with them: use faqtune match --index.",
        "worse": "Clearly worse with them: leave them.",
        "unclear": "No clear difference.",
        "by_rules": "The labels of that part come from rules, as those in the vectors may: hand labels there would tell"
        " more.",
        "too_small": "The selection part is too small to tell whether they are worth using.",
        "test": "The table, of the test part, says what that choice is worth; p is corrected for all figures of this"
        " comparison, those by kind of noise too (Holm).",
        "other_data": "It was measured on other test data than the rest of this page.",
        "from": "With them the model answers from a cosine of {cosine} on{certified}.",
        "certified": ", the threshold of the certificate made for them",
        "alone": "by itself",
        "with": "with them",
    },
    "zh": {
        "title": "使用问题向量",
        "what": "faqtune index 用训练集中 {labels} 条有标签的问法，移动了 {questions} 个标准问题中 {moved} 个的向量；"
        "模型本身不变。",
        "thresholds": "两边的阈值都按放过 5% 噪声设定。",
        "decide": "请按{part}的 {queries} 条问题决定：{figures}。",
        "figure": "{name} {before} → {after}，{value} [{low}, {high}]",
        "better": "使用后明显变好：请用 faqtune match --index。",
        "worse": "使用后明显变差：不要使用。",
        "unclear": "没有明确差异。",
        "by_rules": "这部分的标签来自规则，问题向量中的标签也可能如此：人工标注更能说明问题。",
        "too_small": "选择集太小，无法判断是否值得使用。",
        "test": "下表为测试集上的结果，说明这一选择的价值；p 已按这一比较的全部指标（含各类噪声）校正 (Holm)。",
        "other_data": "它所用的测试数据与本页其余部分不同。",
        "from": "使用后，模型从相似度 {cosine} 起作答{certified}。",
        "certified": "（即为其所作证书的阈值）",
        "alone": "单用模型",
        "with": "使用问题向量",
    },
}


def vectors(found: Vectors, measured_data: str, language: Language) -> Section | None:
    """By what to decide, and all figures without and with; `measured_data`: the digest of what the page is about."""
    say, page = WORDS[language], PAGE[language]
    if found.comparison is None:
        return None
    header = (page["metric"], say["alone"], say["with"], page["difference"], page["mark"])
    rows = figure_rows(overall(found.comparison), language, at=("vectors", "comparison"))
    reading = sentences(
        language,
        say["what"].format(moved=found.moved, questions=found.questions, labels=found.labels),
        say["thresholds"] if found.threshold_cosine is not None else "",
        *_decision(found.selection, language),
        say["test"],
        say["other_data"] if found.comparison.after.digest != measured_data else "",
        _answers_from(found, say),
    )
    return Section("vectors", say["title"], reading, sheets=[FigureTable(say["title"], header, [("", rows)])])


def _decision(selection: Mapping[str, Any] | None, language: Language) -> tuple[str, ...]:
    say = WORDS[language]
    if selection is None:
        return (say["too_small"],)
    joined = ("；" if language == "zh" else "; ").join(
        say["figure"].format(
            name=figure_name(name, language),
            before=f"{100 * each['without']:.1f}",
            after=f"{100 * each['with_index']:.1f}",
            **{key: points(each[key]) for key in ("value", "low", "high")},
        )
        for name, each in selection["figures"].items()
    )
    part = part_name(selection["part"], language)
    decided = say["decide"].format(part=part, queries=selection["queries"], figures=joined)
    return decided, say[selection["verdict"]], "" if selection["by_people"] else say["by_rules"]


def _answers_from(found: Vectors, say: dict[str, str]) -> str:
    cosine = found.threshold_cosine if found.certified_cosine is None else found.certified_cosine
    certified = "" if found.certified_cosine is None else say["certified"]
    return "" if cosine is None else say["from"].format(cosine=f"{cosine:.4f}", certified=certified)
