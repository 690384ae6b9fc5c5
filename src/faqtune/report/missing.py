"""What customers ask and the catalogue does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faqtune.evaluate.wording import Language
from faqtune.report.limits import clipped
from faqtune.report.sheet import Cell, Section, count, number, pointer, sheet, words

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Questions that no entry answers",
        "reading": "Customers' texts outside of the training part that the tuned model would not answer, those alike"
        " counted as one question; first those that people called unsupported. A list to read, not a figure: small"
        " talk may have slipped in, and an entry may exist that the model does not find.",
        "asked": "asked, in one of its wordings",
        "others": "other wordings",
        "conversations": "conversations",
        "by_people": "called unsupported by people",
        "nearest": "nearest entry",
        "cosine": "its cosine",
    },
    "zh": {
        "title": "没有条目能回答的问题",
        "reading": "训练集以外、微调后的模型不会作答的客户原文，意思相近的算作一个问题；"
        "人工标为“无对应条目”的排在前面。这是供人阅读的清单，不是指标：其中可能混有闲聊，也可能已有条目而模型没有找到。",
        "asked": "客户的问法（其一）",
        "others": "其他问法",
        "conversations": "会话数",
        "by_people": "人工标为无对应条目",
        "nearest": "最近的条目",
        "cosine": "余弦",
    },
}


def missing(details: Mapping[str, Any], language: Language) -> Section | None:
    """The list that `evaluate` made; None where it is empty."""
    found = details.get("missing")
    if not found:
        return None
    say = WORDS[language]
    rows = []
    for place, question in enumerate(found):
        at = ("details", "missing", place)
        first, *others = question["wordings"]
        rows.append(
            (
                words(first),
                count(question["conversations"], pointer(*at, "conversations")),
                count(question["by_people"], pointer(*at, "by_people")),
                Cell(clipped(" / ".join(others))),
                words(question["nearest"]),
                number(question["nearest_cosine"], pointer(*at, "nearest_cosine")),
            )
        )
    header = [say[name] for name in ("asked", "conversations", "by_people", "others", "nearest", "cosine")]
    return Section("missing", say["title"], say["reading"], sheets=[sheet(say["title"], header, rows, wordy=True)])
