"""`decide`: what the labels come to, who is trusted how far, and which labels to look at again."""

from __future__ import annotations

import pytest

from faqtune import UserError, Workspace, claims, decide_labels, label_queries
from faqtune.commands.after_annotation import label_the_rest
from faqtune.commands.decide import read_doubts
from faqtune.commands.project.assemble import load_project
from faqtune.commands.project.settled import training_conversations
from faqtune.label import BY
from faqtune.records import Claim
from faqtune.runs import find_run


def _of_machines_alone(workspace: Workspace) -> list[Claim]:
    """The rules' claims about turns that nobody labelled by hand."""
    decisions = load_project(workspace).decisions
    said = [claim for claim in claims.read(workspace.claims_path) if claim.by == BY and claim.query in decisions]
    return [claim for claim in said if not decisions[claim.query].is_human]


def test_counts_are_those_of_the_decisions(tuned_shop: Workspace) -> None:
    one, other, third, *_ = _of_machines_alone(tuned_shop)
    wrong = next(entry.id for entry in tuned_shop.catalogue() if entry.id != other.entry)
    claims.append(
        tuned_shop.claims_path,
        [Claim(one.query, one.entry, "llm:x", 0.7), Claim(other.query, wrong, "llm:x", 0.7)],
    )
    people = {claim.query for claim in claims.read(tuned_shop.claims_path) if claim.is_human}
    before = decide_labels(tuned_shop)
    claims.append(tuned_shop.claims_path, [Claim(third.query, None, "human:li", 1.0, reason="several")])
    people.add(third.query)

    made = decide_labels(tuned_shop)

    decisions = load_project(tuned_shop).decisions
    assert made.by_people == sum(decision.is_human for decision in decisions.values()) == len(people)
    assert made.by_people + made.agreeing + made.disagreeing + made.one_machine == len(decisions)
    assert (made.agreeing, made.disagreeing) == (1, 1)
    assert (made.several, made.without_entry) == (before.several + 1, before.without_entry)
    assert made.pairs == len(tuned_shop.pairs())
    assert [weight.by for weight in made.weights] == ["llm:x", BY]
    assert all(weight.checked is None for weight in made.weights)


def test_doubts_are_written_worst_first_and_not_looked_for_twice(
    tuned_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [entry.id for entry in tuned_shop.catalogue()]
    wrong = [
        Claim(claim.query, entries[entries.index(claim.entry or "") - 5], "llm:x", 0.999)
        for claim in _of_machines_alone(tuned_shop)[:6]
    ]
    claims.append(tuned_shop.claims_path, wrong)

    made = decide_labels(tuned_shop)

    assert {doubt.query for doubt in made.doubts} & {claim.query for claim in wrong}
    assert read_doubts(tuned_shop) == made.doubts
    assert 0 < len(made.doubts) <= made.checked
    scores = [doubt.score for doubt in made.doubts]
    assert scores == sorted(scores, reverse=True)
    decisions, catalogue = load_project(tuned_shop).decisions, tuned_shop.catalogue()
    for doubt in made.doubts:
        assert decisions[doubt.query].entry == doubt.label != doubt.suggested
        assert doubt.suggested in catalogue.rows

    def refuse(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("faqtune.commands.decide.load_model", refuse)
    assert decide_labels(tuned_shop) == made
    with pytest.raises(AssertionError, match="a model was loaded"):
        decide_labels(tuned_shop, force=True)


def test_no_hand_label_of_a_part_that_measures_is_doubted(tuned_shop: Workspace) -> None:
    entries = [entry.id for entry in tuned_shop.catalogue()]
    people = [claim for claim in claims.read(tuned_shop.claims_path) if claim.is_human and claim.entry]
    turned = [Claim(c.query, next(e for e in entries if e != c.entry), "human:Ann", 1.0) for c in people]
    claims.append(tuned_shop.claims_path, turned)

    made = decide_labels(tuned_shop)

    assert not {doubt.query for doubt in made.doubts} & {claim.query for claim in people}


def test_a_tuned_model_is_not_asked_about_what_it_has_learned(tuned_shop: Workspace) -> None:
    place = {query.id: query.conversation for query in tuned_shop.queries()}
    trained = training_conversations(tuned_shop.split())
    everything = decide_labels(tuned_shop).checked

    made = decide_labels(tuned_shop, model="tuned")

    assert 0 < made.checked < everything
    assert not {place[doubt.query] for doubt in made.doubts} & trained
    assert made.model == next(tuned_shop.runs_path.iterdir()).name
    by_place = decide_labels(tuned_shop, model=str(find_run(tuned_shop).model_path))
    assert by_place.checked == made.checked


def test_labels_must_be_there(new_shop: Workspace) -> None:
    with pytest.raises(UserError, match="faqtune label"):
        decide_labels(new_shop)
    assert read_doubts(new_shop) == []


def test_after_annotation_the_rest_is_labelled_with_the_tuned_model_and_people_win(tuned_shop: Workspace) -> None:
    rule = next(claim for claim in claims.read(tuned_shop.claims_path) if claim.by == BY)
    entry = next(entry.id for entry in tuned_shop.catalogue() if entry.id != rule.entry)
    person = Claim(rule.query, entry, "human:Ann", 1.0, act="1")
    claims.append(tuned_shop.claims_path, [person])

    made = label_the_rest(tuned_shop)

    assert not made.labelled.skipped
    assert label_queries(tuned_shop, model="tuned").skipped
    assert load_project(tuned_shop).decisions[rule.query].entry == entry
    assert "1" in {claim.act for claim in claims.read(tuned_shop.claims_path)}
    assert made.decided.pairs == len(tuned_shop.pairs())


def test_after_annotation_needs_a_tuned_model_or_a_name(new_shop: Workspace) -> None:
    with pytest.raises(UserError, match="run"):
        label_the_rest(new_shop)
