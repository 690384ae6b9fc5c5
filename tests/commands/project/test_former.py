"""Labels of people on entries that were called otherwise or left the catalogue: nothing is lost without a word."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest

from faqtune import UserError, Workspace, claims, decide_labels, ingest_files, label_queries, show_labels
from faqtune.annotate.carry import take_in, write_annotations
from faqtune.annotate.decisions import Decision, act_of
from faqtune.commands.annotation_files import open_for_files
from faqtune.commands.project.former import (
    HOW_TO_MOVE,
    HOW_TO_TAKE_ALONG,
    Left,
    hand_labels_by_entry,
    left_with_labels,
    told_left,
)
from faqtune.console.decide import show_decided
from faqtune.records import Catalogue, Entry, content_id

if TYPE_CHECKING:
    from tests.conftest import Heard

SHIP = "什么时候发货"
RENAMED = "发货时间是几点\n下单后多久能发出\n今天拍今天发吗"
REPLACED = ("大概几号寄出\n今天拍今天发吗", "三天内寄出。")


def _rewrite(workspace: Workspace, questions: str, answer: str = "", row: int = 0) -> None:
    """Other questions (and another answer) for the entry that is about shipping, or for that of a row."""
    path = workspace.root / "FAQ.xlsx"
    book = openpyxl.load_workbook(path)
    for cells in book.active.iter_rows(min_row=3):
        if cells[0].row == row or (not row and str(cells[1].value).startswith(SHIP)):
            cells[1].value, cells[2].value = questions, answer or cells[2].value
    book.save(path)


def _label(workspace: Workspace, *entries: str, count: int = 2) -> list[str]:
    """Ann says that some queries which nobody labelled ask for an entry, or several; their ids."""
    people = {claim.query for claim in claims.read(workspace.claims_path) if claim.is_human}
    session = open_for_files(workspace)
    queries = [query for query in session.material.pool.queries if query.id not in people][:count]
    for number, query in enumerate(queries):
        session.take_in(act_of(Decision(f"ann-{number}", query.id, "pick", 1, entries), query, "Ann"))
    session.close()
    return [query.id for query in queries]


def _said(workspace: Workspace, query: str) -> str | None:
    return [claim.entry for claim in claims.read(workspace.claims_path) if claim.query == query][-1]


def _carried(workspace: Workspace, path: Path, *, edit: tuple[str, str] | None = None) -> tuple[int, int]:
    """How many annotations an export holds and how many are new when it comes back; `edit`: a label, and another."""
    session = open_for_files(workspace)
    write_annotations(session, path)
    if edit:
        book = openpyxl.load_workbook(path)
        for cells in book.active.iter_rows(min_row=2):
            if cells[1].value == edit[0]:
                cells[1].value = edit[1]
        book.save(path)
    try:
        return take_in(session, path, "me")[:2]
    finally:
        session.close()


@pytest.fixture
def orphaned(tuned_shop: Workspace) -> Workspace:
    """Ann has labelled two queries with an entry that is then replaced by another."""
    _label(tuned_shop, content_id(SHIP))
    _rewrite(tuned_shop, *REPLACED)
    ingest_files(tuned_shop)
    return tuned_shop


def test_a_renamed_question_keeps_its_labels_and_says_so(tuned_shop: Workspace, heard: Heard) -> None:
    _label(tuned_shop, content_id(SHIP))
    _rewrite(tuned_shop, RENAMED)

    made = ingest_files(tuned_shop, reporter=heard)

    assert heard.lines == [f"note: {SHIP} is called 发货时间是几点 now: its hand labels (5) go with it"]
    assert made.left == []
    # The file of hand labels still calls it as it was called.
    assert not label_queries(tuned_shop).skipped
    assert decide_labels(tuned_shop).gone == {}
    heard.lines.clear()
    ingest_files(tuned_shop, force=True, reporter=heard)
    assert heard.lines == []


def test_an_entry_that_left_is_named_once_with_its_labels_and_successor(tuned_shop: Workspace, heard: Heard) -> None:
    _label(tuned_shop, content_id(SHIP))
    _rewrite(tuned_shop, *REPLACED)

    made = ingest_files(tuned_shop, reporter=heard)

    told = f"note: {SHIP} is no longer in the catalogue: 5 hand labels stand on it; likely in its place: 大概几号寄出"
    assert heard.lines == [told, HOW_TO_MOVE]
    assert [(one.question, one.hand_labels, one.successors) for one in made.left] == [(SHIP, 5, ("大概几号寄出",))]
    heard.lines.clear()
    assert ingest_files(tuned_shop, reporter=heard).left == made.left
    assert ingest_files(tuned_shop, force=True, reporter=heard).left == []
    assert heard.lines == []


def test_an_entry_without_hand_labels_leaves_without_a_word(tuned_shop: Workspace, heard: Heard) -> None:
    claims_of = hand_labels_by_entry(claims.read(tuned_shop.claims_path))
    assert claims_of[content_id(SHIP)] == 3
    tuned_shop.claims_path.unlink()
    _rewrite(tuned_shop, *REPLACED)
    ingest_files(tuned_shop, reporter=heard)
    assert heard.lines == []


def test_damaged_files_of_the_last_time_are_said_and_made_anew(tuned_shop: Workspace, heard: Heard) -> None:
    for path in (tuned_shop.catalogue_path, tuned_shop.former_entries_path):
        path.write_text("{", encoding="utf-8")
    ingest_files(tuned_shop, reporter=heard)
    assert len(heard.lines) == 2 and all("get new ids" in line for line in heard.lines)
    assert (len(tuned_shop.catalogue()), tuned_shop.former_entries()) == (10, [])


def test_what_is_decided_adds_up(orphaned: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    made = decide_labels(orphaned)

    # The rules' labels are those of the last labelling: some of them are on the old entry too.
    assert list(made.gone) == [SHIP] and made.gone[SHIP] >= 5
    decided = made.by_people + made.agreeing + made.disagreeing + made.one_machine
    assert decided == made.pairs + made.without_entry + made.gone[SHIP]
    show_decided(made, orphaned.catalogue())
    count = made.gone[SHIP]
    assert (
        f"{count} queries whose entries are no longer in the catalogue: {SHIP} ({count})\n" in capsys.readouterr().out
    )


def test_labels_counts_them_apart_and_judges_no_source_by_them(orphaned: Workspace) -> None:
    made = show_labels(orphaned, test=True)

    ann, gold, _rules = made.labellers
    assert (ann.turns, ann.entries, ann.none, ann.gone) == (2, 0, 0, 2)
    assert (gold.gone, gold.turns) == (3, gold.entries + gold.none + 3)
    by_people = {claim.query for claim in claims.read(orphaned.claims_path) if claim.is_human}
    (rules,) = made.tables
    assert rules.rows[0].found.n == len(by_people) - gold.none - 5


@pytest.mark.parametrize("name", ["a.jsonl", "a.xlsx", "argilla.json", "label-studio.json"])
def test_a_fresh_export_comes_back_and_calls_the_entry_by_its_name(
    orphaned: Workspace, tmp_path: Path, name: str
) -> None:
    assert _carried(orphaned, tmp_path / name) == (2, 0)
    if name.endswith(".json"):
        assert SHIP in json.dumps(json.loads((tmp_path / name).read_text("utf-8")), ensure_ascii=False)


def test_an_export_comes_back_even_where_nobody_remembers_the_entry(orphaned: Workspace, tmp_path: Path) -> None:
    orphaned.former_entries_path.unlink()
    assert _carried(orphaned, tmp_path / "a.xlsx") == (2, 0)


def test_labels_are_moved_in_the_spreadsheet(orphaned: Workspace, tmp_path: Path) -> None:
    ids = {entry.questions[0]: entry.id for entry in orphaned.catalogue()}
    assert _carried(orphaned, tmp_path / "labels.xlsx", edit=(SHIP, "大概几号寄出")) == (2, 2)
    moved = hand_labels_by_entry(claims.read(orphaned.claims_path))
    assert (moved[ids["大概几号寄出"]], moved[content_id(SHIP)]) == (2, 3)
    assert _carried(orphaned, tmp_path / "again.xlsx") == (4, 0)


def test_where_another_entry_has_the_old_question_now_an_export_moves_the_labels(
    orphaned: Workspace, tmp_path: Path
) -> None:
    entry = orphaned.catalogue().entries[1]
    _rewrite(orphaned, "\n".join((*entry.questions, SHIP)), row=4)
    ingest_files(orphaned)
    assert entry.id in orphaned.catalogue().rows
    assert _carried(orphaned, tmp_path / "labels.jsonl") == (2, 2)
    assert hand_labels_by_entry(claims.read(orphaned.claims_path))[entry.id] == 3 + 2
    assert _carried(orphaned, tmp_path / "again.jsonl")[1] == 0


def test_a_new_label_on_an_entry_that_left_is_refused(orphaned: Workspace, tmp_path: Path) -> None:
    session = open_for_files(orphaned)
    write_annotations(session, tmp_path / "a.jsonl")
    head, *lines = (tmp_path / "a.jsonl").read_text("utf-8").splitlines()
    other = json.loads(lines[0])
    other["answer"] |= {"by": "Bob", "id": "bob-1"}
    (tmp_path / "b.jsonl").write_text("\n".join([head, json.dumps(other)]), encoding="utf-8")
    with pytest.raises(UserError, match=f"b.jsonl: 1 new answer names '{SHIP}', which is no longer in the catalogue"):
        take_in(session, tmp_path / "b.jsonl", "me")
    session.close()
    assert "human:Bob" not in {claim.by for claim in claims.read(orphaned.claims_path)}


@pytest.mark.parametrize("name", ["labels.jsonl", "labels.xlsx", "argilla.json", "label-studio.json"])
def test_of_two_entries_of_a_label_one_may_have_left_and_the_other_be_moved(
    tuned_shop: Workspace, tmp_path: Path, name: str
) -> None:
    other = tuned_shop.catalogue().entries[1]
    (query,) = _label(tuned_shop, content_id(SHIP), other.id, count=1)
    _rewrite(tuned_shop, *REPLACED)
    _rewrite(tuned_shop, "谁都没问过这个", "没有。", row=4)
    ingest_files(tuned_shop)
    third = tuned_shop.catalogue().entries[2]
    _rewrite(tuned_shop, "\n".join((*third.questions, other.questions[0])), row=5)
    ingest_files(tuned_shop)

    assert _carried(tuned_shop, tmp_path / name) == (1, 1)
    now = {claim.entry for claim in claims.read(tuned_shop.claims_path) if claim.query == query and claim.is_human}
    assert now == {content_id(SHIP), other.id, third.id}
    assert decide_labels(tuned_shop).gone[SHIP] >= 3
    assert _carried(tuned_shop, tmp_path / f"again-{name}")[1] == 0


def test_an_entry_that_has_another_id_now_says_so_and_its_labels_come_along_with_an_export(
    tuned_shop: Workspace, heard: Heard, tmp_path: Path
) -> None:
    _label(tuned_shop, content_id(SHIP))
    path = tuned_shop.root / "FAQ.xlsx"
    book = openpyxl.load_workbook(path)
    sheet = book.active
    column = sheet.max_column + 1
    sheet.cell(2, column, "编号")
    for row in range(3, sheet.max_row + 1):
        sheet.cell(row, column, f"faq-{row}")
    book.save(path)
    heard.lines.clear()

    made = ingest_files(tuned_shop, reporter=heard)

    *named, how = heard.lines
    assert f"note: {SHIP} has another id now: 5 hand labels stand on the one that it had" in named
    assert (how, all(one.has_other_id for one in made.left)) == (HOW_TO_TAKE_ALONG, True)
    assert ingest_files(tuned_shop).left == made.left
    now = next(entry.id for entry in tuned_shop.catalogue() if entry.questions[0] == SHIP)
    label_queries(tuned_shop)
    assert hand_labels_by_entry(claims.read(tuned_shop.claims_path))[now] == 3
    assert _carried(tuned_shop, tmp_path / "labels.xlsx") == (2, 2)
    assert hand_labels_by_entry(claims.read(tuned_shop.claims_path))[now] == 5


def test_where_two_entries_have_the_question_that_left_its_labels_are_moved_by_hand(tuned_shop: Workspace) -> None:
    left = Left("old", SHIP, 2, (SHIP,))
    assert list(told_left([left, replace(left, has_other_id=True)])) == [
        f"note: {SHIP} is no longer in the catalogue: 2 hand labels stand on it; likely in its place: {SHIP}",
        f"note: {SHIP} has another id now: 2 hand labels stand on the one that it had",
        HOW_TO_TAKE_ALONG,
        HOW_TO_MOVE,
    ]
    before = tuned_shop.catalogue()
    now = Catalogue((*(replace(entry, id=f"new-{entry.id}") for entry in before), Entry("two", ("别的", SHIP), "")))
    ship = next(one for one in left_with_labels(tuned_shop, before, now) if one.question == SHIP)
    assert not ship.has_other_id
