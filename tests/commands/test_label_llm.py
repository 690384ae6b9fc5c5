"""`label --llm` on the tea shop with a server that answers by what texts have in common, and with servers that fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from faqtune import UserError, Workspace, claims, label_queries, make_split
from faqtune.alone import alone_with
from faqtune.annotate.decisions import Decision
from faqtune.commands.annotate import open_session, set_share
from faqtune.commands.label_llm import label_with_llm
from faqtune.commands.llm.items import to_ask
from faqtune.commands.llm.plan import open_plan
from faqtune.commands.llm.work import work_of
from faqtune.commands.project.assemble import load_project
from faqtune.commands.project.settled import settled_now
from faqtune.label import place_of, settle
from faqtune.progress import Silent
from faqtune.records import Claim
from fault_server import FaultServer, Reply, Script, Status, answering, is_probe, marked, oracle, text_of

BY = "llm:oracle"


@pytest.fixture
def serve() -> Iterator[Callable[[Script], FaultServer]]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(FaultServer(answering(script)).running())


def _point_to(workspace: Workspace, server: FaultServer | str, **settings: object) -> None:
    """The shop with a language model; `settings` as the TOML of [llm]."""
    text = workspace.config_path.read_text(encoding="utf-8").partition("\n[llm]")[0]
    address = server if isinstance(server, str) else server.address
    told = {"address": address, "model": "oracle", "concurrency": 2, "confident": 1.0, **settings}
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    workspace.config_path.write_text("\n".join([text, "[llm]", *lines, ""]), encoding="utf-8")


def _said(workspace: Workspace) -> dict[str, tuple[str | None, float]]:
    found = claims.read(workspace.claims_path)
    return {claim.query: (claim.entry, claim.confidence) for claim in found if claim.by == BY}


def test_the_model_labels_what_is_open_and_is_measured_against_people(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    server = serve(oracle)
    _point_to(tuned_shop, server)
    made = label_with_llm(tuned_shop)

    queries = {query.id: query for query in tuned_shop.queries()}
    said = _said(tuned_shop)
    people = {
        (queries[c.query].conversation, queries[c.query].turns[-1]): c.entry
        for c in claims.read(tuned_shop.claims_path)
        if c.is_human
    }
    both = [
        (entry, people[place])
        for query, (entry, _) in said.items()
        if (place := (queries[query].conversation, queries[query].turns[-1])) in people
    ]
    assert made.queries * 3 == len(server.prompts) == made.requests
    assert set(said) <= set(queries)
    assert made.labelled == sum(entry is not None for entry, _ in said.values()) > 30
    assert made.precision.compared == sum(entry is not None for entry, _ in both) > 10
    assert made.precision.right == sum(entry is not None and entry == human for entry, human in both) > 5
    assert made.precision_of_none.compared == sum(entry is None for entry, _ in both)
    assert made.labelled + sum(made.nothing.values()) + made.disagreed == made.queries
    # Three votes that agree: Laplace's 4/5. The oracle is the same whatever the order, so all do.
    assert {confidence for _, confidence in said.values()} == {0.8}
    assert made.tokens_read == 100 * made.requests


def test_what_asks_for_several_entries_that_nobody_named_judges_no_model(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    _point_to(tuned_shop, serve(oracle), votes=1)
    before = label_with_llm(tuned_shop)
    people = {claim.query for claim in claims.read(tuned_shop.claims_path) if claim.is_human}
    both = next(query for query, (entry, _) in _said(tuned_shop).items() if query in people and entry is not None)
    claims.append(tuned_shop.claims_path, [Claim(both, None, "human:王敏", 1.0, reason="several")])
    after = label_with_llm(tuned_shop)
    assert after.precision.compared == before.precision.compared - 1
    assert after.precision_of_none == before.precision_of_none


def test_labels_of_all_sources_are_decided_together_and_stay_when_the_rules_label_anew(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    _point_to(tuned_shop, serve(oracle), votes=1)
    label_with_llm(tuned_shop)
    said = _said(tuned_shop)
    assert label_queries(tuned_shop).skipped, "labels of a language model are no reason to label by rules again"
    make_split(tuned_shop)
    by_llm = {q for q, decision in load_project(tuned_shop).decisions.items() if BY in decision.sources}
    assert len(by_llm) > 20
    label_queries(tuned_shop, force=True)
    assert _said(tuned_shop) == said
    assert set(said) <= {query.id for query in tuned_shop.queries()}


def test_what_is_asked_goes_by_the_confidence_that_decide_shows(tuned_shop: Workspace) -> None:
    """People found the rules wrong on turns that train: what the rules alone say is then asked about."""
    _point_to(tuned_shop, "http://127.0.0.1:9/v1", confident=0.6)
    set_share(tuned_shop, 0.9)
    rules = [claim for claim in claims.read(tuned_shop.claims_path) if not claim.is_human]
    wrong = [Claim(c.query, None, "human:王敏", 1.0, act=c.query, reason="unsupported") for c in rules[::2]]
    claims.append(tuned_shop.claims_path, wrong)
    make_split(tuned_shop)
    queries, config = tuned_shop.queries(), tuned_shop.config()
    own_word, weighed = settle(claims.read(tuned_shop.claims_path), queries), load_project(tuned_shop).decisions
    assert settled_now(tuned_shop, queries) == weighed != own_word
    asked, fewer = (
        to_ask(config, tuned_shop.conversations(), queries, said, everything=False) for said in (weighed, own_word)
    )
    with closing(open_plan(tuned_shop)) as plan:
        work = work_of(tuned_shop, plan, "", everything=False, reporter=Silent())
    assert [one.place for one in work.asked] == [one.place for one in asked]
    assert len(asked) > len(fewer)


def test_a_second_run_asks_and_changes_nothing(tuned_shop: Workspace, serve: Callable[[Script], FaultServer]) -> None:
    server = serve(oracle)
    _point_to(tuned_shop, server)
    first = label_with_llm(tuned_shop)
    said, asked = _said(tuned_shop), len(server.requests)
    second = label_with_llm(tuned_shop)
    assert len(server.requests) == asked
    assert _said(tuned_shop) == said
    assert (second.requests, second.labelled, second.cost) == (0, first.labelled, 0)


def test_a_limit_takes_more_each_time_until_all_is_asked(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    server = serve(oracle)
    _point_to(tuned_shop, server, votes=1)
    counts = []
    for _ in range(3):
        label_with_llm(tuned_shop, limit=10)
        counts.append(len(server.prompts))
    assert counts == [10, 20, 30]
    once = len(_said(tuned_shop))
    assert len(server.prompts) == len(set(server.prompts))
    made = label_with_llm(tuned_shop)
    assert len(_said(tuned_shop)) > once
    assert len(server.prompts) == made.queries


def test_a_server_that_fails_makes_no_label(tuned_shop: Workspace, serve: Callable[[Script], FaultServer]) -> None:
    _point_to(tuned_shop, serve(lambda number, body: Status(400, "context too long")), concurrency=1)
    before = claims.read(tuned_shop.claims_path)
    made = label_with_llm(tuned_shop)
    assert (made.labelled, made.nothing, made.failures) == (0, {}, {"refused (400)": 8})
    assert made.unasked == made.queries
    assert "8 requests in a row failed" in made.stopped
    assert claims.read(tuned_shop.claims_path) == before


def test_failed_votes_count_against_a_label(tuned_shop: Workspace, serve: Callable[[Script], FaultServer]) -> None:
    """Every third request fails for good: two of three votes are left, 3/5; where two fail nobody says anything."""
    _point_to(
        tuned_shop, serve(lambda number, body: Status(400) if number % 3 == 0 else oracle(number, body)), concurrency=1
    )
    made = label_with_llm(tuned_shop)
    assert set(_said(tuned_shop).values()) <= {(entry, 0.6) for entry, _ in _said(tuned_shop).values()} | {
        (entry, 0.8) for entry, _ in _said(tuned_shop).values()
    }
    assert made.failures == {"refused (400)": -(-3 * made.queries // 3)}
    assert made.failed + made.labelled + sum(made.nothing.values()) + made.disagreed == made.queries


def test_a_model_that_goes_by_the_place_in_the_list_says_nothing(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    """It always takes the first entry offered; shuffled, that is another one each time. Of five votes among eight
    entries three or more fall on one by chance for 13 % of the queries."""

    def first(_: int, body: dict[str, object]) -> Reply:
        name = text_of(body).split("ids: " if "ids: " in text_of(body) else "可选编号：", 1)[-1][:4]
        return Reply(json.dumps({"choice": name, "reason": ""}))

    _point_to(tuned_shop, serve(first), votes=5)
    made = label_with_llm(tuned_shop)
    assert made.disagreed > 0.65 * made.queries
    assert made.labelled < 0.35 * made.queries


def test_a_dry_run_asks_nothing_and_needs_no_server(tuned_shop: Workspace) -> None:
    _point_to(tuned_shop, "http://127.0.0.1:9/v1", price_read=2.0, price_written=6.0, currency="¥")
    made = label_with_llm(tuned_shop, dry_run=True)
    assert made.estimate is not None
    assert made.estimate.requests == 3 * made.queries
    assert made.estimate.cost == pytest.approx(
        (made.estimate.usage.read * 2 + made.estimate.usage.written * 6) / 1_000_000
    )
    assert [message["role"] for message in made.prompt] == ["system", "user"]
    assert "»" in made.prompt[1]["content"]
    assert not _said(tuned_shop)


def test_the_estimate_is_near_what_is_sent(tuned_shop: Workspace, serve: Callable[[Script], FaultServer]) -> None:
    from faqtune.label.llm import estimate_tokens

    server = serve(oracle)
    _point_to(tuned_shop, server, votes=1)
    made = label_with_llm(tuned_shop)
    sent = sum(estimate_tokens(m["content"]) + 8 for b in server.requests if not is_probe(b) for m in b["messages"])
    assert made.estimate is not None
    assert made.estimate.usage.read == sent


def test_more_than_the_budget_is_refused_before_anything_is_asked(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    server = serve(oracle)
    _point_to(tuned_shop, server, price_read=1000.0, budget=0.5)
    with pytest.raises(UserError, match=r"more than llm\.budget"):
        label_with_llm(tuned_shop)
    _point_to(tuned_shop, server, budget=0.5)
    with pytest.raises(UserError, match="no price"):
        label_with_llm(tuned_shop)
    assert not server.requests


@pytest.mark.parametrize("answer", [True, False])
def test_paid_requests_are_agreed_to_first(
    answer: bool, tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    server = serve(oracle)
    _point_to(tuned_shop, server, price_read=1.0, votes=1)
    shown: list[str] = []

    def agree(text: str) -> bool:
        shown.append(text)
        return answer

    if answer:
        label_with_llm(tuned_shop, agree=agree, limit=2)
    else:
        with pytest.raises(UserError, match="nothing was asked"):
            label_with_llm(tuned_shop, agree=agree, limit=2)
    assert "2 queries in 2 requests" in shown[0]
    assert len(server.prompts) == (2 if answer else 0)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"address": ""}, "no language model is set"),
        ({"address": "ftp://x/v1"}, "no http"),
        ({"address": "http://me:sk-1@127.0.0.1/v1"}, "more than an address"),
        ({"address": "http://127.0.0.1/v1?api_key=sk-1"}, "more than an address"),
        ({"address": "https://api.example.com/v1"}, "FAQTUNE_LLM_KEY holds no key"),
        ({"api_key": "sk-1"}, "llm.api_key"),
        ({"extra": {"headers": {"Authorization": "Bearer sk-1"}}}, "llm.extra.headers.Authorization"),
        ({"key_variable": "sk-proj-1234"}, "llm.key_variable"),
    ],
)
def test_settings_that_cannot_be_are_refused_without_showing_a_key(
    settings: dict[str, object], problem: str, tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAQTUNE_LLM_KEY", raising=False)
    _point_to(tuned_shop, "http://127.0.0.1:9/v1", **{k: v for k, v in settings.items() if not isinstance(v, dict)})
    if "extra" in settings:
        with tuned_shop.config_path.open("a", encoding="utf-8") as file:
            file.write('[llm.extra.headers]\nAuthorization = "Bearer sk-1"\n')
    with pytest.raises(UserError, match=problem) as caught:
        label_with_llm(tuned_shop)
    assert "sk-" not in str(caught.value)


def test_without_the_client_it_says_what_to_install(tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    _point_to(tuned_shop, "http://127.0.0.1:9/v1")
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(UserError) as caught:
        label_with_llm(tuned_shop)
    assert 'pip install "faqtune[llm]"' in caught.value.next_step


def _command(workspace: Workspace, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "faqtune", "label", "--llm", "-p", str(workspace.root), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def _wait_for(server: FaultServer, prompts: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while len(server.prompts) < prompts:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _slow(number: int, body: dict[str, object]) -> Reply:
    reply = oracle(number, body)
    reply.delay_seconds = 0.02
    return reply


def test_killed_at_any_time_nothing_answered_is_paid_twice(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    """At most what was on its way when the process was killed (one request here) is asked again."""
    server = serve(_slow)
    _point_to(tuned_shop, server, concurrency=1, votes=1)
    kills = 2
    for kill in range(kills):
        process = _command(tuned_shop)
        _wait_for(server, 15 * (kill + 1), process)
        process.kill()
        process.communicate()
    made = label_with_llm(tuned_shop)
    asked = Counter(server.prompts)
    assert len(asked) == made.queries
    assert sum(asked.values()) <= len(asked) + kills
    assert max(asked.values()) <= 2
    assert made.known >= 15 * kills - kills


def test_ctrl_c_keeps_what_is_done_and_says_so(tuned_shop: Workspace, serve: Callable[[Script], FaultServer]) -> None:
    server = serve(_slow)
    _point_to(tuned_shop, server, votes=1, concurrency=1)
    process = _command(tuned_shop, "--json")
    _wait_for(server, 12, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in err
    told = json.loads(out)
    assert told["stopped"] == "interrupted"
    assert told["requests"] >= 11
    assert told["labelled"] + sum(told["nothing"].values()) == told["requests"] == len(_said(tuned_shop))
    assert told["unasked"] == told["queries"] - told["requests"]


def test_a_hanging_server_does_not_hold_ctrl_c(tuned_shop: Workspace, serve: Callable[[Script], FaultServer]) -> None:
    from fault_server import Hang

    server = serve(lambda number, body: Hang(60))
    _point_to(tuned_shop, server)
    process = _command(tuned_shop)
    _wait_for(server, 2, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_the_command_prints_what_came_of_it(
    tuned_shop: Workspace,
    serve: Callable[[Script], FaultServer],
    cli: Callable[..., tuple[int, str, str]],
) -> None:
    server = serve(oracle)
    _point_to(tuned_shop, server)
    where = ("-p", str(tuned_shop.root))
    code, out, _ = cli("label", "--llm", "--dry-run", *where)
    assert code == 0
    assert "Nothing was asked." in out
    assert "[system]" in out
    code, out, _ = cli("label", "--llm", *where)
    assert code == 0
    assert "llm:oracle: of " in out
    assert "against hand labels, entries:" in out
    assert "Next: faqtune split" in out
    code, out, _ = cli("label", "--llm", "--json", *where)
    assert json.loads(out)["by"] == BY
    code, _, err = cli("label", "--limit", "3", *where)
    assert code == 2
    assert "--llm" in err


def test_customers_words_reach_the_model_in_its_marks_only(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    server = serve(oracle)
    _point_to(tuned_shop, server, votes=1)
    label_with_llm(tuned_shop)
    body = next(body for body in server.requests if not is_probe(body))
    assert marked(body)
    system = body["messages"][0]["content"]
    assert marked(body) not in system


def test_people_annotate_and_split_while_a_model_is_asked_and_nothing_is_lost(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    """The model is asked in a process of its own; meanwhile 25 decisions are made and one is taken back, the split is
    made, and a second run that would pay for the same is refused."""
    server = serve(_slow)
    _point_to(tuned_shop, server, votes=1, concurrency=1, check_human=0)
    process = _command(tuned_shop, "--json")
    _wait_for(server, 5, process)
    session = open_session(tuned_shop, model=tuned_shop.config().model.base)
    told: dict[str, Decision] = {}
    for number in range(25):
        item = session.next("王敏", 1)[0]
        picked = (item.offers[0].entry,) if number % 3 else ()
        what, reason = ("pick", "") if picked else ("none", "unsupported")
        decision = Decision(f"act-{number}", item.item, what, item.turns, picked, reason)
        assert session.answer("王敏", decision)
        told[decision.act] = decision
    session.undo("王敏", "undo-1")
    make_split(tuned_shop)
    with pytest.raises(UserError, match=rf"another faqtune \(process {process.pid}\)"):
        label_with_llm(tuned_shop)
    assert process.poll() is None, "the model was still being asked all the while"
    session.close()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err

    made = json.loads(out)
    queries = {query.id: query for query in tuned_shop.queries()}
    said = claims.read(tuned_shop.claims_path)
    people = [claim for claim in said if claim.act in told]
    assert {claim.act for claim in people} == set(told) - {"act-24"}
    assert all(claim.query in queries for claim in people)
    assert made["labelled"] + sum(made["nothing"].values()) == len(_said(tuned_shop)) > 25
    decisions = settled_now(tuned_shop, list(queries.values()))
    for claim in people:
        assert decisions[claim.query].sources == ("human:王敏",)
    # A turn that a person labelled meanwhile has one query, theirs.
    place = {place_of(queries[claim.query]): claim.query for claim in people}
    answered = {query for query in _said(tuned_shop) if place_of(queries[query]) in place}
    assert answered
    assert answered <= set(place.values())


def test_at_its_end_it_waits_for_a_command_that_is_at_work(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    server = serve(_slow)
    _point_to(tuned_shop, server, votes=1, concurrency=2)
    process = _command(tuned_shop, "--limit", "10")
    _wait_for(server, 1, process)
    with alone_with(tuned_shop):
        assert process.stderr is not None
        line = next(line for line in process.stderr if "waiting: " in line)
        assert f"(process {os.getpid()})" in line
        assert not _said(tuned_shop)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert len(_said(tuned_shop)) == 10
