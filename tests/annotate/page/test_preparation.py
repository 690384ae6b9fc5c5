"""The page has an address at once: what is made ready meanwhile is shown, can be stopped, and is waited for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

from faqtune.annotate.people import People, project_secret
from faqtune.annotate.preparation import Preparation, Stopped
from faqtune.annotate.server import make_app
from faqtune.errors import UserError
from faqtune.progress import Reporter

SECONDS = 20.0


class Slow:
    """Making ready that goes on when a test says so: 30 of 40 texts are encoded until `go` is set."""

    def __init__(self, world: ModuleType, folder: Path, error: Exception | None = None) -> None:
        self.world, self.folder, self.error = world, folder, error
        self.go, self.failed, self.stopped = Event(), Event(), Event()
        self.preparation = Preparation(self.make)
        people = People(["王敏"], project_secret(folder))
        self.app = make_app(self.preparation, people, "faqtune-80")
        self.path, self.csrf = f"/enter/{people.token('王敏')}", people.csrf("王敏")

    def make(self, reporter: Reporter) -> Any:
        reporter.say("reading")
        reporter.advance("texts encoded", 10, 40)
        reporter.advance("texts encoded", 30, 40)
        while not self.go.wait(0.01):
            try:
                reporter.advance("texts encoded", 30, 40)
            except Stopped:
                self.stopped.set()
                raise
        if self.error is not None:
            raise self.error
        return self.world.open_world(self.folder), self.world.idle_tuner(self.folder)


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
    return found


def test_the_page_is_there_and_says_how_far_it_is_before_anything_is_ready(world: ModuleType, tmp_path: Path) -> None:
    slow = Slow(world, tmp_path)
    slow.preparation.start(slow.failed.set)
    with TestClient(slow.app, base_url="http://127.0.0.1:80") as client:
        assert client.get("/api/ready").status_code == 401
        client.get(slow.path)
        assert "faqtune" in client.get("/").text
        state = until(lambda: (found := client.get("/api/ready").json())["done"] == 30 and found)
        assert (state["ready"], state["stage"], state["total"], state["error"]) == (False, "encoding", 40, "")
        assert state["seconds_left"] >= 0
        assert client.get("/api/items").status_code == 503
        slow.go.set()
        until(lambda: client.get("/api/ready").json()["ready"])
        assert client.get("/api/items").json()["items"]
    assert not slow.failed.is_set()
    slow.preparation.stop()


def test_it_is_stopped_in_the_middle(world: ModuleType, tmp_path: Path) -> None:
    slow = Slow(world, tmp_path)
    slow.preparation.start(slow.failed.set)
    until(lambda: slow.preparation.state()["done"])
    slow.preparation.stop()
    assert slow.stopped.is_set()
    assert slow.preparation.made is None
    assert slow.preparation.failure is None
    assert not slow.failed.is_set()


def interrupted(monkeypatch: pytest.MonkeyPatch, before: Event) -> list[threading.Thread]:
    """Ctrl-C in the middle of starting a thread: it exists, and its work begins when `before` is set."""
    begun: list[threading.Thread] = []

    class Interrupted(threading.Thread):
        def start(self) -> None:
            begun.append(threading.Thread(target=self.later))
            begun[0].start()
            raise KeyboardInterrupt

        def later(self) -> None:
            before.wait(SECONDS)
            self.run()

    monkeypatch.setattr("faqtune.annotate.preparation.Thread", Interrupted)
    return begun


def test_ctrl_c_while_its_thread_is_started_ends_it_before_it_begins(
    world: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, before = Slow(world, tmp_path), Event()
    threads = interrupted(monkeypatch, before)
    with pytest.raises(KeyboardInterrupt):
        slow.preparation.start(slow.failed.set)
    slow.preparation.stop()
    before.set()
    threads[0].join(SECONDS)
    # It would have said how far it is.
    assert (slow.preparation.state()["done"], slow.stopped.is_set(), slow.preparation.made) == (0, False, None)


def test_ctrl_c_while_its_thread_is_started_waits_for_what_has_begun(
    world: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, before = Slow(world, tmp_path), Event()
    before.set()
    interrupted(monkeypatch, before)
    with pytest.raises(KeyboardInterrupt):
        slow.preparation.start(slow.failed.set)
    until(lambda: slow.preparation.state()["done"])
    slow.preparation.stop()
    assert slow.stopped.is_set()


def test_what_cannot_be_made_ready_says_why(world: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faqtune.annotate.preparation.SECONDS_TO_READ_WHY", 0.0)
    error = UserError("the model is damaged", "name another one")
    slow = Slow(world, tmp_path, error)
    slow.go.set()
    slow.preparation.start(slow.failed.set)
    assert slow.failed.wait(SECONDS)
    state = slow.preparation.state()
    assert (state["ready"], state["error"], state["next"]) == (False, "the model is damaged", "name another one")
    assert slow.preparation.failure is error


def test_the_search_is_ready_before_somebody_searches(world: ModuleType, tmp_path: Path) -> None:
    slow = Slow(world, tmp_path)
    slow.go.set()
    slow.preparation.start(slow.failed.set)
    until(lambda: slow.preparation.made)
    assert slow.preparation.made is not None
    material = slow.preparation.made[0].material
    assert "queue" in vars(material)
    until(lambda: "search" in vars(material))
    slow.preparation.stop()


@pytest.fixture
def waiting(world: ModuleType, tmp_path: Path) -> Iterator[tuple[Slow, str]]:
    """Served in this process, with everything still to be made ready."""
    import uvicorn

    slow = Slow(world, tmp_path)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(slow.app, log_level="error", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until(lambda: server.started)
    slow.preparation.start(slow.failed.set)
    yield slow, f"http://127.0.0.1:{listener.getsockname()[1]}{slow.path}"
    slow.go.set()
    server.should_exit = True
    thread.join()
    slow.preparation.stop()


def test_a_page_that_was_opened_early_shows_progress_and_then_the_first_item(
    waiting: tuple[Slow, str], browser: Any
) -> None:
    slow, address = waiting
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(".preparing progress[value='0.75']")
    assert "30 / 40" in page.locator("main").inner_text()
    page.locator("nav a[href='#tune']").click()
    page.locator("#language").click()
    page.wait_for_function("() => document.querySelector('main').innerText.includes('30 of 40')")
    page.locator("nav a[href='#annotate']").click()
    slow.go.set()
    page.wait_for_selector(".offer")
    context.close()
