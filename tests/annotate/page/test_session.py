"""What people do together: leases, decisions as Claims, undo, other turns, and what a killed process left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from faqtune import Workspace, claims
from faqtune.annotate.decisions import Decision, act_of
from faqtune.annotate.queue import Shares
from faqtune.annotate.refused import Refused
from faqtune.annotate.session import Session
from faqtune.annotate.shown import Shown
from faqtune.stored import write_jsonl


@pytest.fixture
def session(world: ModuleType, tmp_path: Path) -> Session:
    return world.open_world(tmp_path)


def pick(item: Shown, act: str, *entries: str) -> Decision:
    return Decision(act, item.item, "pick", item.turns, entries=entries or (item.offers[0].entry,), why=item.why)


def in_force(session: Session) -> list[tuple[str, str | None, str, str]]:
    return [(claim.query, claim.entry, claim.by, claim.reason) for claim in claims.read(session.claims_path)]


def test_nobody_gets_what_another_has(session: Session) -> None:
    first, second = session.next("王敏", 4), session.next("李雷", 4)
    assert len(first) == len(second) == 4
    assert not {item.item for item in first} & {item.item for item in second}


def test_items_come_again_after_the_page_was_loaded_anew(session: Session) -> None:
    first = session.next("王敏", 3)
    assert session.next("王敏", 3) == first
    more = session.next("王敏", 4, [item.item for item in first])
    assert len(more) == 1
    assert more[0] not in first


def test_an_answer_is_a_claim_of_the_person_and_undo_takes_it_back(session: Session) -> None:
    item = session.next("王敏", 1)[0]
    assert session.answer("王敏", pick(item, "act-00000001"))
    assert in_force(session) == [(item.query, item.offers[0].entry, "human:王敏", "")]
    undone = session.undo("王敏", "undo-0000001")
    assert undone is not None
    assert undone.item == item
    assert undone.was.questions == (item.offers[0].question,)
    assert in_force(session) == []
    assert len(claims.history(session.claims_path)) == 1
    assert session.next("王敏", 1) == [item]


def test_any_recent_answer_is_taken_back_and_only_one_s_own(session: Session) -> None:
    items = session.next("王敏", 3)
    for number, item in enumerate(items):
        session.answer("王敏", pick(item, f"act-0000000{number}"))
    assert [found.act for found in session.recent("王敏")] == ["act-00000002", "act-00000001", "act-00000000"]
    assert session.recent("李雷") == []
    assert session.undo("李雷", "undo-0000001", "act-00000001") is None
    undone = session.undo("王敏", "undo-0000002", "act-00000001")
    assert undone is not None
    assert undone.item == items[1]
    assert {claim[0] for claim in in_force(session)} == {items[0].query, items[2].query}
    assert [found.act for found in session.recent("王敏")] == ["act-00000002", "act-00000000"]
    assert session.undo("王敏", "undo-0000003", "act-00000001") is None


def test_the_same_act_again_is_the_same_answer(session: Session) -> None:
    item = session.next("王敏", 1)[0]
    assert session.answer("王敏", pick(item, "act-00000001", "e3"))
    assert not session.answer("王敏", pick(item, "act-00000001", "e4"))
    assert [claim[1] for claim in in_force(session)] == ["e3"]


def test_several_entries_are_claims_of_one_act(session: Session) -> None:
    item = session.next("王敏", 1)[0]
    session.answer("王敏", pick(item, "act-00000001", "e3", "e4", "e3"))
    assert [claim[1:] for claim in in_force(session)] == [
        ("e3", "human:王敏", "several"),
        ("e4", "human:王敏", "several"),
    ]


def test_skips_and_flags_are_kept_and_claim_nothing(session: Session) -> None:
    for number, what in enumerate(("skip", "flag")):
        item = session.next("王敏", 1)[0]
        session.answer("王敏", Decision(f"act-0000000{number}", item.item, what, item.turns, note="看一下"))
    assert in_force(session) == []
    assert [answer.act for answer in session.answers()] == ["skip", "flag"]


def test_other_turns_make_another_query_that_training_finds(session: Session, tmp_path: Path) -> None:
    item = next(item for item in session.next("王敏", 8) if item.most_turns > 1)
    longer = session.show(item.item, item.why, item.turns + 1)
    assert longer.text.endswith(item.text)
    assert longer.query != item.query
    session.answer("王敏", replace(pick(longer, "act-00000001"), turns=longer.turns))
    assert [claim[0] for claim in in_force(session)] == [longer.query]
    undone = session.undo("王敏", "undo-0000001")
    assert undone is not None
    assert undone.item == longer
    session.answer("王敏", replace(pick(longer, "act-00000002"), turns=longer.turns))
    session.close()
    workspace = Workspace(tmp_path)
    write_jsonl(workspace.queries_path, [])
    assert [(query.id, query.text) for query in workspace.queries()] == [(longer.query, longer.text)]
    # The item that was asked about is settled too.
    assert item.item not in {found.item for found in session.next("王敏", 8)}


def test_what_a_killed_process_had_written_as_acts_only_is_made_up_for(
    session: Session, world: ModuleType, tmp_path: Path
) -> None:
    one, other = session.next("王敏", 2)
    query = session.material.queue.item(one.item, one.why).query
    session.store.add(act_of(pick(one, "act-00000001"), query, "王敏"))
    session.answer("王敏", pick(other, "act-00000002"))
    session.store.undo("undo-0000001", "王敏")
    again = world.open_world(tmp_path)
    assert [claim[0] for claim in in_force(again)] == [one.query]
    assert [answer.query for answer in again.answers()] == [one.query]


def test_an_audited_item_hides_what_suggests_an_entry(world: ModuleType, tmp_path: Path) -> None:
    session = world.open_world(tmp_path, world.material(shares=Shares(audit=1.0)))
    for item in session.next("王敏", 8):
        assert item.audit
        assert all(offer.similarity is None and not offer.sources for offer in item.offers)


def test_a_share_is_given_to_two_people(world: ModuleType, tmp_path: Path) -> None:
    session = world.open_world(tmp_path, world.material(shares=Shares(second=1.0)))
    items = session.next("王敏", 4)
    for number, item in enumerate(items):
        session.answer("王敏", pick(item, f"act-0000000{number}"))
    seen = set()
    for number in range(9):
        item = session.next("李雷", 1)[0]
        seen.add(item.item)
        session.answer("李雷", pick(item, f"act-1000000{number}"))
    assert seen & {item.item for item in items}


def test_going_on_with_another_model_gives_back_what_was_fetched_ahead(world: ModuleType, session: Session) -> None:
    session.next("王敏", 4)
    session.order_anew(lambda old: world.material())
    assert session.generation == 1
    assert session.store.leases() == {}
    assert session.next("李雷", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": "guess"},
        {"entries": ("no such entry",)},
        {"entries": ()},
        {"what": "none", "entries": (), "reason": "because"},
        {"what": "skip"},
        {"item": "no such item"},
        {"turns": 9},
        {"why": "no such reason"},
    ],
)
def test_what_no_page_sends_is_refused_and_nothing_is_kept(session: Session, wrong: dict[str, object]) -> None:
    item = session.next("王敏", 1)[0]
    with pytest.raises(Refused):
        session.answer("王敏", replace(pick(item, "act-00000001"), **wrong))  # type: ignore[arg-type]
    assert session.store.acts() == []


def test_proposals_and_reports_are_kept_and_can_be_withdrawn(session: Session) -> None:
    session.propose("王敏", "act-00000001", {"what": "question", "entry": "e1", "question": " 几天到货 "})
    session.propose("王敏", "act-00000002", {"what": "entry", "question": "可以自提吗", "answer": "可以"})
    session.same("李雷", "act-00000003", {"entries": ["e1", "e2"]})
    assert [act.data.get("question") for act in session.store.standing("proposal", "same")] == [
        "几天到货",
        "可以自提吗",
        None,
    ]
    assert session.withdraw("李雷", "undo-0000001", "act-00000002")
    assert not session.withdraw("李雷", "undo-0000002", "act-00000002")
    assert [act.act for act in session.store.standing("proposal", "same")] == ["act-00000001", "act-00000003"]
    for wrong in ({"what": "question", "entry": "?", "question": "x"}, {"what": "entry", "question": " "}):
        with pytest.raises(Refused):
            session.propose("王敏", "act-00000009", wrong)
    with pytest.raises(Refused):
        session.same("王敏", "act-00000009", {"entries": ["e1", "e1"]})
