"""What was measured and what mining found while the model was trained, as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from faqtune.evaluate.wording import Language
from faqtune.report.chart_words import CHARTS
from faqtune.report.sheet import Cell, Row, Sheet, pointer, sheet

SHOWN = ("oscr@5", "recall@1", "auroc", "noise_similarity")
"""Of dozens of figures those that the charts show; the log has all."""

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Mining history",
        "measured": "All measurements on the selection part",
        "kept": "kept",
        "step": "stage, step",
        "related": "mean cosine, query and its entry",
        "unrelated": "mean cosine, query and other entries",
        "noise_similarity": "noise with all questions",
        "noise_best_similarity": "noise with its nearest question",
        "queries_mined_for": "queries to find negatives for",
        "negatives_mined": "negatives of other entries mined",
        "queries_mined": "other customers' queries mined",
        "queries_without_negative": "share of queries without a negative",
        "suspects_per_query": "likely false negatives left out, per query",
        "noise_compared": "noise sentences compared",
        "noise_near": "of these near (0: near noise off)",
        "near_noise_per_step": "near noise sentences a step",
        "noise_similarity_change": "change of noise similarity, same sentences",
    },
    "zh": {
        "title": "难例挖掘记录",
        "measured": "选择集上的全部测量值",
        "kept": "保留",
        "step": "阶段，步",
        "related": "平均余弦：问题与其条目",
        "unrelated": "平均余弦：问题与其他条目",
        "noise_similarity": "噪声与全部标准问",
        "noise_best_similarity": "噪声与最近标准问",
        "queries_mined_for": "需要负例的问题数",
        "negatives_mined": "挖掘出的其他条目负例",
        "queries_mined": "挖掘出的其他客户问题",
        "queries_without_negative": "没有负例的问题占比",
        "suspects_per_query": "每个问题排除的疑似假负例",
        "noise_compared": "参与比较的噪声句",
        "noise_near": "其中算作相近的（0：未启用）",
        "near_noise_per_step": "每步取用的相近噪声句",
        "noise_similarity_change": "噪声相似度的变化（相同句子）",
    },
}


def mining(history: Sequence[Mapping[str, Any]], language: Language) -> Sheet | None:
    """A row per round of mining; figures that have no words yet go by their own names. None without mining."""
    say = WORDS[language]
    rounds = [(place, event) for place, event in enumerate(history) if event.get("event") == "mined"]
    if not rounds:
        return None
    names = list(dict.fromkeys(name for _, event in rounds for name in event.get("figures", {})))
    rows = [_row(place, event, names) for place, event in rounds]
    return sheet(say["title"], [say["step"], *(say.get(name, name) for name in names)], rows)


def measured(
    history: Sequence[Mapping[str, Any]], best: tuple[int | None, int | None], language: Language
) -> Sheet | None:
    """The curve of figures on the selection part as a table; the model of the step `best` was kept. None without any.

    `best` is (stage, step); 0, 0 is the original model, which is measured as stage 1, step 0.
    """
    say = WORDS[language]
    found = [(place, event) for place, event in enumerate(history) if event.get("event") == "measured"]
    names = [name for name in SHOWN if any(name in event.get("figures", {}) for _, event in found)]
    if not names:
        return None
    kept = (1, 0) if best == (0, 0) else best
    rows = [
        (*_row(place, event, names), Cell(say["kept"] if (event["stage"], event["step"]) == kept else ""))
        for place, event in found
    ]
    said = {**CHARTS[language], "noise_similarity": say["noise_similarity"]}
    header = [say["step"], *(said.get(name, name) for name in names), say["kept"]]
    return sheet(say["measured"], header, rows)


def _row(place: int, event: Mapping[str, Any], names: Sequence[str]) -> Row:
    figures = event.get("figures", {})
    step = Cell(f"{event['stage']}, {event['step']}", "", pointer("history", place, "step"))
    return (step, *(_cell(figures.get(name), pointer("history", place, "figures", name)) for name in names))


def _cell(value: float | None, source: str) -> Cell:
    if value is None or not math.isfinite(value):
        return Cell("")
    return Cell(f"{value:.0f}" if float(value).is_integer() and abs(value) >= 2 else f"{value:.3f}", "", source)
