"""`labels`: who labelled what, agreement, and how right each source is from which threshold on."""

from __future__ import annotations

import re

import pytest

from faqtune import UserError, Workspace, claims, decide_labels, make_split, show_labels
from faqtune.annotate.decisions import Decision, act_of
from faqtune.commands.annotation_files import open_for_files
from faqtune.commands.project.settled import training_conversations
from faqtune.label import BY, place_of
from faqtune.records import TRAIN, Claim, Query


def _said(workspace: Workspace) -> dict[str, dict[tuple[str, int], str | None]]:
    """By source, what it said last of each turn: a plain walk over the claims."""
    query = {query.id: query for query in workspace.queries()}
    said: dict[str, dict[tuple[str, int], str | None]] = {}
    for claim in claims.read(workspace.claims_path):
        said.setdefault(claim.by, {})[place_of(query[claim.query])] = claim.entry
    return said


def test_the_confusion_of_two_sources_is_counted_turn_by_turn(tuned_shop: Workspace) -> None:
    said = _said(tuned_shop)
    rules, people = said[BY], said["human:gold"]
    both = [place for place in rules if place in people]

    (found,) = show_labels(tuned_shop).agreement

    assert (found.one, found.other, found.turns) == ("human:gold", BY, len(both))
    assert found.same == sum(rules[place] == people[place] for place in both) > 5
    assert found.one_none == sum(people[place] is None for place in both)
    assert found.both_none == found.several == 0
    assert found.same + found.different + found.both_none + found.one_none == found.turns


def test_what_asks_for_several_that_nobody_named_agrees_with_nothing_and_contradicts_nothing(
    tuned_shop: Workspace,
) -> None:
    before = show_labels(tuned_shop)
    rules = {claim.query for claim in claims.read(tuned_shop.claims_path) if claim.by == BY}
    said = [claim for claim in claims.read(tuned_shop.claims_path) if claim.query in rules and claim.entry]
    people = next(claim for claim in said if claim.by == "human:gold")
    claims.append(tuned_shop.claims_path, [Claim(people.query, None, "human:gold", 1.0, reason="several")])

    after = show_labels(tuned_shop)

    (was,), (found,) = before.agreement, after.agreement
    assert (found.turns, found.several, found.one_none) == (was.turns, 1, was.one_none)
    assert found.same + found.different == was.same + was.different - 1
    old, new = (next(who for who in made.labellers if who.by == "human:gold") for made in (before, after))
    assert (new.several, new.none, new.turns) == (1, old.none, old.turns)


def test_who_labelled_what_counts_turns_and_what_was_taken_back(tuned_shop: Workspace) -> None:
    queries = [query for query in tuned_shop.queries() if len(query.turns) == 1][:2]
    entry = tuned_shop.catalogue().entries[0].id
    said = [
        Claim(queries[0].id, entry, "human:Ann", 1.0, act="1", when="2026-01-02"),
        Claim(queries[0].id, None, "human:Ann", 1.0, act="2", when="2026-01-03", reason="chitchat"),
        Claim(queries[1].id, entry, "human:Ann", 1.0, act="3", when="2026-01-05"),
    ]
    claims.append(tuned_shop.claims_path, said)
    claims.withdraw(tuned_shop.claims_path, "3", "human:Ann")

    ann = next(who for who in show_labels(tuned_shop).labellers if who.by == "human:Ann")

    assert (ann.turns, ann.entries, ann.none, ann.withdrawn) == (1, 0, 1, 1)
    assert (ann.first, ann.last) == ("2026-01-02", "2026-01-03")


def test_each_threshold_counts_what_reaches_it(tuned_shop: Workspace) -> None:
    rules = [claim for claim in claims.read(tuned_shop.claims_path) if claim.by == BY]
    query = {query.id: query for query in tuned_shop.queries()}
    people = _said(tuned_shop)["human:gold"]
    reasons = {c.query: c.reason for c in claims.read(tuned_shop.claims_path) if c.is_human}
    several = {place_of(query[q]) for q, reason in reasons.items() if reason == "several"}

    (made,) = show_labels(tuned_shop, test=True).tables

    assert (made.by, made.measure) == (BY, "reply cosine")
    assert made.rows[0].labels == len(rules)
    assert len(made.rows) > 1
    for row in made.rows:
        kept = [c for c in rules if float(re.findall(r"has cosine (\S+) with", c.why)[-1]) >= row.value]
        both = [c for c in kept if place_of(query[c.query]) in people.keys() - several]
        right = [c for c in both if people[place_of(query[c.query])] == c.entry]
        assert (row.labels, row.right.n, row.right.right) == (len(kept), len(both), len(right))
        assert (row.found.n, row.found.right) == (sum(e is not None for e in people.values()), len(right))


