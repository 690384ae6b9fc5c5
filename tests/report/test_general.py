"""General ability on the page: a sentence that says no more than the interval does, and the figures."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from faqtune.report import RunReport, report_html
from faqtune.report.general import fact
from faqtune.report.general import general as section_of
from faqtune.report.sheet import FigureTable
from faqtune.report.summary import summary


def changed(measured: dict[str, Any], low: float, value: float, high: float) -> dict[str, Any]:
    """All pairs as given; within a language nothing clear."""
    made = copy.deepcopy(measured)
    for language in ("zh", "en"):
        made["differences"][0]["figures"][language] |= {"low": -0.02, "value": 0.0, "high": 0.02}
    made["differences"][0]["figures"]["all"] |= {"low": low, "value": value, "high": high}
    return made


@pytest.mark.parametrize(
    ("low", "value", "high", "mark", "said"),
    [
        (-0.05, -0.03, 0.01, "unclear", "no clear change"),
        (0.01, 0.03, 0.05, "better", "has become better"),
        (0.0, 0.0, 0.0, "same", "nothing has changed"),
    ],
)
def test_the_sentence_claims_what_the_interval_allows(
    general: dict[str, Any], low: float, value: float, high: float, mark: str, said: str
) -> None:
    found, sentence = fact(changed(general, low, value, high), "en")
    assert found == mark and said in sentence
    assert "82 times in 100" in sentence and "(before: 85)" in sentence
    assert "82" in fact(changed(general, low, value, high), "zh")[1]


def test_a_loss_over_all_pairs_and_within_a_language_is_told_of_all_pairs(general: dict[str, Any]) -> None:
    made = changed(general, -0.05, -0.03, -0.01)
    made["differences"][0]["figures"]["zh"] |= {"low": -0.05, "value": -0.03, "high": -0.01}
    mark, sentence = fact(made, "en")
    assert mark == "worse" and "has become worse: of two pairs" in sentence and "82 times in 100" in sentence


def test_a_loss_within_one_language_is_not_hidden_by_all_pairs_together(general: dict[str, Any]) -> None:
    made = changed(general, -0.02, 0.0, 0.02)
    made["differences"][0]["figures"]["en"] |= {"low": -0.05, "value": -0.03, "high": -0.01}
    for side, value in zip(made["models"][:2], (0.91, 0.84), strict=True):
        side["figures"]["en"]["value"] = value
    mark, sentence = fact(made, "en")
    assert mark == "worse" and "worse within English pairs" in sentence
    assert "84 times in 100 (before: 91)" in sentence
    assert "英文句对中变差了" in fact(made, "zh")[1]


def test_where_no_language_has_lost_the_levels_of_their_scores_have_moved_apart(general: dict[str, Any]) -> None:
    made = changed(general, -0.05, -0.03, -0.01)
    for language in ("zh", "en"):
        made["differences"][0]["figures"][language] |= {"low": -0.01, "value": 0.01, "high": 0.03}
    mark, sentence = fact(made, "en")
    assert mark == "unclear" and "no clear loss within Chinese or within English" in sentence
    assert "没有明确变差" in fact(made, "zh")[1]


def test_the_table_has_each_language_and_the_tasks_of_mteb(report: RunReport) -> None:
    section = section_of(report, "en")
    assert section is not None
    (table,) = section.sheets
    assert isinstance(table, FigureTable)
    pairs, tasks = (rows for _, rows in table.groups)
    assert [row.name for row in pairs] == ["all pairs", "Chinese pairs", "English pairs"]
    assert [cell.whole for cell in pairs[0].cells] == [
        "85.3 [81.3, 90.3]",
        "81.6 [77.6, 86.6]",
        "-3.7 [-5.7, -1.7] p < 0.001",
    ]
    assert (pairs[0].mark, pairs[2].mark) == ("worse", "worse alone")
    assert [cell.text for cell in tasks[0].cells] == ["81.2", "80.2", "-1.1"] and tasks[0].verdict == ""


def test_it_is_told_in_short_and_left_out_where_it_was_not_measured(report: RunReport) -> None:
    assert summary(report, "zh").facts[-1][1].startswith("在与本 FAQ 无关的日常句子上，模型变差了")
    bare = replace(report, general=None, mteb=None)
    assert len(summary(bare, "zh").facts) == len(summary(report, "zh").facts) - 1
    assert section_of(bare, "zh") is None and 'id="en-general"' not in report_html(bare)
    only_tasks = section_of(replace(report, general=None), "en")
    assert only_tasks is not None and only_tasks.reading == "MTEB scores come without an interval."
