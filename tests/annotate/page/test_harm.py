"""Text that would be markup or script if anything read it so: through every field, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from faqtune.annotate.store import ANSWER, Store

MARKS = "window.harm.push('ran')"
PAYLOADS = (
    f"<script>{MARKS}</script>",
    f'<img src=x onerror="{MARKS}">',
    f'"><svg onload="{MARKS}">',
    f'\'><iframe srcdoc="<script>parent.{MARKS}</script>">',
    f'<a href="javascript:{MARKS}">发货</a>',
    f"</title><script>{MARKS}</script>",
    f"<style>@import 'http://evil.example/x'</style><details open ontoggle={MARKS}>",
    f"{{{{constructor.constructor('{MARKS}')()}}}}${{{MARKS}}}",
    f'<math><mtext></form><form><mglyph><style></math><img src onerror="{MARKS}">',
    f"\u202e<b onmouseover={MARKS}>\x00\x1b[2J</b>",
    f'<meta http-equiv="refresh" content="0;url=javascript:{MARKS}"><base href="http://evil.example/">',
    f"<input autofocus onfocus={MARKS}><video><source onerror={MARKS}>",
)


@pytest.fixture
def harmful(world: ModuleType, tmp_path: Path) -> Any:
    """A session in which every text that comes from outside is a payload."""
    from faqtune.records import Conversation, Entry, Turn

    logs = []
    for number, payload in enumerate(PAYLOADS):
        turns = (
            Turn(payload, ""),
            Turn(f"{number}{payload}", payload, payload),
            Turn(f"发货{payload}", f"回复{payload}"),
        )
        logs.append(Conversation(f"{payload}{number}", turns, payload))
    entries = [
        Entry(f"{number}{payload}"[:200], (f"{payload}{number}", payload), f"答{payload}", payload, payload)
        for number, payload in enumerate(PAYLOADS)
    ]
    return world.open_world(tmp_path, world.material(logs, entries))


@pytest.fixture
def address(harmful: Any, world: ModuleType, tmp_path: Path) -> Any:
    """The same, served in this process."""
    import socket
    import threading
    import time

    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app, people = world.application(tmp_path, harmful, [PAYLOADS[1][:60]], port)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}/enter/{people.token(people.names[0])}"
    server.should_exit = True
    thread.join()


def test_no_text_is_ever_markup(address: str, visit: Callable[..., Any], harmful: Any, tmp_path: Path) -> None:
    requests: list[str] = []
    page = visit(address)
    page.on("request", lambda request: requests.append(request.url))
    seen = set()
    for number in range(10):
        seen.add(page.locator("#asked").inner_text())
        page.locator(".conversation li").first.hover()
        page.keyboard.press("e")
        page.wait_for_timeout(60)
        if number == 0:
            _fill_the_dialogs(page, PAYLOADS[number])
        page.keyboard.press("1")
        page.wait_for_timeout(60)
    assert len(seen) > 5
    for view in ("progress", "disagreements", "gaps", "proposals", "tune", "annotate"):
        page.evaluate("view => { location.hash = view; }", view)
        page.wait_for_timeout(250)
    # What was shown was shown as text, and nothing was fetched but from the server itself.
    assert (
        page.locator(
            "main script, main img, main iframe, main style, main svg[onload], main a[href^=javascript]"
        ).count()
        == 0
    )
    origin = address.split("/enter/")[0]
    assert [url for url in requests if not url.startswith(f"{origin}/")] == []
    assert page.evaluate("window.harm") == []
    acts = Store(tmp_path / "annotate.db").standing(ANSWER, "proposal", "same")
    assert {act.kind for act in acts} == {ANSWER, "proposal", "same"}


def _fill_the_dialogs(page: Any, payload: str) -> None:
    page.keyboard.press("/")
    page.locator("#search").fill(payload)
    page.wait_for_selector("[role=option]")
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    page.keyboard.press("p")
    page.locator("dialog select").select_option(index=1)
    page.locator("dialog input[type=text]").first.fill(payload)
    page.locator("dialog input[type=text]").last.fill(payload)
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for(state="detached")
    page.keyboard.press("=")
    page.locator("dialog select").nth(0).select_option(index=1)
    page.locator("dialog select").nth(1).select_option(index=2)
    page.locator("dialog input").fill(payload)
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for(state="detached")
    page.keyboard.press("f")
    page.locator("dialog textarea").fill(payload)
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)


def test_the_policy_would_have_stopped_what_got_through(address: str, visit: Callable[..., Any]) -> None:
    """The test above cannot fail for the wrong reason: markup that is put in does run into the policy."""
    page = visit(address)
    stopped = page.evaluate(
        """() => { try { document.body.innerHTML = "<img src=x onerror='window.harm.push(1)'>"; return "no"; }
            catch (error) { return error.name; } }"""
    )
    assert stopped == "TypeError"
    page.wait_for_timeout(100)
    assert any("trusted-types" in harm for harm in page.evaluate("window.harm"))
    page.evaluate("window.harm.length = 0")
