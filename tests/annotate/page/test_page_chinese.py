"""The Chinese page is Chinese throughout: every view, dialog, error and state of a tuning, with and without labels."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

NAMES = (
    "faqtune", "faqtune annotate", "--annotators", "OSCR@5%", "Krippendorff’s alpha", "JSONL", "JSON", "Argilla",
    "Label Studio", "default", "pairs", "Do you ship abroad", "ship to Canada?", "Yes, by DHL, to most countries",
    "DHL", "recall@1", "oscr@5", "2026-01-01-default-aaaa", "2026-01-01-default-bbbb", "runs/a/model", "Shift+E",
    "English", "labels.db",
)  # fmt: skip
"""Of programs, measures, models, recipes, settings and keys, and what customers and the catalogue say."""

TEXTS = """() => { const found = []; const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const at = walk.currentNode.parentElement;
        if (!at.closest("kbd, noscript, script, [lang=en]")) found.push(walk.currentNode.data);
    }
    for (const one of document.querySelectorAll("[aria-label], [placeholder], [title]"))
        for (const name of ["aria-label", "placeholder", "title"]) found.push(one.getAttribute(name) ?? "");
    return found; }"""


def english(page: Any) -> list[str]:
    """What stands on the page in Latin words and is no name."""
    found = []
    for text in page.evaluate(TEXTS):
        rest = text
        for name in sorted(NAMES, key=len, reverse=True):
            rest = rest.replace(name, "")
        if re.search(r"[A-Za-z]{2,}", rest):
            found.append(text)
    return found


def go(page: Any, view: str, wait: str) -> None:
    page.evaluate("view => { location.hash = view; }", view)
    page.wait_for_selector(wait)
    page.wait_for_function("() => !document.querySelector('main').innerText.includes('正在加载')")


VIEWS = {
    "annotate": ".offer",
    "progress": ".verdict",
    "disagreements": ".rows",
    "gaps": ".rows",
    "proposals": ".rows",
    "tune": ".panel",
}


def test_every_view_and_dialog_is_chinese(person: Any, visit: Callable[..., Any]) -> None:
    page = visit(person.address)
    for labelled in (False, True):
        for view, wait in VIEWS.items():
            go(page, view, wait)
            assert english(page) == [], (view, labelled)
        if not labelled:
            go(page, "annotate", ".offer")
            for key in ("1", "2", "0", "3"):
                page.keyboard.press(key)
                page.wait_for_timeout(80)
    go(page, "annotate", ".offer")
    for key, wait in {"0": ".reasons", "m": ".actions", "/": "#search", "f": "dialog", "p": "dialog", "=": "dialog",
                      "?": "dialog", "h": "dialog", "a": ".full"}.items():  # fmt: skip
        page.keyboard.press(key)
        page.wait_for_selector(wait)
        assert english(page) == [], key
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")
    page.keyboard.press("/")
    page.locator("#search").fill("fahuo")
    page.wait_for_selector("[role=option]")
    assert english(page) == []


PROJECTIONS = [
    {"verdict": verdict, "gain": 0.02, "low": 0.01, "high": 0.03, "ahead": 100, "why": ""}
    for verdict in ("rising", "flat", "open")
] + [
    {"verdict": "cannot say yet", "gain": None, "low": -0.1, "high": 0.1, "ahead": 100, "why": why}
    for why in ("few", "close", "wide")
]


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda one: one["why"] or one["verdict"])
def test_whatever_the_learning_curve_says_is_said_in_chinese(
    person: Any, visit: Callable[..., Any], projection: dict[str, Any]
) -> None:
    page = visit(person.address)
    page.route("**/api/progress", _with({"projection": projection, "curve": [
        {"labels": 0, "value": 0.1}, {"labels": 50, "value": 0.2}, {"labels": 100, "value": 0.3}]}))  # fmt: skip
    go(page, "progress", ".verdict")
    assert english(page) == []
    assert "undefined" not in page.locator("main").inner_text()
    assert "{" not in page.locator(".verdict").inner_text()


def _with(more: dict[str, Any]) -> Callable[[Any], None]:
    def answer(route: Any) -> None:
        answered = route.fetch()
        route.fulfill(response=answered, json={**answered.json(), **more})

    return answer


RESULT = {
    "run": "2026-01-01-default-bbbb", "base": "2026-01-01-default-aaaa", "hand_labels": {"train": 70, "test": 30},
    "before": {"oscr@5": 0.2}, "after": {"oscr@5": 0.3}, "tables": None, "taken_over": True, "why": "",
    "not_measured": "test: only 3 queries with an entry, too few for an honest figure", "model": "runs/a/model",
}  # fmt: skip
STATES: dict[str, dict[str, Any]] = {
    "counting": {"status": "running", "what": "training steps (loss 0.123)", "done": 1, "total": 4, "lines": ["a b"]},
    "saying": {"status": "running", "what": "", "lines": ["measuring both models on the test part"]},
    "working": {"status": "running", "what": "", "lines": ["stage 1: something that has no Chinese"]},
    "failed": {"status": "failed", "problem": "labels.db: No space left on device", "next": "add it"},
    "none trains": {"status": "failed", "problem": "none of the 4 hand labels trains",
                    "next": "set human_labels_for_training under [split] in faqtune.toml, e.g. 0.7, or label more"},
    "cancelled": {"status": "cancelled"},
    "better": {"status": "done", "result": RESULT},
    "not better": {"status": "done", "result": {**RESULT, "taken_over": False, "why": "selection"}},
    "worse": {"status": "done", "result": {**RESULT, "taken_over": False, "why": "calibration"}},
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_every_state_of_a_tuning_is_said_in_chinese(person: Any, visit: Callable[..., Any], name: str) -> None:
    from faqtune.annotate.routes import told

    fields = {"what": "", "done": 0, "total": 0, "lines": [], "problem": "", "next": "", "result": None, "started": 1}
    state = told({**fields, "recipe": "default", **STATES[name]})
    page = visit(person.address)
    page.route("**/api/tuning", _with(json.loads(json.dumps(state))))
    go(page, "tune", "progress, .panel")
    assert english(page) == []
    assert "undefined" not in page.locator("main").inner_text()


def test_what_goes_wrong_is_said_in_chinese(person: Any, visit: Callable[..., Any]) -> None:
    page = visit(person.address)
    page.route("**/api/answers", _refused("there is no such item", "load the page anew", 400))
    page.keyboard.press("1")
    page.wait_for_selector("#alarm p")
    assert "没有这道题" in page.locator("#alarm").inner_text()
    assert english(page) == []
    page.unroute("**/api/answers")
    page.route("**/api/progress", _refused("annotate.db: database is locked", "", 503))
    page.evaluate("location.hash = 'progress'")
    page.wait_for_function("() => document.querySelector('#alarm').innerText.includes('数据库正被占用')")
    page.unroute("**/api/progress")
    page.route("**/api/gaps", lambda route: route.abort())
    page.evaluate("location.hash = 'gaps'")
    page.wait_for_function("() => document.querySelector('#alarm').innerText.includes('服务器没有响应')")
    page.route("**/api/proposals", lambda route: route.fulfill(status=500, body="Internal Server Error"))
    page.evaluate("location.hash = 'proposals'")
    page.wait_for_function("() => document.querySelector('#alarm').innerText.includes('500')")
    assert english(page) == []


def _refused(problem: str, step: str, status: int) -> Callable[[Any], None]:
    from faqtune.annotate.routes import said

    answer = said(problem, step, status)
    return lambda route: route.fulfill(status=status, body=answer.body, content_type="application/json")


def test_an_old_address_says_in_both_languages_what_to_do(person: Any) -> None:
    import urllib.error
    import urllib.request

    for path in ("/", "/enter/an-old-one"):
        asked = urllib.request.Request(f"{person.served.origin}{path}", headers={"accept": "text/html"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=20)
        text = refused.value.read().decode()
        assert refused.value.code == 401
        assert "请打开 faqtune annotate 显示的地址" in text
        assert "open the address that" in text
