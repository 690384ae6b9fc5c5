"""The page in a real browser: by keyboard alone, in two languages, on a narrow screen, through a dead server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faqtune import claims

IMAGES = Path(__file__).parents[3] / "docs" / "images"
DRAW_IMAGES = "FAQTUNE_DRAW_IMAGES"
"""Set it to draw the pictures of the documents anew."""
VIEWS = ("annotate", "progress", "disagreements", "gaps", "proposals", "tune")
SAVED = "() => document.querySelector('#saved').textContent.startsWith('已全部保存')"

SHOWN = "document.querySelector('#asked')?.innerText.split('\\n').at(-1)"
THIS = f"text => {SHOWN} === text"
OTHER = f"text => document.querySelector('.offer, .empty p') && {SHOWN} !== text"


@pytest.fixture
def page(person: Any, visit: Callable[..., Any]) -> Any:
    return visit(person.address)


def shown(page: Any) -> str:
    return str(page.locator("#asked").inner_text()).split("\n")[-1]


def next_item(page: Any, *keys: str) -> None:
    """Press keys of which the last one saves, and wait for the item after it: on the same press, not on a reply."""
    before = shown(page)
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_function(OTHER, arg=before)


def picture(page: Any, name: str) -> None:
    """For the documents; only on request, since no two browsers draw the same pixels."""
    if os.environ.get(DRAW_IMAGES):
        page.screenshot(path=IMAGES / name)


def test_thirty_items_by_keyboard_only(page: Any, person: Any) -> None:
    picture(page, "annotate.png")
    used = ["1", "2", "3", "4", "5", ("0", "1"), ("0", "2"), ("0", "3"), ("0", "4"), "s"] * 3
    for keys in used:
        next_item(page, *keys)
    page.wait_for_function(SAVED)
    done = person.acts()
    assert [act.data["what"] for act in done] == (["pick"] * 5 + ["none"] * 4 + ["skip"]) * 3
    assert [act.data["reason"] for act in done[5:9]] == ["chitchat", "unclear", "unsupported", "several"]
    assert len({act.data["item"] for act in done}) == 30
    assert len(person.claims()) == 27
    picked = [act for act in done if act.data["what"] == "pick"]
    assert [act.data["entries"][0] for act in picked] == [act.data["candidates"][n % 5] for n, act in enumerate(picked)]


def test_the_next_item_is_there_before_the_server_has_answered(page: Any, person: Any) -> None:
    page.wait_for_timeout(500)
    page.route("**/api/**", lambda route: None)
    for _ in range(3):
        next_item(page, "1")
    assert "正在保存 3 条" in page.locator("#saved").inner_text()


def test_undo_goes_back_step_by_step_also_after_a_restart(serve: Callable[..., Any], visit: Callable[..., Any]) -> None:
    served = serve()
    page = visit(served.addresses["王敏"])
    person = served.person("王敏")
    seen = []
    for key in ("1", "2", "s"):
        seen.append(shown(page))
        next_item(page, key)
    page.keyboard.press("u")
    page.wait_for_function(THIS, arg=seen[2])
    page.wait_for_function(SAVED)
    served.kill()
    served.start()
    again = visit(served.addresses["王敏"])
    for text in (seen[1], seen[0]):
        again.keyboard.press("u")
        again.wait_for_function(THIS, arg=text)
    again.keyboard.press("u")
    again.wait_for_selector("#alarm p")
    assert person.acts() == []
    assert person.claims() == []
    assert len(claims.history(served.folder / "claims.db")) == 2


@pytest.mark.parametrize(("typed", "entry"), [("fahuo", "e0"), ("tkdz", "e4"), ("发票", "e5"), ("abroad", "e10")])
def test_the_search_finds_by_pinyin_by_initials_and_by_words(page: Any, person: Any, typed: str, entry: str) -> None:
    before = shown(page)
    page.keyboard.press("/")
    page.locator("#search").fill(typed)
    page.wait_for_selector("[role=option][aria-selected=true]")
    if typed == "fahuo":
        picture(page, "annotate-search.png")
    # The first hit of fahuo may be another entry with 发货: go down to the one that is meant.
    options = page.locator("[role=option] strong").all_inner_texts()
    wanted = {"e0": "付款后多久能发货", "e4": "退款多久到账", "e5": "能开发票吗", "e10": "Do you ship abroad"}[entry]
    for _ in range(options.index(wanted)):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function(OTHER, arg=before)
    page.wait_for_function(SAVED)
    assert [act.data["entries"] for act in person.acts()] == [[entry]]


def test_composing_with_an_input_method_never_saves_anything(page: Any, person: Any) -> None:
    before = shown(page)
    devtools = page.context.new_cdp_session(page)
    page.keyboard.press("/")
    page.locator("#search").wait_for()
    devtools.send("Input.imeSetComposition", {"text": "fa'huo", "selectionStart": 6, "selectionEnd": 6})
    page.wait_for_timeout(300)
    # Enter that takes the letters as they are, space and digits that choose among characters, Escape that stops.
    for key in ("Enter", " ", "1", "2", "Escape"):
        devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "windowsVirtualKeyCode": 229, "key": key})
    page.evaluate(
        """() => { for (const target of [document.body, document.querySelector("#search")])
            for (const key of ["1", "0", "Enter", "s", "u"]) {
                target.dispatchEvent(new KeyboardEvent("keydown", { key, isComposing: true, bubbles: true }));
                target.dispatchEvent(new KeyboardEvent("keydown", { key, keyCode: 229, bubbles: true })); } }"""
    )
    devtools.send("Input.insertText", {"text": "发货"})
    page.wait_for_selector("[role=option]")
    assert page.locator("#search").input_value() == "发货"
    assert person.acts() == []
    page.keyboard.press("Escape")
    page.locator("#search").wait_for(state="detached")
    assert shown(page) == before


def test_a_note_is_flagged_and_several_entries_are_marked(page: Any, person: Any) -> None:
    before = shown(page)
    page.keyboard.press("f")
    page.keyboard.type("请主管看 <b>一下</b>")
    page.keyboard.press("Enter")
    page.wait_for_function(OTHER, arg=before)
    page.keyboard.press("m")
    page.keyboard.press("1")
    page.keyboard.press("3")
    page.keyboard.press("1")
    page.keyboard.press("1")
    next_item(page, "Enter")
    assert "已选 2 个条目" in page.locator("#did").inner_text()
    page.wait_for_function(SAVED)
    flagged, several = person.acts()
    assert (flagged.data["what"], flagged.data["note"]) == ("flag", "请主管看 <b>一下</b>")
    assert several.data["entries"] == [several.data["candidates"][2], several.data["candidates"][0]]


def test_turns_are_added_and_taken_away(page: Any, person: Any) -> None:
    while not page.locator(".turns").count():
        next_item(page, "s")
    alone = shown(page)
    page.keyboard.press("e")
    page.wait_for_function(OTHER, arg=alone)
    longer = shown(page)
    assert longer.endswith(alone)
    page.keyboard.press("Shift+E")
    page.wait_for_function(THIS, arg=alone)
    page.keyboard.press("e")
    page.wait_for_function(THIS, arg=longer)
    next_item(page, "1")
    page.wait_for_function(SAVED)
    assert person.acts()[-1].data["query"]["text"] == longer


def test_nothing_is_lost_while_the_server_is_away(serve: Callable[..., Any], visit: Callable[..., Any]) -> None:
    served = serve()
    page = visit(served.addresses["王敏"])
    person = served.person("王敏")
    page.wait_for_timeout(500)
    served.kill()
    for _ in range(3):
        next_item(page, "1")
    page.wait_for_selector("#alarm p")
    assert "3 条尚未保存" in page.locator("#saved").inner_text()
    served.start()
    page.wait_for_function(SAVED)
    assert len(person.acts()) == 3


def test_the_language_follows_the_browser_and_can_be_switched(person: Any, visit: Callable[..., Any]) -> None:
    page = visit(person.address, locale="en-GB")
    assert page.locator("html").get_attribute("lang") == "en"
    assert "None fits" in page.locator(".actions").inner_text()
    page.locator("#language").press("Enter")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert "都不是" in page.locator(".actions").inner_text()
    page.reload()
    page.wait_for_selector(".offer")
    assert "都不是" in page.locator(".actions").inner_text()


IN_VIEW = """selector => { const found = [...document.querySelectorAll(selector)];
    return found.length && found.every((one) => { const box = one.getBoundingClientRect();
        const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
        return box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth
            && (one === top || one.contains(top)); }); }"""


def long_conversation(route: Any) -> None:
    """Forty turns before what is asked, and twenty after it."""
    answered = route.fetch()
    found = answered.json()
    for item in found["items"]:
        extra = [
            {"number": number, "customer": f"第{number}句话", "agent": "好的，请稍等", "time": "", "asked": False,
             "replied": False} for number in range(100, 140)
        ]  # fmt: skip
        item["lines"] = [*extra, *item["lines"], *extra[:20]]
    route.fulfill(response=answered, json=found)


@pytest.mark.parametrize("size", [(1280, 820), (1366, 768), (1440, 900), (360, 740)])
def test_entries_actions_and_reasons_are_seen_without_scrolling(
    person: Any, visit: Callable[..., Any], size: tuple[int, int]
) -> None:
    width, height = size
    page = visit(person.address, viewport={"width": width, "height": height})
    page.route("**/api/items?*", long_conversation)
    page.reload()
    page.wait_for_selector(".offer")
    assert page.locator(".conversation li").count() > 60
    assert page.evaluate(IN_VIEW, ".conversation .asked")
    assert page.evaluate(IN_VIEW, "#asked")
    assert page.evaluate(IN_VIEW, ".actions button")
    place = page.locator(".actions").bounding_box()
    if width > 860:
        assert page.evaluate(IN_VIEW, ".offer")
        assert page.evaluate("document.documentElement.scrollHeight") == height
    page.keyboard.press("0")
    page.wait_for_selector(".reasons")
    assert page.evaluate(IN_VIEW, ".actions button")
    # A hand finds them where the others were.
    assert page.locator(".actions").bounding_box() == place
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    assert page.evaluate(IN_VIEW, ".actions button")
    assert page.locator(".actions").bounding_box() == place


def test_what_was_done_is_shown_with_a_way_back(page: Any, person: Any) -> None:
    first, question = shown(page), page.locator(".offer strong").nth(1).inner_text()
    next_item(page, "2")
    assert question in page.locator("#did").inner_text()
    page.locator("#did button").click()
    page.wait_for_function(THIS, arg=first)
    assert question in page.locator(".was").inner_text()
    page.wait_for_function(SAVED)
    assert person.acts() == []


def test_a_recent_answer_is_changed_without_undoing_what_came_after(page: Any, person: Any) -> None:
    first = shown(page)
    for key in ("1", "2", "3"):
        next_item(page, key)
    now = shown(page)
    page.keyboard.press("h")
    page.wait_for_selector(".recents li")
    assert page.locator(".recents strong").last.inner_text() == first
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_function(THIS, arg=first)
    next_item(page, "4")
    assert shown(page) == now
    page.wait_for_function(SAVED)
    acts = person.acts()
    assert [act.data["candidates"].index(act.data["entries"][0]) for act in acts] == [1, 2, 3]
    assert acts[-1].data["query"]["text"] == first
    assert len(person.claims()) == 3


def test_what_is_flagged_waits_for_somebody_to_deal_with_it(page: Any, person: Any) -> None:
    flagged = shown(page)
    page.keyboard.press("f")
    page.keyboard.type(f"请主管看 {person.name}")
    page.keyboard.press("Enter")
    page.wait_for_function(OTHER, arg=flagged)
    page.locator("nav a[href='#disagreements']").press("Enter")
    page.locator(".rows > li", has_text=f"请主管看 {person.name}").locator("button").press("Enter")
    page.wait_for_function(THIS, arg=flagged)
    assert "请主管看" in page.locator(".said").inner_text()
    next_item(page, "1")
    page.wait_for_function(SAVED)
    assert [act.data["what"] for act in person.acts()] == ["flag", "pick"]


def test_answers_are_shown_in_full_on_request(page: Any) -> None:
    assert not page.locator(".item.full").count()
    page.keyboard.press("a")
    page.wait_for_selector(".item.full")
    page.reload()
    page.wait_for_selector(".item.full")


def test_gaps_of_the_model_are_told_from_those_of_people(page: Any) -> None:
    gap = {"queries": ["q"], "conversations": 3, "examples": [], "nearest": "怎么退货", "nearest_cosine": 0.3}
    guessed, confirmed = (
        {**gap, "title": "有实体店吗", "by_people": 0},
        {**gap, "title": "能货到付款吗", "by_people": 2},
    )

    def look(*gaps: dict[str, Any], more: int = 0) -> tuple[str, str]:
        """`more` groups of the model are not sent, for there are too many."""
        page.unroute("**/api/gaps")
        confirmed = sum(gap["by_people"] > 0 for gap in gaps)
        told = {"gaps": gaps, "count": len(gaps) + more, "confirmed": confirmed}
        page.route("**/api/gaps", lambda route: route.fulfill(json=told))
        page.evaluate("location.hash = 'tune'")
        page.wait_for_selector(".panel")
        page.evaluate("location.hash = 'gaps'")
        page.wait_for_selector(".guessed")
        return page.locator(".confirmed").inner_text(), page.locator(".guessed").inner_text()

    by_people, by_model = look(guessed, confirmed)
    assert "能货到付款吗" in by_people
    assert "有实体店吗" in by_model
    assert "尚未经人确认" in by_model
    # Without labels of people, the next step is said.
    assert "按 0 再按 3" in look(guessed)[0]
    assert "足够接近的条目" in look()[1]
    # How many there are is how many there are, not how many were sent.
    assert "共 901 组" in look(confirmed, guessed, more=900)[1]


def test_a_question_and_a_missing_entry_are_proposed_and_withdrawn(page: Any, person: Any) -> None:
    page.keyboard.press("p")
    page.locator("dialog select").select_option(index=1)
    page.locator("dialog input[type=text]").first.fill("几天到货")
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for(state="detached")
    page.keyboard.press("=")
    page.locator("dialog select").nth(0).select_option(index=1)
    page.locator("dialog select").nth(1).select_option(index=2)
    page.keyboard.press("Tab")
    page.locator("dialog button[type=submit]").press("Enter")
    page.locator("dialog").wait_for(state="detached")
    page.locator("nav a[href='#proposals']").press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.rows > li').length === 2")
    assert "几天到货" in page.locator(".rows").inner_text()
    page.locator(".rows button").first.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.rows > li').length === 1")


def test_tunings_are_points_of_their_own_and_carry_the_projection(person: Any, visit: Callable[..., Any]) -> None:
    """The server's answer with four tunings in it, as a project with trainings has them."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page = visit(person.address, viewport={"width": 360, "height": 1000}, bypass_csp=True)
    reached = {0: 0.41, 40: 0.47, 80: 0.5, 160: 0.52}
    runs = [f"2026-11-23-quick-{n:08d}" for n in reached]
    tunings = [
        {"run": run, "labels": n, "value": value, "low": value - 0.06, "high": value + 0.05, "recipe": "quick",
         "on_purpose": True, "queries": 90, "by_people": n == 0}
        for run, (n, value) in zip(runs, reached.items(), strict=True)
    ]  # fmt: skip

    def with_tunings(route: Any) -> None:
        told = route.fetch().json()
        told["tunings"], told["projected_from"] = tunings, runs
        told["projection"] = {"ahead": 100, "gain": 0.012, "low": 0.001, "high": 0.03, "verdict": "open", "why": ""}
        route.fulfill(json=told)

    page.route("**/api/progress", with_tunings)
    page.evaluate("location.hash = 'progress'")
    page.wait_for_selector("svg.curve")
    assert "从下面的历次微调看，约可提高 +1.2 个百分点" in page.locator(".verdict").inner_text()
    assert page.locator("svg.curve").first.locator("circle").count() == 4
    assert page.locator("svg.curve").first.locator(".bar").count() == 4
    assert page.locator("table").first.locator("tbody tr").count() == 4
    assert "41 %（35 % 至 46 %）" in page.locator("table").first.inner_text()
    assert "人工纠正过的地方在这里看不出提高" in page.locator("main").inner_text()
    assert axe.run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.set_viewport_size({"width": 1000, "height": 760})
    picture(page, "annotate-tunings.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_a_narrow_screen_is_wide_enough(
    person: Any, visit: Callable[..., Any], scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page = visit(person.address, viewport={"width": 360, "height": 740}, color_scheme=scheme, bypass_csp=True)

    def check(where: str) -> None:
        found = axe.run(page).response["violations"]
        told = [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found]
        assert told == [], where
        assert page.evaluate("document.documentElement.scrollWidth") == 360, where

    for view in VIEWS:
        page.evaluate("view => { location.hash = view; }", view)
        page.wait_for_timeout(150)
        check(view)
    page.evaluate("location.hash = 'annotate'")
    page.wait_for_selector(".offer")
    if scheme == "light":
        picture(page, "annotate-narrow.png")
    for keys, closing in (
        ("0", "Escape"),
        ("m", "Escape"),
        ("/", "Escape"),
        ("f", "Escape"),
        ("p", "Escape"),
        ("?", "Escape"),
    ):
        page.keyboard.press(keys)
        page.wait_for_timeout(100)
        check(f"after {keys}")
        page.keyboard.press(closing)
    if scheme == "dark":
        page.set_viewport_size({"width": 1280, "height": 900})
        picture(page, "annotate-dark.png")
