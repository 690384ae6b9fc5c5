"""The certificate of a threshold, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faqtune.evaluate.wording import Language

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "promises": "Promises of the threshold",
        "what": "with {confidence:.0f} % confidence",
        "at_most": "promised, at most",
        "bound": "bound",
        "observed": "seen",
        "units": "conversations or sources",
        "kept": "kept",
        "missed": "not kept",
        "certified": "Answered from a cosine of {threshold:.3f} on. All promises are kept, for data of the same kind.",
        "not_certified": "Answered from a cosine of {threshold:.3f} on. Not all promises can be kept on this data.",
        "noise": "noise of all kinds answered",
        "noise/chatter": "everyday chatter answered",
        "noise/other_domain": "questions of another domain answered",
        "noise/unsupported": "unsupported questions answered",
        "noise/garbage": "garbage answered",
        "wrong": "answers that are wrong",
        "rejected": "questions with an entry not answered",
    },
    "zh": {
        "promises": "阈值的承诺",
        "what": "置信度 {confidence:.0f} %",
        "at_most": "承诺至多",
        "bound": "上界",
        "observed": "实测",
        "units": "会话或来源数",
        "kept": "成立",
        "missed": "不成立",
        "certified": "余弦达到 {threshold:.3f} 即作答。对同类数据，全部承诺成立。",
        "not_certified": "余弦达到 {threshold:.3f} 即作答。在现有数据上，并非所有承诺都成立。",
        "noise": "被作答的噪声（全部）",
        "noise/chatter": "被作答的日常闲聊",
        "noise/other_domain": "被作答的其他领域问题",
        "noise/unsupported": "被作答的无对应条目问题",
        "noise/garbage": "被作答的无意义文本",
        "wrong": "答错的回答",
        "rejected": "有对应条目却未作答的问题",
    },
}


@dataclass(frozen=True, slots=True)
class Promises:
    """`rows`: what, promised, bound, seen, units, mark ("better", "worse") and verdict."""

    title: str
    sentence: str
    header: tuple[str, ...]
    rows: list[tuple[tuple[str, ...], str, str]]


def promises(certificate: Mapping[str, Any], language: Language) -> Promises:
    """What `certificate.json` says, for people."""
    words = WORDS[language]
    state = words["certified" if certificate["certified"] else "not_certified"]
    rows: list[tuple[tuple[str, ...], str, str]] = [
        (
            (
                words[promise["what"]],
                f"{100 * promise['at_most']:g} %",
                f"{100 * promise['bound']:.1f} %",
                f"{100 * promise['observed']:.1f} %",
                str(promise["units"]),
            ),
            "better" if promise["kept"] else "worse",
            words["kept" if promise["kept"] else "missed"],
        )
        for promise in certificate["promises"]
    ]
    header = (
        words["what"].format(confidence=100 * certificate["confidence"]),
        *(words[name] for name in ("at_most", "bound", "observed", "units")),
    )
    return Promises(words["promises"], state.format(threshold=certificate["threshold_cosine"]), header, rows)