def test_a_source_without_cosines_is_shown_by_its_confidence(tuned_shop: Workspace) -> None:
    query = tuned_shop.queries()[0].id
    claims.append(tuned_shop.claims_path, [Claim(query, None, "llm:x", 0.75)])

    table = next(table for table in show_labels(tuned_shop).tables if table.by == "llm:x")

    assert (table.measure, [row.value for row in table.rows]) == ("confidence", [0.75])


def test_by_default_nothing_is_compared_with_the_test_part(tuned_shop: Workspace) -> None:
    made = show_labels(tuned_shop)
    assert (made.hand_labels, made.compared_with, made.with_test) == (36, 0, False)
    assert all(row.right.n == row.found.n == 0 for table in made.tables for row in table.rows)

    text = tuned_shop.config_path.read_text(encoding="utf-8")
    text = re.sub("# human_labels_for_training = .*", "human_labels_for_training = 0.5", text)
    tuned_shop.config_path.write_text(text, encoding="utf-8")
    make_split(tuned_shop)
    part = tuned_shop.split().conversations
    trains = sum(part[conversation] == TRAIN for conversation, _ in _said(tuned_shop)["human:gold"])
    assert show_labels(tuned_shop).compared_with == trains > 5


def _asked(workspace: Workspace, why: str, count: int) -> int:
    """Ann answers queries of the training part that the rules labelled, right; how many that are."""
    trained = training_conversations(workspace.split())
    people = {claim.query for claim in claims.read(workspace.claims_path) if claim.is_human}
    rules = {claim.query: claim.entry for claim in claims.read(workspace.claims_path) if claim.by == BY}
    session = open_for_files(workspace)
    able = [q for q in workspace.queries() if q.conversation in trained and q.id in rules and q.id not in people]
    for query in able[:count]:
        entry = rules[query.id] or ""
        act = act_of(Decision(f"{why}-{query.id}", query.id, "pick", 1, (entry,), why=why), query, "Ann")
        session.take_in(act)
    session.close()
    return len(able[:count])


@pytest.mark.parametrize("test", [False, True])
def test_labels_and_decide_judge_a_source_by_the_same_turns(tuned_shop: Workspace, test: bool) -> None:
    """Those that the queue chose because they are doubtful judge nobody: they would make a good rule look bad."""
    text = tuned_shop.config_path.read_text(encoding="utf-8")
    text = re.sub("# human_labels_for_training = .*", "human_labels_for_training = 1.0", text)
    tuned_shop.config_path.write_text(text, encoding="utf-8")
    make_split(tuned_shop)
    before = show_labels(tuned_shop, test=test).hand_labels
    assert _asked(tuned_shop, "disagreeing", 6) == 6

    decided, made = decide_labels(tuned_shop), show_labels(tuned_shop, test=test)

    assert made.hand_labels == before + 6
    assert (made.chosen, decided.chosen) == (6, 6)
    compared = before if test else decided.training - 6
    assert made.compared_with == compared > 20
    (rules,) = (weight.checked for weight in decided.weights if weight.by == BY)
    assert rules is not None
    first = made.tables[0].rows[0].right
    assert test or (first.n, first.right) == (rules.right.n, rules.right.right)


def test_two_people_are_compared_too(tuned_shop: Workspace) -> None:
    gold = [claim for claim in claims.read(tuned_shop.claims_path) if claim.by == "human:gold"][:3]
    claims.append(tuned_shop.claims_path, [Claim(c.query, c.entry, "human:Ann", 1.0) for c in gold])

    pairs = {(a.one, a.other): a for a in show_labels(tuned_shop).agreement}

    assert pairs["human:Ann", "human:gold"].turns == 3
    assert pairs["human:Ann", "human:gold"].different == pairs["human:Ann", "human:gold"].one_none == 0


def test_it_writes_nothing(tuned_shop: Workspace) -> None:
    before = {path: path.stat().st_mtime_ns for path in tuned_shop.root.rglob("*") if path.is_file()}
    show_labels(tuned_shop, test=True)
    assert {path: path.stat().st_mtime_ns for path in tuned_shop.root.rglob("*") if path.is_file()} == before


def test_labels_must_be_there(new_shop: Workspace) -> None:
    with pytest.raises(UserError, match="faqtune label"):
        show_labels(new_shop)


def test_a_query_is_where_it_ends() -> None:
    assert place_of(Query("q", "", "c", (1, 2))) == ("c", 2)
