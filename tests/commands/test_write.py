"""`write`: what a language model writes is checked, kept apart, trained on when asked for, and never measured."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune import Workspace, claims
from faqtune.commands.project.assemble import MEASURING, evaluation_set, load_project
from faqtune.commands.project.synthetic import read_synthetic, to_train_on
from faqtune.commands.project.training_set import training_data
from faqtune.commands.train import _read
from faqtune.commands.write import write_texts
from faqtune.label.llm import Synthetic, usable
from faqtune.records import letters, normalise
from faqtune.stored import write_jsonl
from fault_server import FaultServer, Reply, Script, answering, is_probe, offered, oracle, text_of


def _writer(number: int, body: dict[str, object]) -> Reply:
    """Writes the entry's question with other words around it, or something near it; judges as the oracle does."""
    system = body["messages"][0]["content"]
    if "texts" not in system:
        judged = json.loads(oracle(number, body).content)
        asked = re.search(r"^» [^:]*: (.*)$", text_of(body), re.MULTILINE)[1]
        if "另一家店" in asked:
            judged = {"choice": "none", "reason": "unsupported"}
        return Reply(json.dumps(judged))
    question = re.search(r"标准问题: ([^|]*?)(?: \||  ?答案)", text_of(body))[1].strip()
    if "难例" in system:
        texts = [f"另一家店{question}吗", f"另一家店{question}吗？", "x", "hello there my friend"]
    else:
        texts = [
            f"请问{question}呀",
            question,
            f"{question}？",
            f"打13800138000问{question}",
            "今天天气真不错啊",
            "长" * 80,
        ]
    return Reply(json.dumps({"texts": texts}, ensure_ascii=False))


@pytest.fixture
def serve() -> Iterator[Callable[[Script], FaultServer]]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(FaultServer(answering(script)).running())


def _point_to(workspace: Workspace, server: FaultServer | str, **settings: object) -> None:
    text = workspace.config_path.read_text(encoding="utf-8").partition("\n[llm]")[0]
    address = server if isinstance(server, str) else server.address
    told = {"address": address, "model": "writer", "few_labels": 1000, **settings}
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    workspace.config_path.write_text("\n".join([text, "[llm]", *lines, ""]), encoding="utf-8")


