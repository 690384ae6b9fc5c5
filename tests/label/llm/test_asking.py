"""Requests against a server that fails in every way: what is retried, what is counted, what is never a label."""

from __future__ import annotations

import json
import random
import time

import pytest

from faqtune.errors import UserError
from faqtune.label.llm import open_cache
from faqtune.label.llm.limits import Patience, RateLimit, retry_after_seconds
from fault_server import Hang, Raw, Reply, Status, is_probe, offered, oracle


def requests(item, request_of, count):
    return [request_of(item(f"第{number}个问题：几天能发货")) for number in range(count)]


def good(_, body):
    return Reply(json.dumps({"choice": next(iter(offered(body))), "reason": ""}))


@pytest.mark.parametrize(
    "fault",
    [
        Status(429, "slow down"),
        Status(500, "boom"),
        Status(503, "loading model"),
        Hang(0.6),
        Raw(b'{"choices": [{"message": {"content": "{\\"choi', missing=500),
        Raw(b'{"choices": [{"message": {"content": "{\\"choi'),
        Raw(b"<html>502 Bad Gateway</html>"),
        Raw(b""),
        Raw(b'{"choices": []}'),
        Reply(""),
        Reply(None),
    ],
    ids=lambda fault: f"{type(fault).__name__} {str(fault)[:40]}",
)
def test_what_passes_is_tried_again(fault, serve, ask_server, item, request_of):
    server = serve(lambda number, body: fault if number == 0 else good(number, body))
    outcome = ask_server(server, requests(item, request_of, 1), timeout_seconds=0.3)
    assert (outcome.answered, dict(outcome.failures), len(server.prompts)) == (1, {}, 2)


