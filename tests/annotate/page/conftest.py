"""For the tests of what people do: the shop of `world.py`, in this process or served by another one."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from faqtune import claims
from faqtune.annotate.store import ANSWER, Act, Store
from faqtune.records import Claim

for needed in ("fastapi", "uvicorn", "pypinyin", "xlsxwriter"):
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed (the extra `annotate`)", allow_module_level=True)

WORLD = Path(__file__).with_name("world.py")
SECONDS_TO_START = 60


@pytest.fixture(scope="session")
def world() -> ModuleType:
    spec = importlib.util.spec_from_file_location("annotated_world", WORLD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Served:
    """A server process of `world.py` that can be killed and started again on the same port."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder, self.names = folder, list(names)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.addresses: dict[str, str] = {}
        self.process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, str(WORLD), str(self.folder), str(self.port), ",".join(self.names)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
        assert self.process.stdout is not None
        self.addresses = json.loads(self.process.stdout.readline())
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.origin}/static/icon.svg", timeout=5).read()
                return
            except OSError:
                time.sleep(0.02)
        raise TimeoutError("the server does not answer")

    def person(self, name: str) -> Person:
        return Person(self, name)

    def kill(self) -> None:
        """As a power cut does: SIGKILL, in the middle of whatever it does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass(frozen=True)
class Person:
    """Somebody at a server that others use too: what they did is told apart by their name."""

    served: Served
    name: str

    @property
    def address(self) -> str:
        return self.served.addresses[self.name]

    def acts(self) -> list[Act]:
        """What they answered and did not take back."""
        store = Store(self.served.folder / "annotate.db")
        found = [act for act in store.standing(ANSWER) if act.by == self.name]
        store.close()
        return found

    def claims(self) -> list[Claim]:
        """What they say, in force."""
        said = claims.read(self.served.folder / "claims.db")
        return [claim for claim in said if claim.by == f"human:{self.name}"]


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Person]]:
    """A server for all tests that do not kill it, and a new person for each."""
    served = Served(tmp_path_factory.mktemp("crowd"), [f"王敏{number}" for number in range(99)])
    yield (Person(served, name) for name in served.names)
    served.kill()


@pytest.fixture
def person(crowd: Iterator[Person]) -> Person:
    return next(crowd)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def make(names: Sequence[str] = ("王敏",), folder: Path | None = None) -> Served:
        started.append(Served(folder or tmp_path, names))
        return started[-1]

    yield make
    for served in started:
        served.kill()


CHROMIUM = "/usr/bin/chromium"
WATCH = """
window.harm = [];
window.addEventListener("securitypolicyviolation", (e) => window.harm.push(`policy ${e.violatedDirective}`));
window.alert = window.confirm = window.prompt = (text) => { window.harm.push(`dialog ${text}`); };
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, without a window. While it is there its loop runs in this thread, so no other test may need one."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM}: the page was not tested")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: the page was not tested"
    )
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page; afterwards nothing may have gone wrong in it, nor have been stopped by its policy."""
    opened = []

    def open_page(address: str, **options: Any) -> Any:
        context = browser.new_context(**{"locale": "zh-CN", "viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(60_000)
        context.add_init_script(WATCH)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: (errors.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(address)
        # The first time, the command is still loading its model.
        page.wait_for_selector(".offer, .empty p", timeout=180_000)
        opened.append((context, page, errors))
        return page

    yield open_page
    for context, page, errors in opened:
        assert errors == []
        assert page.evaluate("window.harm") == []
        context.close()
