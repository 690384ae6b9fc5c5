"""A question in two languages, settings for the fault server, and a way to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from faqtune.config import LlmConfig
from faqtune.label.llm import Candidate, Item, Line, Outcome, Request, Usage, ask, judge_prompt, open_cache, read_answer
from faqtune.label.llm.limits import Patience
from faqtune.records import Catalogue
from fault_server import FaultServer, Script, answering

SECRET = b"secret of the tests"
AT_ONCE = Patience(tries=3, first_seconds=0.001, longest_seconds=0.002)


@pytest.fixture
def serve() -> Iterator[Callable[..., FaultServer]]:
    """Starts a fault server; its probes are answered well unless `probes` is False."""
    with ExitStack() as stack:

        def start(script: Script, *, probes: bool = True) -> FaultServer:
            return stack.enter_context(FaultServer(answering(script) if probes else script).running())

        yield start


@pytest.fixture
def candidates(shop: Catalogue) -> tuple[Candidate, ...]:
    return tuple(Candidate(entry.id, entry.questions, entry.answer) for entry in shop)[:6]


@pytest.fixture
def item(candidates: tuple[Candidate, ...]) -> Callable[..., Item]:
    def make(text: str = "我的订单几天能发出来", reply: str = "亲，付款后48小时内发货的哦") -> Item:
        return Item((Line("customer", text, marked=True), Line("reply", reply)), candidates)

    return make


@pytest.fixture
def request_of() -> Callable[..., Request]:
    """An item as a request, as labelling makes it."""

    def make(item: Item, vote: int = 0, language: str = "zh", model: str = "m") -> Request:
        prompt = judge_prompt(item, vote, SECRET, language, masked=True)

        def read(text: str) -> str:
            answer = read_answer(text, prompt.ids)
            return next((name for name, entry in prompt.ids.items() if entry == answer.entry), answer.reason)

        return Request(prompt.key(model, "", vote), prompt, read, Usage(100, 20))

    return make


@pytest.fixture
def ask_server(tmp_path: Path) -> Callable[..., Outcome]:
    """Asks a server, by default once at a time and with pauses of a millisecond; the cache is the test's own."""

    def run(
        server: FaultServer | str, requests: list[Request], patience: Patience = AT_ONCE, **settings: Any
    ) -> Outcome:
        address = server if isinstance(server, str) else server.address
        config = LlmConfig(address=address, model="m", **{"concurrency": 1, "timeout_seconds": 5.0, **settings})
        with open_cache(tmp_path / "answers.db") as cache:
            return ask(config, "no-key", cache, requests, lambda done: None, patience)

    return run