@pytest.mark.parametrize(
    ("fault", "kind", "tries"),
    [
        (Status(500, "boom"), "error of the server (500)", 3),
        (Status(400, "bad field"), "refused (400)", 1),
        (Hang(0.6), "no answer in time", 3),
        (Raw(b"x" * 2_000_000), "too long an answer", 1),
        (Reply('{"choice": "', finish="length"), "cut off: more than llm.most_answer_tokens", 1),
        (Reply("x", finish="content_filter"), "refused by the server's content filter", 1),
        (Reply("I think it is shipping."), "bad answer: no JSON object", 2),
        (Reply('{"choice": "zzzz", "reason": ""}'), "bad answer: an id that was not offered", 2),
        (Reply(json.dumps([{"choice": "none"}])), "bad answer: no JSON object", 2),
        (Reply('{"choice": "none", "reason": "chitchat"}{"choice": "none"}'), "bad answer: no JSON object", 2),
        (Reply('{"choice": "none", "choice": "none", "reason": "chitchat"}'), "bad answer: no JSON object", 2),
        (Reply("[" * 50_000), "bad answer: too long", 2),
        (Reply("[" * 19_000), "bad answer: no JSON object", 2),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_failed_call_is_a_failure_and_never_kept(fault, kind, tries, serve, ask_server, item, request_of, tmp_path):
    server = serve(lambda number, body: fault)
    (request,) = requests(item, request_of, 1)
    outcome = ask_server(server, [request], timeout_seconds=0.3)
    assert (outcome.answered, dict(outcome.failures), len(server.prompts)) == (0, {kind: 1}, tries)
    with open_cache(tmp_path / "answers.db") as cache:
        assert cache.get(request.key) is None


@pytest.mark.parametrize(("code", "advice"), [(401, "key"), (403, "key"), (404, "llm.model"), (302, "llm.address")])
def test_what_cannot_get_better_stops_at_once_and_says_what_to_check(code, advice, serve, ask_server, item, request_of):
    headers = {"Location": "http://127.0.0.1:9/v1"} if code == 302 else {}
    server = serve(lambda number, body: Status(code, "no", headers))
    outcome = ask_server(server, requests(item, request_of, 20))
    assert len(server.prompts) == 1
    assert f"({code})" in outcome.stopped
    assert advice in outcome.next_step


def test_many_failures_in_a_row_stop_the_run(serve, ask_server, item, request_of):
    server = serve(lambda number, body: Status(500, "out of memory"))
    outcome = ask_server(server, requests(item, request_of, 50))
    assert outcome.failures["error of the server (500)"] == 8
    assert "8 requests in a row failed" in outcome.stopped
    assert "out of memory" in outcome.stopped


def test_failures_with_answers_between_do_not(serve, ask_server, item, request_of):
    server = serve(lambda number, body: Status(400) if number % 3 else good(number, body))
    outcome = ask_server(server, requests(item, request_of, 30))
    assert (outcome.answered, outcome.failures["refused (400)"], outcome.stopped) == (10, 20, "")


def test_a_server_that_is_not_there_is_said_with_what_to_check(ask_server, item, request_of):
    with pytest.raises(UserError, match="no connection") as caught:
        ask_server("http://127.0.0.1:9/v1", requests(item, request_of, 1))
    assert "llm.address" in caught.value.next_step


def test_what_was_answered_is_never_asked_again(serve, ask_server, item, request_of):
    server = serve(oracle)
    asked = requests(item, request_of, 6)
    first = ask_server(server, asked)
    second = ask_server(server, [*asked, request_of(item("另一个问题"))])
    assert (first.answered, second.answered, second.known) == (6, 1, 6)
    assert len(server.prompts) == len(set(server.prompts)) == 7


def test_the_same_question_is_asked_once_even_at_the_same_time(serve, ask_server, item, request_of):
    def slow(number, body):
        reply = good(number, body)
        reply.delay_seconds = 0.2
        return reply

    server = serve(slow)
    outcome = ask_server(server, [request_of(item()) for _ in range(6)], concurrency=6)
    assert (outcome.answered, outcome.known, len(server.prompts)) == (1, 5, 1)


def test_retry_after_is_waited_for_by_all(serve, ask_server, item, request_of):
    def busy_once(number, body):
        return Status(429, "slow down", {"Retry-After": "1"}) if number == 0 else good(number, body)

    server = serve(busy_once)
    started = time.monotonic()
    outcome = ask_server(server, requests(item, request_of, 3), concurrency=1)
    assert outcome.answered == 3
    assert time.monotonic() - started >= 1.0
    later = [at for at, body in zip(server.times, server.requests, strict=True) if not is_probe(body)]
    assert later[1] - later[0] >= 1.0


def test_no_more_requests_run_at_once_than_asked_for(serve, ask_server, item, request_of):
    def slow(number, body):
        reply = good(number, body)
        reply.delay_seconds = 0.05
        return reply

    server = serve(slow)
    assert ask_server(server, requests(item, request_of, 24), concurrency=4).answered == 24
    assert 2 <= server.most_at_once <= 4


def test_the_budget_ends_a_run_before_it_is_exceeded(serve, ask_server, item, request_of):
    """A request is estimated at 100 + 20 tokens and takes 100 + 10: at 10 per million 0.0011 each."""
    server = serve(good)
    outcome = ask_server(
        server, requests(item, request_of, 50), price_read=10.0, price_written=10.0, budget=0.0058, concurrency=3
    )
    assert outcome.answered == 5
    assert outcome.usage.read == 500
    assert "budget" in outcome.stopped


def test_the_key_is_sent_and_never_shown(serve, item, request_of, tmp_path):
    from faqtune.config import LlmConfig
    from faqtune.label.llm import ask

    server = serve(lambda number, body: Status(401, "Incorrect API key provided: sk-secret-1234567890"))
    config = LlmConfig(address=server.address, model="m")
    with open_cache(tmp_path / "a.db") as cache:
        outcome = ask(config, "sk-secret-1234567890", cache, requests(item, request_of, 1), lambda done: None)
    assert server.headers[-1]["authorization"] == "Bearer sk-secret-1234567890"
    assert "sk-secret" not in outcome.stopped + str(outcome.examples)
    assert b"sk-secret" not in (tmp_path / "a.db").read_bytes()


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize(
    ("limits", "tokens", "count"), [((7, 0), 1, 100), ((0, 1000), 90, 60), ((5, 1000), 300, 40), ((0, 100), 500, 5)]
)
def test_no_minute_holds_more_than_the_limit(limits, tokens, count):
    import asyncio

    clock = Clock()
    limit = RateLimit(*limits, clock=clock, sleep=clock.sleep)
    times = []

    async def run():
        for _ in range(count):
            await limit.wait(tokens)
            times.append(clock.now)
            clock.now += 0.01

    asyncio.run(run())
    for start in times:
        inside = sum(start <= at < start + 60 for at in times)
        assert not limits[0] or inside <= limits[0]
        assert not limits[1] or inside * tokens <= limits[1] or inside == 1
    if limits == (7, 0):
        assert times[-1] < 60 * (count // 7 + 1)


def test_pauses_grow_and_differ():
    patience, chance = Patience(first_seconds=1.0, longest_seconds=8.0), random.Random(1)
    pauses = [[patience.pause_seconds(failures, chance) for _ in range(50)] for failures in range(1, 7)]
    for failures, some in enumerate(pauses):
        whole = min(8.0, 2.0**failures)
        assert all(whole / 2 <= pause <= whole for pause in some)
        assert len(set(some)) > 40


def test_retry_after_may_be_a_date_or_nonsense():
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    assert retry_after_seconds("Thu, 01 Jan 2026 12:00:30 GMT", lambda: now) == 30
    assert retry_after_seconds("Thu, 01 Jan 2026 11:00:00 GMT", lambda: now) == 0
    assert retry_after_seconds("1e9", lambda: now) == 600
    assert retry_after_seconds("nan", lambda: now) is None
    assert retry_after_seconds("", lambda: now) is None