def test_what_is_written_is_checked_and_kept_apart(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    server = serve(_writer)
    _point_to(tuned_shop, server)
    before = claims.read(tuned_shop.claims_path), tuned_shop.queries()
    made = write_texts(tuned_shop)
    kept = read_synthetic(tuned_shop)
    catalogue = tuned_shop.catalogue()

    assert len(kept) == made.paraphrases + made.near_noise > 8
    assert made.paraphrases > 4
    assert made.near_noise > 4
    assert {one.by for one in kept} == {"llm:writer"}
    questions = {letters(question) for question in catalogue.questions}
    assert not questions & {letters(one.text) for one in kept}
    assert all(one.text.startswith("请问") and one.entry == one.near for one in kept if one.kind == "paraphrase")
    assert all("另一家店" in one.text and one.entry is None for one in kept if one.kind == "near_noise")
    for why in ("there already", "too short or too long", "in another language", "a placeholder or a personal number"):
        assert made.left_out[why] >= 1
    assert made.left_out["the check says otherwise"] >= 1, "small talk is no paraphrase of anything"
    # Nothing became a label or a query, and no customer's word was sent.
    assert (claims.read(tuned_shop.claims_path), tuned_shop.queries()) == before
    sent = "\n".join(text_of(body) for body in server.requests if "texts" in body["messages"][0]["content"])
    said = {t.customer for c in tuned_shop.conversations() for t in c.turns} - set(catalogue.questions)
    assert not [text for text in said if len(text) > 4 and text in sent]


def test_a_second_run_asks_nothing_and_writes_the_same(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    server = serve(_writer)
    _point_to(tuned_shop, server)
    write_texts(tuned_shop, limit=3)
    few, asked = read_synthetic(tuned_shop), len(server.requests)
    write_texts(tuned_shop, limit=3)
    assert (read_synthetic(tuned_shop), len(server.requests)) == (few, asked)
    write_texts(tuned_shop)
    assert set(few) < set(read_synthetic(tuned_shop))


def test_a_dry_run_shows_what_it_would_take(tuned_shop: Workspace) -> None:
    _point_to(tuned_shop, "http://127.0.0.1:9/v1", price_read=1.0)
    made = write_texts(tuned_shop, dry_run=True)
    assert made.estimate is not None
    assert made.estimate.cost > 0
    assert "texts" in made.prompt[0]["content"]
    assert not tuned_shop.synthetic_path.exists()


def test_a_model_that_writes_nonsense_adds_nothing(
    tuned_shop: Workspace, serve: Callable[[Script], FaultServer]
) -> None:
    _point_to(tuned_shop, serve(lambda number, body: Reply('{"texts": "all of them"}')))
    made = write_texts(tuned_shop, limit=2)
    assert (made.paraphrases, made.near_noise) == (0, 0)
    assert made.failures == {"bad answer: no list of texts": 4}
    assert read_synthetic(tuned_shop) == []


def _planted(workspace: Workspace) -> list[Synthetic]:
    """Texts for every entry, and, as the worst case, every text that is measured, as paraphrase and as near noise."""
    project = load_project(workspace)
    ids = [entry.id for entry in project.catalogue]
    planted = [Synthetic(f"写出来的{n}", "paraphrase", entry, entry, 0.7, "llm:m") for n, entry in enumerate(ids)]
    planted += [Synthetic(f"近似的{n}", "near_noise", None, entry, 0.7, "llm:m") for n, entry in enumerate(ids)]
    for part in MEASURING:
        data = evaluation_set(project, part)
        for text in {item.text for item in (*data.positives, *data.negatives)}:
            planted.append(Synthetic(text, "paraphrase", ids[0], ids[0], 0.7, "llm:m"))
            planted.append(Synthetic(text, "near_noise", None, ids[0], 0.7, "llm:m"))
    write_jsonl(workspace.synthetic_path, planted)
    return planted


def test_synthetic_texts_are_never_measured(tuned_shop: Workspace) -> None:
    """Selection, calibration and test are the same with and without them, and no measured text is trained on."""
    before = [evaluation_set(load_project(tuned_shop), part).digest() for part in MEASURING]
    planted = _planted(tuned_shop)
    project = load_project(tuned_shop)
    assert [evaluation_set(project, part).digest() for part in MEASURING] == before
    data = training_data(tuned_shop, project, tuned_shop.pairs(), planted)
    trained = {normalise(label.text) for label in data.labels} | set(map(normalise, data.noise))
    for part in MEASURING:
        measured = evaluation_set(project, part)
        assert not trained & {normalise(item.text) for item in (*measured.positives, *measured.negatives)}
    assert any(label.text.startswith("写出来的") for label in data.labels)
    assert any(text.startswith("近似的") for text in data.noise)


def test_nothing_is_trained_on_that_was_written_for_a_held_out_entry(tuned_shop: Workspace) -> None:
    planted = _planted(tuned_shop)
    project = load_project(tuned_shop)
    entry = project.catalogue.entries[3].id
    project = replace(project, split=replace(project.split, held_out={**project.split.held_out, entry: "test"}))
    data = training_data(tuned_shop, project, tuned_shop.pairs(), planted)
    kept = {label.text for label in data.labels} | set(data.noise)
    assert {"写出来的3", "近似的3"} & kept == set()
    assert {"写出来的0", "近似的0"} & kept or project.catalogue.entries[0].id in project.split.held_out


def test_synthetic_labels_are_not_trusted_as_people_are(tuned_shop: Workspace) -> None:
    planted = _planted(tuned_shop)
    data = training_data(tuned_shop, load_project(tuned_shop), tuned_shop.pairs(), planted)
    assert not any(label.trusted for label in data.labels if label.text.startswith("写出来的"))


def test_they_are_trained_on_only_when_asked_for(tuned_shop: Workspace) -> None:
    without = _read(tuned_shop, "", (), None)[2]
    _planted(tuned_shop)
    assert to_train_on(tuned_shop) == []
    assert _read(tuned_shop, "", (), None)[2].digest() == without.digest()
    _point_to(tuned_shop, "http://127.0.0.1:9/v1", use_synthetic=True)
    assert _read(tuned_shop, "", (), None)[2].digest() != without.digest()


@given(st.lists(st.text("发货吗能几天 ？abc1[]", max_size=12), max_size=12), st.integers(0, 6))
def test_what_is_taken_is_new_short_and_no_more_than_asked_for(texts: list[str], most: int) -> None:
    taken = {letters("几天发货")}
    left_out: Counter[str] = Counter()
    kept = usable(texts, taken, "zh", most, left_out)
    forms = [letters(text) for text in kept]
    assert len(kept) <= most
    assert len(set(forms)) == len(forms)
    assert letters("几天发货") not in forms
    assert len(kept) + sum(left_out.values()) == len(texts)


def test_the_command_says_what_to_do_next(
    tuned_shop: Workspace,
    serve: Callable[[Script], FaultServer],
    cli: Callable[..., tuple[int, str, str]],
) -> None:
    server = serve(_writer)
    _point_to(tuned_shop, server)
    where = ("-p", str(tuned_shop.root))
    assert "Nothing was asked." in cli("write", "--dry-run", *where)[1]
    code, out, _ = cli("write", "--limit", "2", *where)
    assert code == 0
    assert "in synthetic.jsonl, for training only" in out
    assert "llm.use_synthetic = true" in out
    assert json.loads(cli("write", "--limit", "2", "--json", *where)[1])["by"] == "llm:writer"
    assert not any(is_probe(body) and offered(body) for body in server.requests)
