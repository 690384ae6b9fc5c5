"""Every figure in a table of the page is found where its source points to."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from faqtune.report import RunReport, report_html, report_json, report_markdown
from faqtune.report.article import article

NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


class Cells(HTMLParser):
    """(classes of the table, tag, source, text) of every cell of every table, and of the slider's values."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[list[str]] = []
        self._table = ""
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "table":
            self._table = found.get("class", "")
        if tag in ("td", "th") or (tag == "b" and "data-source" in found):
            self.cells.append([self._table, tag, found.get("data-source", ""), ""])
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._open:
            self._open = ""

    def handle_data(self, text: str) -> None:
        if self._open:
            self.cells[-1][3] += text


def at(data: Any, source: str) -> Any:
    for key in source.removeprefix("/").split("/"):
        key = key.replace("~1", "/").replace("~0", "~")
        data = data[int(key)] if isinstance(data, list) else data[key]
    return data


def written(value: Any) -> set[str]:
    """Every way in which the page may write the numbers of a place in the data."""
    if isinstance(value, list):
        return {said for one in value for said in written(one)}
    if isinstance(value, dict):
        names = ("value", "low", "high", "predicted", "compared", "right", "p", "p_holm")
        return {said for name in names if name in value for said in written(value[name])}
    if not isinstance(value, (int, float)):
        return set(NUMBER.findall(str(value)))
    said = set()
    for shown in (value, 100 * value):
        for digits in range(5):
            rounded = round(shown, digits) + 0.0
            said |= {f"{rounded:.{digits}f}", f"{rounded:+.{digits}f}"}
        said |= {f"{shown:.3g}", f"{shown:#.3g}"}
    if 0 < value < 0.0005:
        said.add("0.001")  # "< 0.001"
    return said


@pytest.fixture
def cells(report: RunReport) -> list[list[str]]:
    found = Cells()
    found.feed(report_html(report))
    return found.cells


def test_every_sourced_number_stands_where_its_source_points(report: RunReport, cells: list[list[str]]) -> None:
    data = json.loads(report_json(report))
    sourced = [cell for cell in cells if cell[2]]
    assert len(sourced) > 500
    for part in (
        "models/scorecards",
        "models/comparisons",
        "models/general",
        "general",
        "mteb",
        "certificate/test",
        "vectors/comparison",
    ):
        assert any(source.startswith(f"/{part}/") for _, _, source, _ in sourced), part
    for _, _, source, text in sourced:
        places = source.split(" - ")
        if len(places) == 2:  # the difference of two means
            difference = at(data, places[0]) - at(data, places[1])
            scale = 100 if source.startswith("/mteb/") else 1  # shares are shown in percent, cosines as they are
            assert float(NUMBER.findall(text)[0]) == pytest.approx(scale * difference, abs=6e-4 * scale)
            continue
        numbers = NUMBER.findall(text)
        if source.startswith("/history/") and source.endswith("/step"):
            event = at(data, source.removesuffix("/step"))
            assert numbers == [str(event["stage"]), str(event["step"])]
            continue
        assert set(numbers) <= written(at(data, source)), (source, text)


def test_no_table_of_figures_holds_a_number_without_a_source(cells: list[list[str]]) -> None:
    for table, tag, source, text in cells:
        # Names, customers' texts and headers may hold digits; what is a figure may not stand without its source.
        if "sortable" in table and "texts" not in table and tag == "td" and not source:
            assert not re.fullmatch(r"[▲▼\s]*[+-]?[\d.,]+( \[.*\])?%?", text.strip()), text


def test_json_names_the_file_behind_every_part(report: RunReport) -> None:
    data = json.loads(report_json(report))
    assert data["comparison"]["after"]["figures"] == report.comparison.model_dump()["after"]["figures"]
    assert data["details"] == report.details and data["compare"] == report.compared
    assert {"comparison", "details", "certificate", "compare", "history", "recipe", "run", "labels"} <= data.keys()
    assert report.vectors is not None and report.vectors.comparison is not None
    assert data["vectors"]["comparison"] == report.vectors.comparison.model_dump(mode="json")
    assert data["vectors"]["moved"] == report.vectors.moved
    assert data["general"] == report.general and data["mteb"] == report.mteb
    assert report.models is not None
    assert [card["model"] for card in data["models"]["scorecards"]] == [c.model for c in report.models.scorecards]
    assert data["models"]["comparisons"][1]["reference"] == report.models.comparisons[1].before.model


@pytest.mark.parametrize("language", ["zh", "en"])
def test_markdown_holds_the_tables_and_no_markup_of_a_customer(report: RunReport, language: Any) -> None:
    text = report_markdown(report, language)
    widths = {}
    for number, line in enumerate(text.splitlines()):
        if line.startswith("|"):
            widths.setdefault(number, len(re.findall(r"(?<!\\)\|", line)))
    assert text.startswith("# ")
    rows = sorted(widths)
    for one, other in pairwise(rows):
        if other == one + 1:
            assert widths[one] == widths[other], text.splitlines()[other]
    measured = (
        "5d1e" * 16,
        "0.5123",
        r"85.3 \[81.3, 90.3\]",
        "STSB",
        "a-long-name-that-goes-on-and-on-folder-of-small",
    )
    for cell in ("OSCR@5%", "卖帐篷吗", "layer 3", report.comparison.after.digest, *measured):
        assert cell in text
    assert "<script" not in report_markdown(_with_script(report), language)


def _with_script(report: RunReport) -> RunReport:
    payload = "<script>alert(1)</script>"
    cards = [
        card.model_copy(update={"model": payload, "part": payload})
        for card in (report.comparison.before, report.comparison.after)
    ]
    details = json.loads(json.dumps(report.details))
    details["missing"][0]["wordings"] = [payload, payload]
    comparison = report.comparison.model_copy(update={"before": cards[0], "after": cards[1]})
    return replace(report, comparison=comparison, details=details)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_markdown_says_of_each_figure_what_the_page_says(report: RunReport, language: Any) -> None:
    drawn = article(report, language)
    lines = [line.replace("\\", "") for line in report_markdown(report, language).splitlines()]
    assert drawn.strata is not None and len(drawn.strata.groups) == 4
    for table in (drawn.figures, drawn.strata):
        for name, rows in table.groups:
            for row in rows:
                first = [name] if name else []
                cells = [*first, row.name, *(cell.whole for cell in row.cells), row.verdict]
                assert f"| {' | '.join(cells)} |".replace("<", "&lt;").replace("*", "") in [
                    line.replace("*", "") for line in lines
                ]
