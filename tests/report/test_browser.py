"""The page as a browser shows it: opened from a file, without a network, under its own strict policy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from faqtune.report import RunReport, report_html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=CHROMIUM or None, args=["--no-sandbox"])
        except api.Error as error:
            pytest.skip(f"no Chromium to open the page in: {str(error).splitlines()[0]}")
        yield opened
        opened.close()


@pytest.fixture
def address(report: RunReport, tmp_path: Path) -> str:
    path = tmp_path / "report.html"
    path.write_text(report_html(report), encoding="utf-8")
    return path.as_uri()


class Watched:
    """A page with everything that it complained of and asked for."""

    def __init__(self, browser: Browser, address: str, locale: str = "en-GB", width: int = 1280) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        context = browser.new_context(locale=locale, viewport={"width": width, "height": 900})
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def refused_nothing(self, address: str) -> None:
        assert self.said == []
        assert self.asked == [address]


def test_it_opens_in_the_readers_language_and_switches(browser: Browser, address: str) -> None:
    for locale, shown, other in (("zh-CN", "zh", "en"), ("en-GB", "en", "zh")):
        watched = Watched(browser, address, locale)
        page = watched.page
        assert page.locator(f".in-{shown}").is_visible() and not page.locator(f".in-{other}").is_visible()
        page.locator(f"label[for=show-{other}]").click()
        assert page.locator(f".in-{other}").is_visible() and not page.locator(f".in-{shown}").is_visible()
        assert page.evaluate("document.documentElement.lang").startswith(other)
        watched.refused_nothing(address)


def test_the_slider_shows_what_was_measured_at_its_place(browser: Browser, address: str, report: RunReport) -> None:
    watched = Watched(browser, address)
    page = watched.page
    assert report.details is not None
    points = report.details["operating"][1]
    for place in (0, 7, len(points["thresholds_cosine"]) - 1):
        page.locator("#en-threshold").fill(str(place))
        assert page.locator(".in-en .dial output").text_content() == f"{points['thresholds_cosine'][place]:.3f}"
        for name in ("right", "wrong", "passed_on", "precision", "accepted"):
            value = points["shares"][name]["value"][place]
            tile = page.locator(f".in-en .tile[data-share={name}] b")
            assert tile.text_content() == ("–" if value is None else f"{100 * value:.1f}")
            assert tile.get_attribute("data-source") == f"/details/operating/1/shares/{name}/value/{place}"
    watched.refused_nothing(address)


def test_texts_switch_sides_as_the_slider_moves_and_come_back(
    browser: Browser, address: str, report: RunReport
) -> None:
    page = Watched(browser, address).page
    assert report.details is not None
    points = report.details["operating"][1]

    def listed(side: str) -> list[str]:
        return page.locator(f".in-en .nearby.{side} bdi").all_text_contents()

    first = listed("above"), listed("below")
    page.locator("#en-threshold").press("ArrowLeft")
    place = int(page.locator("#en-threshold").input_value())
    threshold = points["thresholds_cosine"][place]
    above = [text["text"] for text in points["texts"] if text["score"] >= threshold]
    below = [text["text"] for text in points["texts"] if text["score"] < threshold]
    assert listed("above") == above[::-1][:5] and listed("below") == below[:5]
    page.get_by_role("button", name="Back to the model").click()
    assert (listed("above"), listed("below")) == first


def test_a_table_sorts_by_its_numbers_and_filters_its_rows(browser: Browser, address: str) -> None:
    watched = Watched(browser, address)
    page = watched.page
    table = page.locator("#en-figures ~ .scroll table")
    after = table.locator("thead th").nth(2)

    def numbers() -> list[float]:
        return [
            float(text.split()[0]) for text in table.locator("tbody tr:visible td:nth-child(3)").all_text_contents()
        ]

    after.get_by_role("button").click()
    assert after.get_attribute("aria-sort") == "ascending" and numbers() == sorted(numbers())
    after.get_by_role("button").press("Enter")
    assert after.get_attribute("aria-sort") == "descending" and numbers() == sorted(numbers(), reverse=True)
    page.locator("#en-figures ~ .filter input").fill("recall")
    rows = table.locator("tbody tr:visible th").all_text_contents()
    assert rows and all("recall" in row for row in rows)
    watched.refused_nothing(address)


def test_arrow_keys_read_a_chart_and_a_map(browser: Browser, address: str) -> None:
    watched = Watched(browser, address)
    page, tip = watched.page, watched.page.locator("#tip")
    page.locator("#en-charts ~ .charts svg").first.focus()
    page.keyboard.press("ArrowRight")
    assert "noise let through" in tip.text_content()
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.locator("#en-map ~ .charts svg:not(.legend)").nth(1).focus()
    page.keyboard.press("ArrowRight")
    assert tip.text_content() == "questions: 问题 0"
    assert page.locator("#en-map ~ .charts .lit-dot").evaluate_all("(all) => all.every(d => d.getAttribute('cx') > 0)")
    watched.refused_nothing(address)


@pytest.mark.parametrize(
    ("locale", "scheme"),
    [
        ("zh-CN", "light"),
        ("en-GB", "dark"),
        pytest.param("zh-CN", "dark", marks=pytest.mark.slow),
        pytest.param("en-GB", "light", marks=pytest.mark.slow),
    ],
)
def test_it_passes_axe_in_both_languages_light_and_dark(
    browser: Browser, address: str, locale: str, scheme: Literal["light", "dark"]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    context = browser.new_context(locale=locale, color_scheme=scheme, bypass_csp=True)  # axe is a script, too
    page = context.new_page()
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(found => { found.open = true })")
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_a_phone_shows_it_without_scrolling_sideways(browser: Browser, address: str, locale: str) -> None:
    page = Watched(browser, address, locale, width=360).page
    page.evaluate("document.querySelectorAll('details').forEach(found => { found.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_a_script_everything_is_there_to_read(browser: Browser, address: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    assert page.locator(".in-zh .tile b").count() == 5
    assert not page.locator("#zh-threshold").is_visible()
    assert page.locator(".in-zh .nearby.above li").count() == 5


def test_a_long_list_scrolls_with_its_header_in_sight_and_is_whole_on_paper(
    browser: Browser, report: RunReport, tmp_path: Path
) -> None:
    after = report.comparison.after.model_copy(update={"confusions": report.comparison.after.confusions * 40})
    long = replace(report, comparison=report.comparison.model_copy(update={"after": after}))
    path = tmp_path / "long.html"
    path.write_text(report_html(long), encoding="utf-8")
    page = Watched(browser, path.as_uri()).page
    box = page.locator("#en-mistakes ~ .scroll").first

    assert box.evaluate("e => e.scrollHeight > e.clientHeight + 200")
    box.evaluate("e => { e.scrollTop = e.scrollHeight }")
    place = "e => e.querySelector('thead th').getBoundingClientRect().top - e.getBoundingClientRect().top"
    assert abs(box.evaluate(place)) < 2
    figures = page.locator("#en-figures ~ .scroll").first
    assert figures.evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    page.emulate_media(media="print")
    assert box.evaluate("e => e.scrollHeight <= e.clientHeight + 1")


def test_the_table_of_all_models_sorts_within_a_figure(browser: Browser, address: str) -> None:
    watched = Watched(browser, address)
    table = watched.page.locator("#en-models ~ .scroll table").first
    first = table.locator("tbody").first

    def values() -> list[float]:
        return [float(text.split()[0]) for text in first.locator("tr td:nth-child(2)").all_text_contents()]

    before = values()
    table.locator("thead th").nth(1).get_by_role("button").click()
    assert values() == sorted(before) and len(before) == 4
    watched.page.locator("#en-models ~ .filter input").first.fill("half")
    shown = table.locator("tbody tr:visible th bdi").all_text_contents()
    assert shown and set(shown) == {"half"}
    watched.refused_nothing(address)


def test_the_words_of_the_map_are_as_large_on_a_phone(browser: Browser, address: str) -> None:
    page = Watched(browser, address, width=360).page
    height = "e => e.getBoundingClientRect().height"
    assert page.locator("#en-map ~ .charts .legend text").first.evaluate(height) > 10
