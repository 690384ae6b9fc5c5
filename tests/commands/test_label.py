"""`label`: the rules' labels, the people's, and what is done again when."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from faqtune import UserError, Workspace, claims, ingest_files, label_queries, make_split
from faqtune.commands import label as command
from faqtune.label import BY
from faqtune.records import Claim, Conversation, Noise, Query, Turn, normalise
from faqtune.stored import write_jsonl


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on whoever loads a model fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(command, "load_model", refuse)


def _edit_gold(workspace: Workspace, change: Callable[[list[dict[str, object]]], None]) -> None:
    path = workspace.root / "gold.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def test_precision_is_the_share_of_turns_where_both_say_the_same(tuned_shop: Workspace) -> None:
    made = label_queries(tuned_shop)

    query = {q.id: q for q in tuned_shop.queries()}
    said = {"rules": {}, "people": {}}  # type: dict[str, dict[tuple[str, int], str | None]]
    for claim in claims.read(tuned_shop.claims_path):
        place = query[claim.query].conversation, query[claim.query].turns[-1]
        said["rules" if claim.by == BY else "people"][place] = claim.entry
    both = [place for place in said["rules"] if place in said["people"]]

    assert made.precision.compared == len(both) > 10
    assert made.precision.right == sum(said["rules"][place] == said["people"][place] for place in both)
    assert made.claims == len(said["rules"]) == sum(made.coverage.values())
    assert made.human == len(said["people"]) == 36


@pytest.mark.usefixtures("no_model")
def test_turns_that_ask_for_several_entries_prove_the_rules_neither_right_nor_wrong(tuned_shop: Workspace) -> None:
    before = label_queries(tuned_shop).precision
    query = {q.id: q for q in tuned_shop.queries()}
    said = claims.read(tuned_shop.claims_path)
    entry_at = {(query[c.query].conversation, query[c.query].turns[-1]): c.entry for c in said if c.by == BY}
    people = [query[c.query] for c in said if c.is_human and c.entry is not None]
    both = next(q.text for q in people if (q.conversation, q.turns[-1]) in entry_at)

    def say_several(rows: list[dict[str, object]]) -> None:
        next(row for row in rows if row["query"] == both).update(entry=None, reason="several")

    _edit_gold(tuned_shop, say_several)

    after = label_queries(tuned_shop).precision
    assert (after.compared, after.several) == (before.compared - 1, before.several + 1)
    assert after.compared - after.right <= before.compared - before.right


@pytest.mark.usefixtures("no_model")
def test_a_second_run_loads_no_model_and_says_the_same(tuned_shop: Workspace) -> None:
    first = json.loads((tuned_shop.root / "labels.json").read_text(encoding="utf-8"))

    second = label_queries(tuned_shop)

    assert second.skipped
    assert second.bins[0].count == first["bins"][0]["count"]
    assert second.coverage == first["coverage"]
    with pytest.raises(AssertionError, match="a model was loaded"):
        label_queries(tuned_shop, force=True)


@pytest.mark.usefixtures("no_model")
def test_changed_hand_labels_are_taken_over_without_the_model(tuned_shop: Workspace) -> None:
    before = {claim for claim in claims.read(tuned_shop.claims_path) if claim.by == BY}

    _edit_gold(tuned_shop, lambda rows: rows[0].update(entry=None, reason="unsupported"))
    made = label_queries(tuned_shop)

    after = claims.read(tuned_shop.claims_path)
    assert not made.skipped
    assert {claim for claim in after if claim.by == BY} == before
    assert (after[-1].by, after[-1].entry, after[-1].reason) == ("human:gold", None, "unsupported")
    assert label_queries(tuned_shop).skipped
    assert not make_split(tuned_shop).skipped


@pytest.mark.usefixtures("no_model")
def test_hand_labels_that_stay_are_not_said_twice(tuned_shop: Workspace) -> None:
    number = len(claims.read(tuned_shop.claims_path))

    _edit_gold(tuned_shop, lambda rows: rows.pop())
    made = label_queries(tuned_shop)

    assert made.human == 35
    assert len(claims.read(tuned_shop.claims_path)) == number


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(("old", "new"), [("# query_top = 5", "query_top = 2"), ("max_length_tokens = 32", "")])
def test_a_setting_that_the_rules_depend_on_sets_the_model_to_work(tuned_shop: Workspace, old: str, new: str) -> None:
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    assert old in text
    tuned_shop.config_path.write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(AssertionError, match="a model was loaded"):
        label_queries(tuned_shop)


@pytest.mark.usefixtures("no_model")
def test_lost_claims_are_made_again(tuned_shop: Workspace) -> None:
    for path in tuned_shop.root.glob("claims.db*"):
        path.unlink()

    with pytest.raises(AssertionError, match="a model was loaded"):
        label_queries(tuned_shop)


def test_what_people_said_stays_when_the_rules_label_anew(tuned_shop: Workspace) -> None:
    entry = tuned_shop.catalogue().entries[0].id
    query = tuned_shop.queries()[0].id
    claims.append(tuned_shop.claims_path, [Claim(query, entry, "human:王敏", 1.0)])

    label_queries(tuned_shop, force=True)

    assert Claim(query, entry, "human:王敏", 1.0) in [
        Claim(c.query, c.entry, c.by, c.confidence) for c in claims.read(tuned_shop.claims_path)
    ]


def _asked(workspace: Workspace, by: str) -> Query:
    """A query that neither the rules nor the hand labels know, with what `by` says of it."""
    conversation = next(workspace.conversations())
    query = Query("asked on a page", conversation.turns[0].customer, conversation.id, (0,))
    write_jsonl(workspace.queries_path, [*workspace.queries(), query])
    claims.append(workspace.claims_path, [Claim(query.id, workspace.catalogue().entries[0].id, by, 1.0, act="1")])
    return query


@pytest.mark.parametrize("by", ["human:王敏", "llm:qwen"])
def test_queries_that_others_labelled_stay_when_the_rules_label_anew(tuned_shop: Workspace, by: str) -> None:
    query = _asked(tuned_shop, by)

    label_queries(tuned_shop, force=True)

    assert query in tuned_shop.queries()
    claims.withdraw(tuned_shop.claims_path, "1", by)
    label_queries(tuned_shop, force=True)
    assert query not in tuned_shop.queries()


def test_damaged_queries_that_people_labelled_are_not_written_over(tuned_shop: Workspace) -> None:
    _asked(tuned_shop, "human:王敏")
    tuned_shop.queries_path.write_text("not a line of JSON", encoding="utf-8")

    with pytest.raises(UserError, match="damaged") as caught:
        label_queries(tuned_shop, force=True)
    assert "restore queries.jsonl" in caught.value.next_step
    assert tuned_shop.queries_path.read_text(encoding="utf-8") == "not a line of JSON"


def test_tuned_means_the_run_and_not_the_word(tuned_shop: Workspace) -> None:
    """Labels of one run's model are not taken for those of the next."""
    assert not label_queries(tuned_shop, model="tuned").skipped
    assert label_queries(tuned_shop, model="tuned").skipped
    weights = next(tuned_shop.runs_path.glob("*/model/model.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-8:] = b"\x00\x01" * 4
    weights.write_bytes(content)

    assert not label_queries(tuned_shop, model="tuned").skipped


def test_without_logs_there_is_a_next_step(new_shop: Workspace) -> None:
    new_shop.config_path.write_text('[catalogue]\nfiles = ["FAQ.xlsx"]\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"catalogue\.jsonl. Next: run `faqtune ingest` first"):
        label_queries(new_shop, model=str(Path("nowhere")))
    ingest_files(new_shop)
    with pytest.raises(UserError, match=r"no conversation .* Next: name chat logs under \[conversations\]"):
        label_queries(new_shop)


def test_labels_that_are_gone_are_no_empty_result(tuned_shop: Workspace) -> None:
    """`split` used to write "0 pairs" over everything."""
    before = tuned_shop.pairs_path.read_bytes()
    tuned_shop.claims_path.unlink()

    with pytest.raises(UserError, match="has not been finished") as caught:
        make_split(tuned_shop)
    assert "faqtune label" in caught.value.next_step
    assert tuned_shop.pairs_path.read_bytes() == before

    assert not label_queries(tuned_shop).skipped
    assert make_split(tuned_shop).pairs == len(before.splitlines()) - 1


def test_a_labelling_that_broke_off_is_not_split(tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise UserError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(claims, "replace", full)
        with pytest.raises(UserError, match="full"):
            label_queries(tuned_shop, force=True)

    with pytest.raises(UserError, match="has not been finished"):
        make_split(tuned_shop)
    assert not label_queries(tuned_shop).skipped
    make_split(tuned_shop)


def test_a_damaged_database_is_noticed_where_it_is_made(tuned_shop: Workspace) -> None:
    with tuned_shop.claims_path.open("r+b") as file:
        file.truncate(5000)
    for rest in ("-wal", "-shm"):
        tuned_shop.claims_path.with_name(tuned_shop.claims_path.name + rest).unlink(missing_ok=True)

    with pytest.raises(UserError, match=r"claims\.db") as caught:
        label_queries(tuned_shop)
    assert "move it away" in caught.value.next_step


def test_without_logs_hand_labels_are_wanted_and_stay_wanted(new_shop: Workspace) -> None:
    ingest_files(new_shop)
    write_jsonl(new_shop.conversations_path, [])
    made = label_queries(new_shop)
    assert (made.exchanges, made.claims, made.human) == (0, 0, 36)

    text = new_shop.config_path.read_text(encoding="utf-8")
    new_shop.config_path.write_text(text.replace('files = ["gold.jsonl"]', "files = []"), encoding="utf-8")
    with pytest.raises(UserError, match="no conversation with a customer's text and a reply"):
        label_queries(new_shop)


def test_logs_without_a_reply_are_no_reason_to_do_without_the_rules(new_shop: Workspace) -> None:
    ingest_files(new_shop)
    write_jsonl(new_shop.conversations_path, [Conversation("c", (Turn("几天能到", ""),), "c")])
    with pytest.raises(UserError, match="no conversation with a customer's text and a reply"):
        label_queries(new_shop)


def test_chatter_is_labelled_only_where_an_entry_asks_it(tuned_shop: Workspace) -> None:
    """Noise of other kinds labels nothing away: it may well be what customers ask."""

    def labelled() -> list[str]:
        made = {claim.query for claim in claims.read(tuned_shop.claims_path) if claim.by == BY}
        return [query.text for query in tuned_shop.queries() if query.id in made]

    asked = {normalise(question) for question in tuned_shop.catalogue().questions}
    other = next(text for text in labelled() if normalise(text) not in asked)
    own = next(text for text in labelled() if normalise(text) in asked)
    chatter = tuned_shop.noise()
    for stratum, text, stays in (("unsupported", other, True), ("chatter", own, True), ("chatter", other, False)):
        write_jsonl(tuned_shop.noise_path, [*chatter, Noise(text, "more", stratum)])
        label_queries(tuned_shop)
        assert (text in labelled()) is stays
