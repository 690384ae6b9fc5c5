"""Labels of chosen queries never judge the machines; those of the random share do, as far as it has been asked."""

import gc
import shutil
from pathlib import Path
from typing import Any

import pytest

from faqtune import UserError, Workspace
from faqtune.annotate.decisions import Decision, act_of
from faqtune.annotate.shares import shuffled
from faqtune.annotate.store import Store
from faqtune.commands.project.annotated import chosen_queries
from faqtune.commands.project.settled import settled, training_conversations, weighed_sources
from faqtune.records import TEST, TRAIN, Claim, Query, Split

QUERIES = [Query(f"q{number}", f"问{number}", f"c{number}", (0,)) for number in range(40)]
SPLIT = Split(3, {f"c{number}": TRAIN if number < 30 else TEST for number in range(40)})
ORDER = [query for query in shuffled("random", (query.id for query in QUERIES), SPLIT.seed) if int(query[1:]) < 30]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def asked(workspace: Workspace, reasons: dict[str, str]) -> None:
    store = Store(workspace.acts_path)
    for query in QUERIES:
        if query.id in reasons:
            store.add(
                act_of(Decision(f"a{query.id}", query.id, "pick", 1, ("e",), why=reasons[query.id]), query, "王敏")
            )


def test_without_annotation_nothing_was_chosen(workspace: Workspace) -> None:
    assert chosen_queries(workspace, SPLIT) == frozenset()


def test_the_beginning_of_the_order_by_chance_counts_whatever_asked_it(workspace: Workspace) -> None:
    reasons = {ORDER[0]: "random", ORDER[1]: "disagreeing", ORDER[2]: "random", ORDER[5]: "disagreeing", ORDER[9]: ""}
    asked(workspace, reasons | {"q35": "random"})
    assert chosen_queries(workspace, SPLIT) == {ORDER[5]}


def test_what_people_labelled_is_read_where_nothing_can_be_written(lockable: Any) -> None:
    """SQLite would make a file beside the database."""
    workspace = Workspace(lockable.folder)
    asked(workspace, {ORDER[0]: "random", ORDER[1]: "disagreeing", ORDER[5]: "disagreeing"})
    there = chosen_queries(workspace, SPLIT)
    gc.collect()  # and with it the connections that would keep the log
    lockable.lock()
    assert chosen_queries(workspace, SPLIT) == there == {ORDER[1], ORDER[5]}


def test_what_was_said_last_is_not_left_out_where_nothing_can_be_written(workspace: Workspace, lockable: Any) -> None:
    """It lies beside the database until the last who has it open closes it."""
    asked(workspace, {ORDER[0]: "random"})
    store = Store(workspace.acts_path)
    asked(workspace, {ORDER[1]: "disagreeing"})
    for name in ("annotate.db", "annotate.db-wal"):
        shutil.copy(workspace.root / name, lockable.folder)
    store.close()
    lockable.lock()
    with pytest.raises(UserError, match="keep the file, it holds what people have said"):
        chosen_queries(Workspace(lockable.folder), SPLIT)


def test_a_rule_is_not_judged_by_the_queries_that_were_asked_because_it_is_contradicted(workspace: Workspace) -> None:
    """The rule is right on every query of the random share and wrong on all that were chosen."""
    drawn, chosen = ORDER[:12], ORDER[15:27]
    asked(workspace, dict.fromkeys(drawn, "random") | dict.fromkeys(chosen, "disagreeing"))
    claims = [Claim(query.id, "e", "reply_rules", 0.7) for query in QUERIES]
    claims += [Claim(query, "e", "human:王敏", 1.0) for query in drawn]
    claims += [Claim(query, "f", "human:王敏", 1.0) for query in chosen]
    found = chosen_queries(workspace, SPLIT)
    fair = weighed_sources(claims, QUERIES, training_conversations(SPLIT), found)["reply_rules"]
    biased = weighed_sources(claims, QUERIES, training_conversations(SPLIT))["reply_rules"]
    assert (fair.right.right, fair.right.n) == (12, 12)
    assert (biased.right.right, biased.right.n) == (12, 24)
    unlabelled = ORDER[28]
    assert settled(claims, QUERIES, SPLIT, found)[unlabelled].confidence > 0.7
    assert settled(claims, QUERIES, SPLIT)[unlabelled].confidence < 0.6
    assert settled(claims, QUERIES, SPLIT, found)[chosen[0]].entry == "f"
