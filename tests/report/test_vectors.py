"""Question vectors on the page: what decides, whether it is clear, and the figures with and without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from faqtune.evaluate.wording import Language, figure_name
from faqtune.report import RunReport, Vectors, report_html, report_markdown
from faqtune.report.sheet import FigureTable, Section, p_value
from faqtune.report.vectors import vectors as section_of


def section(found: Vectors, language: Language = "en") -> Section:
    assert found.comparison is not None
    made = section_of(found, found.comparison.after.digest, language)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("verdict", "said", "in_chinese"),
    [
        ("better", "Clearly better with them: use faqtune match --index.", "使用后明显变好"),
        ("worse", "Clearly worse with them", "使用后明显变差"),
        ("unclear", "No clear difference.", "没有明确差异"),
    ],
)
def test_the_sentence_is_the_verdict_of_the_selection_part(
    vectors: Vectors, verdict: str, said: str, in_chinese: str
) -> None:
    assert vectors.selection is not None
    found = replace(vectors, selection={**vectors.selection, "verdict": verdict})
    reading = section(found).reading
    assert "the part “selection (hand labels)”, 129 queries: answered right when 5 % of noise passes" in reading
    assert f"(OSCR@5%) 71.2 → 75.3, +4.1 [+1.1, +7.6]. {said}" in reading
    assert "vectors of 98 of 126 standard questions towards 2301 labelled queries" in reading
    assert "请按选择集（人工标注）的 129 条问题决定：" in section(found, "zh").reading
    assert in_chinese in section(found, "zh").reading


def test_labels_by_rules_are_said(vectors: Vectors) -> None:
    assert vectors.selection is not None and "come from rules" not in section(vectors).reading
    found = replace(vectors, selection={**vectors.selection, "by_people": False})
    assert "come from rules" in section(found).reading and "标签来自规则" in section(found, "zh").reading


def test_a_small_selection_part_decides_nothing(vectors: Vectors) -> None:
    reading = section(replace(vectors, selection=None)).reading
    assert "too small to tell" in reading and "Clearly" not in reading


def test_the_table_is_that_of_the_model_by_itself_and_with_them(vectors: Vectors) -> None:
    (table,) = section(vectors).sheets
    assert isinstance(table, FigureTable) and vectors.comparison is not None
    assert table.header[1:3] == ("by itself", "with them")
    row = next(row for row in table.rows if row.name == figure_name("recall@1", "en"))
    made = vectors.comparison.differences["recall@1"]
    before, after, moved = row.cells
    assert before.text == f"{100 * vectors.comparison.before.figures['recall@1'].value:.1f}"
    assert after.source == "/vectors/comparison/after/figures/recall@1"
    assert moved.text == f"{100 * made.value:+.1f}" and moved.source == "/vectors/comparison/differences/recall@1"


def test_every_p_is_the_corrected_one_also_that_of_the_pages_headline(vectors: Vectors) -> None:
    (table,) = section(vectors).sheets
    assert isinstance(table, FigureTable) and vectors.comparison is not None
    row = next(row for row in table.rows if row.name == figure_name("oscr@5", "en"))
    made = vectors.comparison.differences["oscr@5"]
    assert made.p_holm is not None and made.p_holm > made.p
    assert row.cells[2].interval.endswith(f"p {p_value(made.p_holm, '').text}")


def test_the_threshold_is_that_of_the_certificate_if_there_is_one(vectors: Vectors) -> None:
    assert section(vectors).reading.endswith("With them the model answers from a cosine of 0.4137 on.")
    certified = section(replace(vectors, certified_cosine=0.4512)).reading
    assert "0.4512 on, the threshold of the certificate made for them" in certified and "0.4137" not in certified
    without = section(replace(vectors, threshold_cosine=None)).reading
    assert "answers from" not in without and "thresholds set for 5 %" not in without
    assert "thresholds set for 5 %" in section(vectors).reading


def test_other_test_data_than_the_pages_is_said(vectors: Vectors) -> None:
    other = section_of(vectors, "another", "en")
    assert other is not None and "other test data" in other.reading
    assert "other test data" not in section(vectors).reading


def test_it_is_on_the_page_where_it_was_measured_alone(report: RunReport, vectors: Vectors) -> None:
    assert report_html(report).count('id="zh-vectors"') == 1
    assert "## With question vectors" in report_markdown(report, "en")
    for without in (None, replace(vectors, comparison=None)):
        assert "zh-vectors" not in report_html(replace(report, vectors=without))
