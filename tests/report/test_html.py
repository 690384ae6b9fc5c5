"""The page, read back by a parser as a browser would."""

from __future__ import annotations

import base64
import copy
import hashlib
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from faqtune.evaluate import format_comparison
from faqtune.report import (
    Checked,
    EntryLabels,
    Example,
    Examples,
    LabelSummary,
    Models,
    RunFacts,
    RunReport,
    report_html,
)
from faqtune.report.provenance import facts
from faqtune.scorecard import Comparison

PAYLOADS = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</title></style></svg><iframe src=javascript:alert(1)>",
    "{{ 7*7 }}{% for x in y %}",
    "]]>--><!--",
    "\u202e反转\x00\ud800",
)
VOID = {"meta", "input", "br", "img", "link"}


@dataclass
class Page(HTMLParser):
    """Tags with their attributes, and the text that is shown."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style", "title"):
            name = "data" if self.tags[-1][1].get("type") == "application/json" else self.open[-1]
            self.contents[name] = self.contents.get(name, "") + data
        else:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


def poisoned(report: RunReport, payload: str) -> RunReport:
    """The report with the payload in every place that text of the user's data can reach."""
    cards = [
        card.model_copy(update={"model": payload, "part": payload, "digest": payload, "excluded": {payload: 3}})
        for card in (report.comparison.before, report.comparison.after)
    ]
    example = Example(payload, payload, payload, payload)
    return replace(
        report,
        comparison=report.comparison.model_copy(update={"before": cards[0], "after": cards[1]}),
        recipe={payload: payload, "stages": [{payload: [payload], payload * 2: {payload: payload}}]},
        labels=LabelSummary({payload: 1}, {payload: 2}, {payload: Checked(20, 18)}, [EntryLabels(payload, 0)]),
        run=RunFacts(payload, payload, payload, 1.0, 1, 2, {payload: 1}, {payload: payload}, {payload: payload}),
        examples=Examples([example], [example]),
        details=poisoned_details(report, payload),
        compared=poisoned_layers(report, payload),
        models=poisoned_models(report, payload),
        mteb={"models": [{"model": payload, "model_digest": payload, "scores": {payload: 0.5}}] * 2},
        certificate={**(report.certificate or {}), "run": payload, "base": payload, "files": {payload: payload}},
    )


def poisoned_models(report: RunReport, payload: str) -> Models:
    assert report.models is not None
    comparisons = []
    for each in report.models.comparisons:
        cards = {
            side: getattr(each, side).model_copy(update={"model": payload, "digest": payload})
            for side in ("before", "after")
        }
        comparisons.append(each.model_copy(update=cards))
    return Models(comparisons, report.models.general)


def poisoned_details(report: RunReport, payload: str) -> dict[str, Any]:
    details = copy.deepcopy(dict(report.details or {}))
    for mark in details["landmarks"]:
        mark["text"] = payload
    for points in details["operating"]:
        for text in points["texts"]:
            text["text"] = text["found"] = text["expected"] = payload
    for question in details["missing"]:
        question["wordings"], question["nearest"] = [payload, payload], payload
    return details


def poisoned_layers(report: RunReport, payload: str) -> dict[str, Any]:
    compared = copy.deepcopy(dict(report.compared or {}))
    for found in (*compared["weights"]["layers"], *compared["weights"]["cells"], *compared["data"]["reverted"]):
        found["layer"] = f"layer {payload}"
    for probe in compared["data"]["probes"]:
        probe["name"] = payload
    compared["weights"]["tokens"][0]["token"] = payload
    return compared


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_of_the_users_data_is_never_taken_for_markup(report: RunReport, payload: str) -> None:
    clean, dirty = read(report_html(poisoned(report, "harmless"))), read(report_html(poisoned(report, payload)))
    assert [tag for tag, _ in dirty.tags] == [tag for tag, _ in clean.tags]
    names = [sorted(attributes) for _, attributes in dirty.tags]
    assert names == [sorted(attributes) for _, attributes in clean.tags]
    assert dirty.contents["script"] == clean.contents["script"]
    assert dirty.contents["style"] == clean.contents["style"]


def test_a_customers_text_is_shown_as_it_was_typed(report: RunReport) -> None:
    shown = " ".join(read(report_html(poisoned(report, PAYLOADS[0]))).text)
    assert shown.count(PAYLOADS[0]) >= 20


def test_any_text_can_be_written_to_a_file(report: RunReport) -> None:
    assert report_html(poisoned(report, PAYLOADS[-1])).encode("utf-8")


