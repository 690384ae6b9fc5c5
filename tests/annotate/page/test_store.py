"""The log of acts: nothing twice, nothing lost, undone for good, leased to one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from faqtune.annotate.store import ANSWER, MIGRATIONS, Act, Store
from faqtune.errors import UserError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "annotate.db")


def answer(act: str, item: str = "q1", by: str = "a") -> Act:
    return Act(act, ANSWER, by, {"item": item})


def test_an_act_is_there_once_however_often_it_is_sent(store: Store) -> None:
    assert store.add(answer("act-1"))
    assert not store.add(answer("act-1"))
    assert [act.act for act in store.acts()] == ["act-1"]


def test_acts_of_another_process_are_seen(store: Store) -> None:
    store.add(answer("act-1"))
    Store(store.path).add(answer("act-2"))
    assert [act.act for act in store.acts()] == ["act-1", "act-2"]


def test_undo_goes_back_any_number_of_steps_also_after_a_restart(store: Store) -> None:
    for number in range(4):
        store.add(answer(f"act-{number}"))
    store.add(answer("of another", by="b"))
    taken = [store.undo(f"undo-{number}", "a") for number in range(2)]
    again = Store(store.path)
    taken += [again.undo(f"undo-{number}", "a") for number in range(2, 5)]
    assert [act.act if act else None for act in taken] == ["act-3", "act-2", "act-1", "act-0", None]
    assert [act.act for act in again.standing(ANSWER)] == ["of another"]
    assert len(again.acts()) == 9


def test_an_undo_that_is_sent_again_takes_back_nothing_more(store: Store) -> None:
    store.add(answer("act-1"))
    store.add(answer("act-2"))
    first, second = store.undo("undo-1", "a"), store.undo("undo-1", "a")
    assert first is not None
    assert first == second
    assert [act.act for act in store.standing(ANSWER)] == ["act-1"]


def test_an_item_is_leased_to_one_person_until_the_lease_runs_out(store: Store) -> None:
    assert store.lease("q1", "a", "random", 60)
    assert not store.lease("q1", "b", "random", 60)
    assert store.lease("q2", "b", "uncertain", -1)
    assert store.leases() == {"q1": ("a", "random")}
    assert store.lease("q2", "a", "random", 60)


def test_whoever_answers_an_item_gives_it_back(store: Store) -> None:
    store.lease("q1", "a", "random", 60)
    store.add(answer("act-1", "q1", "b"))
    assert store.leases() == {"q1": ("a", "random")}
    store.add(answer("act-2", "q1", "a"))
    assert store.leases() == {}


def test_what_is_no_database_or_of_a_later_version_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_bytes(b"something else, long enough to be looked at" * 10)
    with pytest.raises(UserError, match="keep the file"):
        Store(tmp_path / "no.db")
    store = Store(tmp_path / "later.db")
    with sqlite3.connect(store.path) as connection:
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    with pytest.raises(UserError, match="later version"):
        Store(store.path)
