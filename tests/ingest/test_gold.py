"""Hand labels find their entry and their conversation, or say on which line they do not."""

from __future__ import annotations

import json

import pytest

from faqtune.errors import UserError
from faqtune.ingest import NO_SUCH_TURN, NOT_READ, GoldLabel, read_gold
from faqtune.records import Catalogue, Conversation, Entry, Turn

OURS = Catalogue(
    (
        Entry("x1", ("几天能到？", "多久到货"), "3天"),
        Entry("x2", ("包邮吗",), "包"),
        Entry("x3", ("包邮吗", "免运费吗"), "不包"),
    )
)
THEIRS = Catalogue(
    (Entry("F01", ("几天能到?",), "三天"), Entry("F02", ("能退吗",), "能"), Entry("F03", ("包邮吗",), "不包"))
)
TURNS = (Turn("在吗", "在"),)
LOGS = [Conversation("S7", TURNS, "data.json#0"), Conversation("S9", TURNS, "data.json#2")]


def labels(put, *rows, **given):
    path = put("gold.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return read_gold([path], OURS, **given)


def test_labels_name_entries_by_id_by_question_or_none(put):
    rows = [
        {"query": "到我这要几天", "conversation": "S7", "turn": 2, "entry": "x1", "reason": None, "context_turns": 1},
        {"query": "多久能到", "conversation": "S7", "turn": 3, "entry": "多久到货"},
        {"query": "谢谢", "entry": None, "reason": "chitchat"},
    ]
    found, report = labels(put, *rows)
    assert found == [
        GoldLabel("到我这要几天", "S7", 2, "x1", "", 1),
        GoldLabel("多久能到", "S7", 3, "x1"),
        GoldLabel("谢谢", "gold.jsonl#3", 0, None, "chitchat"),
    ]
    assert report.totals() == {"labels": 3, "with an entry": 2, "without an entry": 1}


def test_ids_of_another_catalogue_are_mapped_by_shared_questions(put):
    rows = [{"query": "q", "entry": "F01"}, {"query": "q", "entry": "F03"}, {"query": "q", "entry": "x2"}]
    found, _ = labels(put, *rows, id_catalogue=THEIRS)
    # 包邮吗 stands under x2 and x3; the answer decides.
    assert [label.entry for label in found] == ["x1", "x3", "x2"]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("x9", "line 2: no entry 'x9'"),
        ("F02", "line 2: no entry 'F02'"),
        ("包邮吗", r"under the entries x2 \(answer: .+\), x3 \(answer: .+\)"),
    ],
)
def test_entries_that_cannot_be_found_are_named_with_their_line(put, entry, told):
    with pytest.raises(UserError, match=told):
        labels(put, {"query": "q", "entry": None}, {"query": "q", "entry": entry}, id_catalogue=THEIRS)


@pytest.mark.parametrize("given", [{}, {"id_catalogue": THEIRS}])
def test_all_that_name_no_entry_are_told_at_once(put, given):
    rows = [{"query": "q", "entry": entry} for entry in ("x1", "x9", "x1", *["gone"] * 12)]
    with pytest.raises(UserError, match=r"line 2: no entry 'x9' in the catalogue, nor what 12 more name") as error:
        labels(put, *rows, **given)
    assert "(line 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, …)" in error.value.problem
    # Whoever has said where the ids are from is not told to say it.
    assert ("set gold.catalogue" in error.value.next_step) is not bool(given)
    with pytest.raises(UserError, match=r"'x9' in the catalogue\. Next"):
        labels(put, *rows[:3], **given)


def test_numbers_are_indices_in_the_one_log_file(put):
    rows = [{"query": "q", "conversation": c, "entry": None} for c in (0, 2, "S9", "data.json#2", 1)]
    found, report = labels(put, *rows, conversations=iter(LOGS))
    assert [label.conversation for label in found] == ["S7", "S9", "S9", "S9", "data.json#1"]
    assert [(remark.row, remark.why) for remark in report.notes] == [(5, NOT_READ)]


def test_numbers_need_a_single_log_file(put):
    logs = [*LOGS, Conversation("o", (Turn("a", "b"),), "output.json#0")]
    with pytest.raises(UserError, match="2 log files"):
        labels(put, {"query": "q", "conversation": 0, "entry": None}, conversations=logs)
    assert labels(put, {"query": "q", "conversation": 5, "entry": None})[0][0].conversation == "5"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"entry": "x1"}, "no query"),
        ({"query": "q"}, "no entry"),
        ({"query": "q", "entry": ["x1"]}, "`entry` is"),
        ({"query": "q", "entry": None, "turn": -1}, "`turn` is"),
        ({"query": "q", "entry": None, "conversation": 1.5}, "`conversation` is"),
        ([1], "line 1"),
    ],
)
def test_rows_of_another_shape_are_named(put, row, told):
    with pytest.raises(UserError, match=told):
        labels(put, row)


def test_a_turn_that_the_conversation_does_not_have_is_noted(put):
    rows = [{"query": "q", "conversation": c, "turn": t, "entry": None} for c, t in (("S7", 0), ("S7", 1), (2, 7))]
    found, report = labels(put, *rows, conversations=LOGS)
    assert [label.turn for label in found] == [0, 1, 7]
    assert [(note.row, note.why, note.detail) for note in report.notes] == [
        (2, NO_SUCH_TURN, "1 of 1, from 0"),
        (3, NO_SUCH_TURN, "7 of 1, from 0"),
    ]