def test_the_policy_allows_this_style_and_this_script_and_nothing_else(report: RunReport) -> None:
    page = read(report_html(report))
    policy = next(tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.contents[kind].encode()).digest()).decode()
        assert rules.pop(f"{kind}-src") == f"'sha256-{digest}'"
        assert len([tag for tag in page.all(kind) if tag.get("type") != "application/json"]) == 1
    assert rules == {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}


def test_nothing_on_the_page_needs_the_network_or_breaks_the_policy(report: RunReport) -> None:
    page = read(report_html(report))
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "form")
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("style", "src", "srcset")
            assert name != "href" or value.startswith("#")
            assert "http" not in value or name in ("xmlns", "http-equiv")


def test_ids_are_unique_and_every_reference_leads_somewhere(report: RunReport) -> None:
    page = read(report_html(report))
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert max(ids.values()) == 1
    for _, attributes in page.tags:
        wanted = [attributes[name] for name in ("for", "aria-labelledby") if name in attributes]
        wanted += [attributes["href"].removeprefix("#")] if "href" in attributes else []
        assert set(wanted) <= set(ids)


def test_headings_skip_no_level_and_each_language_has_one_first(report: RunReport) -> None:
    html = report_html(report)
    for half in html.split("<article ")[1:]:
        levels = [int(tag[1]) for tag, _ in read_loosely(half) if tag in ("h1", "h2", "h3", "h4")]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def read_loosely(html: str) -> list[tuple[str, dict[str, str]]]:
    page = Page()
    page.handle_endtag = lambda tag: None  # type: ignore[method-assign]
    page.feed(html)
    return page.tags


def test_both_languages_are_there_and_one_is_chosen_without_a_script(report: RunReport) -> None:
    for language in ("zh", "en"):
        page = read(report_html(replace(report, language=language)))
        checked = [tag["id"] for tag in page.all("input") if "checked" in tag]
        assert checked == [f"show-{language}"]
        assert page.all("html")[0]["lang"][:2] == language
        assert [tag["lang"][:2] for tag in page.all("article")] == ["zh", "en"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_figure_of_the_table_is_on_the_page(report: RunReport, language: str) -> None:
    shown = " ".join("".join(read(report_html(report)).text).split())
    for row in format_comparison(report.comparison, language).rows:  # type: ignore[arg-type]
        for cell in row[1:4]:
            assert cell in shown, row


def test_where_the_run_came_from_is_on_the_page(report: RunReport) -> None:
    shown = "".join(read(report_html(report)).text)
    for value in ("9f2c" * 16, report.comparison.after.digest, "2.7.0", "2150", "stage 2, step 100", "max_steps = 400"):
        assert value in shown, value
    assert report.comparison.after.created in shown


def test_the_chinese_page_says_in_chinese_what_the_program_names(comparison: Comparison) -> None:
    card = comparison.after.model_copy(update={"part": "test (hand labels)", "excluded": {"several": 20}})
    run = RunFacts(
        status="done",
        counts={"labels": 428, "catalogue": 409, "dialogues": 1126, "noise": 454},
        digests={"catalogue": "c1", "conversations": "c2", "noise": "n", "split": "s", "training inputs": "t"},
    )
    report = RunReport(comparison.model_copy(update={"after": card}), run=run)
    tables = [dict(rows) for _, rows in facts(report, "zh")]
    named = [name for rows in tables for name in rows if name.isascii()]
    assert named == []
    assert tables[0]["状态"] == "已完成" and tables[0]["数据部分"] == "测试集（人工标注）"
    assert {*map(str, run.counts.values())} == {*tables[1].values()}
    assert "涉及多个条目 (20)" in "".join(read(report_html(report)).text)


def test_a_count_of_zero_is_told_and_what_is_not_known_is_left_out(comparison: Comparison) -> None:
    page = read(report_html(RunReport(comparison, run=RunFacts(counts={"pairs dropped": 0}))))
    shown = " ".join(page.text)
    assert shown.count("pairs dropped") == 2
    assert "device" not in shown


def test_a_report_of_a_comparison_alone_leaves_the_other_sections_out(no_noise: Comparison) -> None:
    page = read(report_html(RunReport(no_noise)))
    links = [tag["href"] for tag in page.all("a")]
    assert links == ["#zh-figures", "#zh-run", "#en-figures", "#en-run"]


def test_the_report_does_without_torch() -> None:
    script = "import sys, faqtune.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
