"""`split`: hand labels only measure, and the same decisions give the same split."""

from __future__ import annotations

import re
import sys

import pytest

from faqtune import Workspace, claims, make_split
from faqtune.commands import split as command
from faqtune.commands.assemble import evaluation_set, load_project
from faqtune.label import BY
from faqtune.records import CALIBRATION, SELECTION, TEST


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
    for part, count in made.queries.items():
        assert count == sum(split.conversations[query.conversation] == part for query in tuned_shop.queries())


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
    assert made.measured == {
        part: len(evaluation_set(project, part).positives) for part in (SELECTION, CALIBRATION, TEST)
    }
    assert 0 < made.measured[TEST] < made.queries[TEST]
