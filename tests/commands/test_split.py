"""`split`: hand labels only measure, and the same decisions give the same split."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import Any

import pytest

from faqtune import (
    UserError,
    Workspace,
    calibrate_run,
    claims,
    evaluate_models,
    make_split,
    show_labels,
    train_model,
)
from faqtune.commands import split as command
from faqtune.commands.project.assemble import evaluation_set, load_project
from faqtune.commands.project.settled import training_conversations, weighed_sources
from faqtune.config import SplitConfig
from faqtune.label import BY, Source, decide
from faqtune.records import CALIBRATION, PARTS, SELECTION, TEST, TRAIN, Claim, Query, Split
from faqtune.stored import read_jsonl, write_jsonl


def test_every_hand_labelled_conversation_is_in_the_test_part(tuned_shop: Workspace) -> None:
    made = tuned_shop.split()
    by_people = {claim.query for claim in claims.read(tuned_shop.claims_path) if claim.is_human}
    places = {query.conversation for query in tuned_shop.queries() if query.id in by_people}

    assert len(places) == 36
    assert {made.conversations[place] for place in places} == {TEST}


def test_counts_are_those_of_the_split(tuned_shop: Workspace) -> None:
    made, split = make_split(tuned_shop), tuned_shop.split()

    assert made.skipped
    assert sum(made.conversations.values()) == 96
    for part, count in made.noise.items():
        assert count == sum(split.noise[sentence.source] == part for sentence in tuned_shop.noise())
    decided = load_project(tuned_shop).decisions
    for part, count in made.queries.items():
        assert count == sum(
            split.conversations[q.conversation] == part for q in tuned_shop.queries() if q.id in decided
        )


def test_a_query_whose_label_was_taken_back_is_not_a_labelled_one(tuned_shop: Workspace) -> None:
    before = make_split(tuned_shop).queries
    by_rules = next(claim for claim in claims.read(tuned_shop.claims_path) if claim.by == BY)
    rest = [claim for claim in claims.read(tuned_shop.claims_path) if claim.by == BY and claim != by_rules]
    claims.replace(tuned_shop.claims_path, BY, rest)

    after = make_split(tuned_shop).queries

    assert by_rules.query in {query.id for query in tuned_shop.queries()}
    assert sum(after.values()) == sum(before.values()) - 1 == len(load_project(tuned_shop).decisions)


def test_what_a_certificate_asks_for_changes_no_split_before_it_is_labelled(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faqtune.commands.figures.enough.LEAST_QUERIES", 3)
    before = tuned_shop.split()
    made = calibrate_run(tuned_shop, {"wrong": 0.01})
    assert made.to_label is not None and (tuned_shop.root / "asked.jsonl").exists()
    assert show_labels(tuned_shop).out_of_date == "" and make_split(tuned_shop).skipped
    asked = next(iter(read_jsonl(tuned_shop.root / "asked.jsonl", "", dict)))
    entry = tuned_shop.catalogue().entries[0].id
    claims.append(tuned_shop.claims_path, [Claim(asked["query"], entry, "human:王敏", 1.0)])
    assert show_labels(tuned_shop).out_of_date
    make_split(tuned_shop)
    assert tuned_shop.split().conversations[asked["conversation"]] == CALIBRATION
    assert before.conversations[asked["conversation"]] == CALIBRATION


def test_whoever_goes_on_from_a_split_that_would_be_another_is_told(tuned_shop: Workspace, heard: Any) -> None:
    said = "have changed since it was made"
    train_model(tuned_shop, reporter=heard)
    evaluate_models(tuned_shop, reporter=heard)
    assert not any(said in line for line in heard.lines) and not show_labels(tuned_shop).out_of_date

    query = next(claim.query for claim in claims.read(tuned_shop.claims_path) if claim.by == BY)
    entry = tuned_shop.catalogue().entries[0].id
    claims.append(tuned_shop.claims_path, [Claim(query, entry, "human:王敏", 1.0)])
    train_model(tuned_shop, reporter=heard)
    evaluate_models(tuned_shop, reporter=heard)
    assert [said in line for line in heard.lines].count(True) == 2 and said in show_labels(tuned_shop).out_of_date

    make_split(tuned_shop)
    heard.lines.clear()
    train_model(tuned_shop, overrides=("stage.1.max_steps=1",), reporter=heard)
    assert not any(said in line for line in heard.lines) and not show_labels(tuned_shop).out_of_date


def test_labelling_anew_with_the_same_result_changes_nothing(tuned_shop: Workspace) -> None:
    said = [claim for claim in claims.read(tuned_shop.claims_path) if claim.by == BY]
    claims.replace(tuned_shop.claims_path, BY, reversed(said))

    assert make_split(tuned_shop).skipped


def test_another_seed_splits_anew(tuned_shop: Workspace) -> None:
    before = tuned_shop.split()
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    tuned_shop.config_path.write_text(re.sub("# seed = 0", "seed = 5", text), encoding="utf-8")

    assert not make_split(tuned_shop).skipped
    assert tuned_shop.split() != before
    assert make_split(tuned_shop).skipped


def test_no_entry_is_held_out_for_the_test_where_people_named_enough_unsupported_queries(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    text = re.sub("# held_out_entries = .*", "held_out_entries = 0.9", text)
    tuned_shop.config_path.write_text(text, encoding="utf-8")
    # `faqtune.split.assign` is the function; the module of this name is behind it.
    monkeypatch.setattr(sys.modules["faqtune.split.assign"], "LARGEST_SHARE_HELD_OUT", 0.5)
    before = make_split(tuned_shop).held_out
    assert set(before.values()) == {SELECTION, CALIBRATION, TEST}

    monkeypatch.setattr(command, "ENOUGH_UNSUPPORTED", 3)
    after = make_split(tuned_shop, force=True).held_out
    assert set(after.values()) == {SELECTION, CALIBRATION}
    assert {entry: part for entry, part in before.items() if part != TEST}.items() <= after.items()


def test_queries_of_conversations_that_have_gone_are_in_no_part(tuned_shop: Workspace) -> None:
    """After `ingest` with fewer logs, and before `label`."""
    lines = tuned_shop.conversations_path.read_text(encoding="utf-8").splitlines()
    by_rules = {claim.query for claim in claims.read(tuned_shop.claims_path) if claim.by == BY}
    weak = [query.conversation for query in tuned_shop.queries() if query.id in by_rules]
    kept = [line for line in lines if f'"{weak[0]}"' not in line]
    assert len(kept) == len(lines) - 1
    tuned_shop.conversations_path.write_text("\n".join(kept) + "\n", encoding="utf-8")

    made = make_split(tuned_shop)

    assert sum(made.conversations.values()) == 95
    assert sum(made.queries.values()) == len(tuned_shop.queries()) - 1


def test_what_a_part_is_measured_on_is_counted_apart(tuned_shop: Workspace) -> None:
    """Labels of held-out entries and unsure ones are labelled queries, but no queries with an entry to measure."""
    made = make_split(tuned_shop)

    project = load_project(tuned_shop)
    measured = {part: evaluation_set(project, part) for part in (SELECTION, CALIBRATION, TEST)}
    assert made.measured == {part: len(data.positives) for part, data in measured.items()}
    assert made.measured_noise == {part: len(data.negatives) for part, data in measured.items()}
    assert made.measured_noise[TEST] > made.noise[TEST], "queries without an entry are noise too"
    trained = training_conversations(project.split)
    assert made.pairs == len(tuned_shop.pairs())
    assert 0 < made.training_pairs == sum(pair.group in trained for pair in tuned_shop.pairs()) < made.pairs
    assert 0 < made.measured[TEST] < made.queries[TEST]


def _checked(workspace: Workspace, share: float) -> Workspace:
    """A share of the hand-labelled conversations trains, and a language model has labelled what people labelled."""
    text = workspace.config_path.read_text(encoding="utf-8")
    text = re.sub("# human_labels_for_training = .*", f"human_labels_for_training = {share}", text)
    workspace.config_path.write_text(text, encoding="utf-8")
    people = [claim for claim in claims.read(workspace.claims_path) if claim.is_human]
    said = [Claim(claim.query, "nothing like it", "llm:x", 0.9) for claim in people]
    claims.append(workspace.claims_path, said)
    return workspace


def _weights(workspace: Workspace) -> dict[str, Source]:
    said, queries = claims.read(workspace.claims_path), workspace.queries()
    return weighed_sources(said, queries, training_conversations(workspace.split()))


def test_no_label_of_the_test_part_weighs_what_is_trained_on(tuned_shop: Workspace) -> None:
    """Every hand label of the test part is turned around, and not one pair is another.

    Without held-out entries: which ones are follows from the labels too, and with them what trains.
    """
    workspace = _checked(tuned_shop, 0.5)
    text = workspace.config_path.read_text(encoding="utf-8")
    text = re.sub("# held_out_entries = .*", "held_out_entries = 0.0", text)
    workspace.config_path.write_text(text, encoding="utf-8")
    make_split(workspace)
    before, weights = workspace.pairs(), _weights(workspace)
    assert weights["llm:x"].right.n > 5
    part = workspace.split().conversations
    place = {query.id: query.conversation for query in workspace.queries()}
    tested = [c for c in claims.read(workspace.claims_path) if c.is_human and part[place[c.query]] == TEST]
    assert len(tested) > 5
    claims.append(workspace.claims_path, [Claim(c.query, "nothing like it", "human:Ann", 1.0) for c in tested])

    assert not make_split(workspace).skipped

    trained = {pair for pair in before if part[pair.group] == TRAIN}
    assert {pair for pair in workspace.pairs() if part[pair.group] == TRAIN} == trained
    assert _weights(workspace) == weights


def test_by_default_no_hand_label_weighs_anything(tuned_shop: Workspace) -> None:
    _checked(tuned_shop, 0.0)
    make_split(tuned_shop)

    assert _weights(tuned_shop) == {}


def test_a_source_that_the_training_labels_found_wrong_is_trained_on_less(tuned_shop: Workspace) -> None:
    workspace = _checked(tuned_shop, 0.7)
    other = next(query for query in workspace.queries() if query.id not in {c.query for c in _of_people(workspace)})
    claims.replace(workspace.claims_path, BY, [])
    entry = workspace.catalogue().entries[0].id
    claims.append(workspace.claims_path, [Claim(other.id, entry, "llm:x", 0.9)])
    make_split(workspace)

    (pair,) = [pair for pair in workspace.pairs() if pair.claims == ("llm:x",)]
    assert pair.weight == pytest.approx(_weights(workspace)["llm:x"].precision(0.9))
    assert pair.weight < 0.5


def _of_people(workspace: Workspace) -> list[Claim]:
    return [claim for claim in claims.read(workspace.claims_path) if claim.is_human]


def test_without_logs_hand_labels_are_in_every_part(tuned_shop: Workspace) -> None:
    labelled = {claim.query for claim in claims.read(tuned_shop.claims_path) if claim.is_human}
    places = {query.conversation for query in tuned_shop.queries() if query.id in labelled}
    write_jsonl(tuned_shop.conversations_path, [])

    make_split(tuned_shop)

    parts = tuned_shop.split().conversations
    assert {parts[place] for place in places} == set(PARTS)


def test_where_far_fewer_conversations_train_than_asked_for_the_reason_is_given(
    tuned_shop: Workspace, heard: Any
) -> None:
    """36 of 96 conversations have hand labels, which measure."""

    def split(share: float) -> list[str]:
        config = tuned_shop.config_path.read_text(encoding="utf-8")
        config = re.sub(r"(?m)^(?:# )?(selection|calibration|test) = .*$", rf"\1 = {share}", config)
        tuned_shop.config_path.write_text(config, encoding="utf-8")
        heard.lines.clear()
        make_split(tuned_shop, force=True, reporter=heard)
        return [line for line in heard.lines if "of the conversations train" in line]

    # With so few queries of each entry none is held out: all that is told is about people's.
    assert split(0.05) == [
        "53% of the conversations train, not 85%: 36 have hand labels (split.human_labels_for_training)"
    ]
    assert split(0.3) == []


def test_held_out_entries_take_their_conversations_with_them() -> None:
    queries = {f"q{n}": Query(f"q{n}", f"第{n}问", f"c{n}", (0,)) for n in range(10)}
    decisions = decide([Claim(f"q{n}", "a" if n < 7 else "b", BY, 0.9) for n in range(10)])
    split = Split(0, {f"c{n}": "test" if n < 7 else "train" for n in range(10)}, {}, {"a": "test"})
    assert command._why_few_train(split, SplitConfig(), queries, decisions) == (
        "30% of the conversations train, not 50%: 7 ask about entries that are held out (1; split.held_out_entries)"
    )
    assert command._why_few_train(split, SplitConfig(test=0.4), queries, decisions) == ""


def test_logs_that_are_one_conversation_are_refused_by_name(tuned_shop: Workspace) -> None:
    """They were split into none, none and none, with the advice to change the shares."""
    only = [replace(conversation, id="log.csv#0") for conversation in tuned_shop.conversations()][:1]
    write_jsonl(tuned_shop.conversations_path, only)
    queries = [replace(query, conversation="log.csv#0") for query in tuned_shop.queries()]
    write_jsonl(tuned_shop.queries_path, queries)
    before = tuned_shop.split_path.read_bytes()

    with pytest.raises(
        UserError, match=r"all queries are in one conversation \(log\.csv#0\): a split needs many"
    ) as caught:
        make_split(tuned_shop)

    assert "session_column under [conversations]" in caught.value.next_step
    assert tuned_shop.split_path.read_bytes() == before
