"""How the form of an answer is asked for: found out once, remembered, and strict whatever comes of it."""

from __future__ import annotations

import json

import pytest

from faqtune.errors import UserError
from fault_server import PROBED, Raw, Reply, Status, is_probe, oracle


def takes(*forms, otherwise):
    """A server that knows some forms, and answers others with an error or with prose."""

    def act(number, body):
        form = body.get("response_format", {"type": "text"})["type"]
        if form not in forms:
            return otherwise
        return Reply(PROBED) if is_probe(body) else oracle(number, body)

    return act


REFUSES, IGNORES = Status(400, "response_format is not supported"), Reply("Sure! Here is my answer: bcdf")


@pytest.mark.parametrize(
    ("forms", "otherwise", "found"),
    [
        (("json_schema", "json_object", "text"), REFUSES, "json_schema"),
        (("json_object", "text"), REFUSES, "json_object"),
        (("json_object", "text"), IGNORES, "json_object"),
        (("json_object", "text"), Status(500, "grammar"), "json_object"),
        (("json_object", "text"), Status(422, "unknown field"), "json_object"),
        (("text",), REFUSES, "text"),
        (("text",), IGNORES, "text"),
    ],
)
def test_the_strictest_form_that_works_is_taken(forms, otherwise, found, serve, ask_server, item, request_of):
    server = serve(takes(*forms, otherwise=otherwise), probes=False)
    outcome = ask_server(server, [request_of(item())])
    used = [body.get("response_format", {"type": "text"})["type"] for body in server.requests if not is_probe(body)]
    assert used == [found]
    assert outcome.answered == 1


def test_it_is_found_out_once(serve, ask_server, item, request_of):
    server = serve(takes("text", otherwise=REFUSES), probes=False)
    ask_server(server, [request_of(item("一"))])
    before = len(server.requests)
    ask_server(server, [request_of(item("二"))])
    assert len(server.requests) == before + 1
    assert not is_probe(server.requests[-1])


def test_a_server_that_refuses_everything_later_is_probed_anew(serve, ask_server, item, request_of):
    server = serve(takes("json_schema", "json_object", "text", otherwise=REFUSES), probes=False)
    ask_server(server, [request_of(item("一"))])
    server.script = lambda number, body: Status(404, "no such model")
    assert ask_server(server, [request_of(item("二"))]).stopped
    server.script = takes("json_object", "text", otherwise=REFUSES)
    assert ask_server(server, [request_of(item("二"))]).answered == 1


@pytest.mark.parametrize(
    ("fault", "advice"), [(Status(401, "who are you"), "FAQTUNE_LLM_KEY"), (Status(404, "model"), "llm.model")]
)
def test_what_is_wrong_is_said_before_anything_is_asked(fault, advice, serve, ask_server, item, request_of):
    server = serve(lambda number, body: fault, probes=False)
    with pytest.raises(UserError) as caught:
        ask_server(server, [request_of(item())])
    assert advice in caught.value.next_step
    assert len(server.requests) == 1


def test_a_page_of_html_is_no_server(serve, ask_server, item, request_of):
    server = serve(lambda number, body: Raw(b"<html>hello</html>"), probes=False)
    with pytest.raises(UserError, match="not the response of a model"):
        ask_server(server, [request_of(item())])


@pytest.mark.parametrize("gives", [True, False])
def test_log_probabilities_are_asked_for_only_where_they_come(gives, serve, ask_server, item, request_of, tmp_path):
    from faqtune.label.llm import open_cache

    def act(number, body):
        if not gives and body.get("logprobs"):
            return Status(400, "logprobs is not supported")
        text = PROBED if is_probe(body) else oracle(number, body).content
        choice = json.loads(text)["choice"]
        before, after = text.split(choice, 1)
        # The id in two tokens, of e^-0.1 and e^-0.2; the others count for nothing.
        tokens = [(before, -3.0), (choice[:2], -0.1), (choice[2:], -0.2), (after, -3.0)]
        return Reply(text, logprobs=tokens)

    server = serve(act, probes=False)
    request = request_of(item())
    assert ask_server(server, [request], logprobs=True).answered == 1
    assert server.requests[-1].get("logprobs", False) is gives
    with open_cache(tmp_path / "answers.db") as cache:
        probability = cache.get(request.key).probability
    assert probability == pytest.approx(2.718281828**-0.3 if gives else 1.0)
