"""More than two models on the page: one table of all, each against the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from faqtune.evaluate.wording import Language, figure_name
from faqtune.report import Models, RunReport, report_html, report_markdown
from faqtune.report import models as page_models
from faqtune.report.models import KEY, models
from faqtune.report.sheet import FigureTable, Section
from faqtune.scorecard import short_names

RUN = "runs/2026-11-23-default-3f2a/model"
SHORT = "2026-11-23-default-3f2a/model"


def tables(section: Section) -> tuple[FigureTable, FigureTable]:
    (shown,), (folded,) = section.sheets, section.folded
    assert isinstance(shown, FigureTable) and isinstance(folded, FigureTable)
    return shown, folded


@pytest.fixture
def all_models(report: RunReport) -> Models:
    assert report.models is not None
    return report.models


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_figure_of_every_model_is_a_row(
    all_models: Models, language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_models, "MOST_MODEL_ROWS", 10_000)
    shown, folded = tables(models(all_models, RUN, language))
    rows = {name: group for table in (shown, folded) for name, group in table.groups}
    for name in all_models.scorecards[0].figures:
        group = rows[figure_name(name, language)]
        assert len(group) == 4
        for place, (card, row) in enumerate(zip(all_models.scorecards, group, strict=True)):
            figure = card.figures[name]
            assert row.name.startswith(short_names([card.model])[0])
            assert row.cells[0].text == f"{100 * figure.value:.1f}"
            if not place:
                assert [cell.text for cell in row.cells[1:]] == ["", ""] and row.verdict == ""
                continue
            moved = all_models.comparisons[place - 1].differences[name]
            assert moved.p_holm is not None
            assert row.cells[1].text == f"{round(100 * moved.value, 1) + 0.0:+.1f}"
            assert row.cells[2].text in (f"{moved.p_holm:.3f}", "< 0.001")
            assert row.mark.startswith(("better", "worse")) == moved.is_clear
            assert row.verdict.endswith("*") == (moved.is_clear and moved.p_holm > 0.05)


def test_what_one_decides_by_is_open_and_the_rest_is_folded(all_models: Models) -> None:
    shown, folded = tables(models(all_models, RUN, "en"))
    open_names = [name for name, _ in shown.groups]
    assert open_names == [figure_name(name, "en") for name in KEY] + ["General ability"]
    assert figure_name("oscr@5/chatter", "en") in [name for name, _ in folded.groups]
    assert [row.cells[0].text for row in shown.groups[-1][1]] == ["85.0", "84.0", "83.0", "82.0"]


def test_many_models_are_cut_at_a_figure_and_the_page_says_so(report: RunReport, all_models: Models) -> None:
    many = Models(list(all_models.comparisons) * 7)
    shown, folded = tables(models(many, RUN, "en"))
    for table in (shown, folded):
        assert all(len(rows) == 22 for _, rows in table.groups) and len(table.rows) <= page_models.MOST_MODEL_ROWS
        assert table.total > len(table.rows)
    page = report_html(replace(report, models=many))
    assert f"The first {len(shown.rows)} of {shown.total} are shown." in page
    assert len(page.encode()) < 2_000_000


def test_the_first_screen_stays_about_base_and_run(report: RunReport) -> None:
    page, without = report_html(report), report_html(replace(report, models=None))
    for half, bare in zip(page.split("<nav ")[:2], without.split("<nav ")[:2], strict=True):
        lead, old = half.split("<article ")[-1], bare.split("<article ")[-1]
        assert lead == old
    assert 'id="zh-models"' in page and 'id="zh-models"' not in without


def test_names_say_which_is_the_original_and_which_this_run(all_models: Models) -> None:
    shown, _ = tables(models(all_models, RUN, "zh"))
    names = [row.name for row in shown.groups[0][1]]
    assert names[:3] == ["BAAI/bge-m3（原模型）", f"{SHORT}（本次运行）", "half"]


def test_the_chart_cuts_a_long_name_at_its_beginning(all_models: Models) -> None:
    svg = str(models(all_models, RUN, "en").charts[0].svg)
    assert ">…" in svg and "folder-of-small<" in svg and svg.count('class="dot') == 4


@pytest.mark.parametrize("language", ["zh", "en"])
def test_markdown_has_the_same_rows_with_the_figure_in_front(report: RunReport, language: Any) -> None:
    text = report_markdown(report, language)
    assert report.models is not None
    names = short_names([comparison.after.model for comparison in report.models.comparisons])
    for name, comparison in zip(names, report.models.comparisons, strict=True):
        figure = comparison.after.figures["auroc"]
        wanted = rf"{100 * figure.value:.1f} \[{100 * figure.low:.1f}, {100 * figure.high:.1f}\]"
        assert any(
            line.startswith(f"| {figure_name('auroc', language)} | {name}") and wanted in line
            for line in text.splitlines()
        )
