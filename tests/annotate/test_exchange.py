"""Labels of people in every form: what is written is read back, nothing comes in twice, bad rows are named."""

import json
from dataclasses import replace

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faqtune.annotate.answers import Answer, claims_of
from faqtune.annotate.exchange import Annotated, Known, Unasked, export, form_of, read
from faqtune.annotate.exchange.label_studio import interface
from faqtune.annotate.exchange.taken import new_answers
from faqtune.annotate.workbook import armed, defused, write_workbook
from faqtune.claims import Told
from faqtune.errors import UserError
from faqtune.label import decide, query_id
from faqtune.records import Catalogue, Claim, Conversation, Entry, Query, Turn

CATALOGUE = Catalogue(
    (
        Entry("ship", ("发货时间", "几天发货"), "48小时"),
        Entry("back", ("退货政策 | 换货",), "七天"),
        Entry("same1", ("有货吗",), "有"),
        Entry("same2", ("有货吗",), "在"),
    )
)
CONVERSATION = Conversation("s1", (Turn("在吗", "亲"), Turn("什么时候发", "48小时内"), Turn("=1+1", "?")), "log#0")


def query(turns, text, reply=""):
    return Query(query_id("s1", turns), text, "s1", turns, reply)


QUERIES = (
    query((1,), "什么时候发", "48小时内"),
    query((0, 1), "在吗，什么时候发", "48小时内"),
    query((2,), "=1+1", "?"),
)
KNOWN = Known(CATALOGUE, QUERIES, {"s1": CONVERSATION})
WHEN = "2026-11-28T10:00:00+00:00"
ROWS = [
    Annotated(
        QUERIES[0],
        Answer(
            "pick", QUERIES[0].id, ("ship",), "", "王敏", WHEN, 4.5, ("ship", "back"), "ship", "uncertain", True,
            "=好", "a1",
        ),
    ),
    Annotated(QUERIES[1], Answer("pick", QUERIES[1].id, ("ship", "back"), by="Ann", when=WHEN, id="a2")),
    Annotated(
        QUERIES[2],
        Answer("none", QUERIES[2].id, reason="unclear", by="Ann", when=WHEN, candidates=("same1", "back"), id="a3"),
    ),
    Annotated(QUERIES[0], Answer("pick", QUERIES[0].id, ("same2",), by="Ann", when=WHEN, id="a4")),
    Annotated(QUERIES[2], Answer("skip", QUERIES[2].id, by="王敏", when=WHEN, id="a5")),
]  # fmt: skip


def written(tmp_path, name, form="", rows=ROWS):
    path = tmp_path / name
    export(path, rows, KNOWN, form)
    return path


def labels(rows):
    return {(row.query.id, row.answer.by, row.answer.act, row.answer.entries, row.answer.reason) for row in rows}


def test_jsonl_and_xlsx_lose_nothing(tmp_path):
    for name, form in (("labels.jsonl", "jsonl"), ("labels.xlsx", "xlsx")):
        assert read(written(tmp_path, name), KNOWN, "me") == (ROWS, form)


def test_the_first_line_says_what_the_records_are_whatever_the_file_is_called(tmp_path):
    for name in ("labels.jsonl", "o2.jsonl"):
        first = written(tmp_path, name).read_text(encoding="utf-8").splitlines()[0]
        assert json.loads(first) == {"schema": 1, "kind": "annotations"}


def test_a_first_line_of_more_than_a_megabyte_is_a_line_too(tmp_path):
    """A note, or a reply with a picture in it, may be that long."""
    rows = [replace(ROWS[0], answer=replace(ROWS[0].answer, note="长" * (1 << 20))), ROWS[1]]
    assert read(written(tmp_path, "labels.jsonl", rows=rows), KNOWN, "me") == (rows, "jsonl")


@pytest.mark.parametrize("name", ["labels.jsonl", "labels.xlsx"])
def test_an_export_of_nothing_is_read_back_as_nothing(tmp_path, name):
    assert read(written(tmp_path, name, rows=[]), KNOWN, "me")[0] == []


@pytest.mark.parametrize(("name", "form"), [("argilla.json", "argilla"), ("label-studio.json", "label-studio")])
def test_other_tools_keep_queries_labels_and_people(tmp_path, name, form):
    found, told = read(written(tmp_path, name), KNOWN, "me")
    assert told == form
    assert labels(found) == labels(row for row in ROWS if row.answer.is_label)


def test_argilla_gets_records_as_it_reads_them(tmp_path):
    records = json.loads(written(tmp_path, "argilla.json").read_text(encoding="utf-8"))
    assert [record["id"] for record in records] == [QUERIES[0].id, QUERIES[1].id, QUERIES[2].id]
    first = records[0]
    assert first["fields"]["conversation"].splitlines()[-2:] == [
        "客户 / customer: 什么时候发",
        "客服 / agent: 48小时内",
    ]
    assert first["suggestions"] == {"entry": {"value": ["发货时间"], "score": None, "agent": "faqtune"}}
    assert [response["value"] for response in first["responses"]["entry"]] == [["发货时间"], ["same2"]]
    scalar = (str, int, float)
    for value in first["metadata"].values():
        assert isinstance(value, scalar) or all(isinstance(part, str) for part in value)


def test_what_argilla_and_label_studio_export_is_read(tmp_path):
    """Users without names, one value instead of a list, drafts, cancelled annotations, numbers of people."""
    record = {
        "id": QUERIES[0].id, "fields": {"query": "什么时候发"}, "metadata": {}, "vectors": {}, "_server_id": "x",
        "suggestions": {"entry": {"value": "退货政策 | 换货", "score": 0.9, "agent": "m"}},
        "responses": {"entry": [
            {"value": "发货时间", "user_id": "12345678-aaaa", "status": "submitted"},
            {"value": "退货政策 | 换货", "user_id": "99999999-aaaa", "status": "draft"},
        ]},
    }  # fmt: skip
    choice = {"from_name": "entry", "to_name": "query", "type": "choices", "value": {"choices": ["(chitchat)"]}}
    task = {
        "id": 7, "data": {"id": QUERIES[2].id, "query": "=1+1"},
        "annotations": [
            {"completed_by": 3, "result": [choice], "lead_time": 2.5, "was_cancelled": False, "created_at": WHEN},
            {"completed_by": 4, "result": [choice], "was_cancelled": True},
            {"completed_by": 5, "result": []},
        ],
        "predictions": [{"result": [choice]}],
    }  # fmt: skip
    for name, item, wanted in (
        ("argilla.json", record, {(QUERIES[0].id, "me-12345678", "pick", ("ship",), "")}),
        ("label-studio.json", task, {(QUERIES[2].id, "me-3", "none", (), "chitchat")}),
    ):
        (tmp_path / name).write_text(json.dumps([item]), encoding="utf-8")
        assert labels(read(tmp_path / name, KNOWN, "me")[0]) == wanted


def test_the_interface_of_label_studio_escapes_what_a_catalogue_may_hold():
    catalogue = Catalogue((Entry("e", ('a<b>&"c"',), "x"),))
    assert """<Choice value='a&lt;b&gt;&amp;"c"'/>""" in interface(Known(catalogue))


def test_triples_are_as_the_older_workflow_made_them(tmp_path):
    """The pick and its disturbed copy are positives, the candidates that were not picked are negatives (SPEC §2.3)."""
    triples = json.loads(written(tmp_path, "annonated_dataset.json").read_text(encoding="utf-8"))
    mine = [triple for triple in triples if triple[1] in ("发货时间", "退货政策 | 换货")][:3]
    text, (copy, question, label) = "什么时候发", mine[1]
    assert mine[0] == [text, "发货时间", 1.0]
    assert (question, label) == ("发货时间", 1.0)
    assert copy != text
    assert abs(len(copy) - len(text)) <= 1
    assert mine[2] == [text, "退货政策 | 换货", 0.0]
    assert ["=1+1", "有货吗", 0.0] in triples
    assert not any(label for one, _, label in triples if one == "=1+1")
    assert triples == json.loads(written(tmp_path, "again.json", "triples").read_text(encoding="utf-8"))


def test_triples_come_back_as_labels_without_the_disturbed_copies(tmp_path):
    rows = [row for row in ROWS if row.answer.by == "Ann" or row.answer.id == "a1"][:3]
    found, form = read(written(tmp_path, "annonated_dataset.json", rows=rows), KNOWN, "me")
    assert form == "triples"
    assert labels(found) == {
        (QUERIES[0].id, "me", "pick", ("ship",), ""),
        (QUERIES[1].id, "me", "pick", ("ship", "back"), ""),
        (QUERIES[2].id, "me", "none", (), "unsupported"),
    }


def test_a_workbook_holds_no_formula_and_no_link(tmp_path):
    nasty = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "'=1",
        "=cmd|' /C calc'!A0",
        "http://evil.example",
        "\ud83d",
    ]
    path = tmp_path / "x.xlsx"
    assert write_workbook(path, {"a": (("text",), ([text] for text in nasty))}) == len(nasty)
    sheet = openpyxl.load_workbook(path)["a"]
    for cell in sheet["A"][1:]:
        assert cell.data_type == "s"
        assert cell.hyperlink is None
        assert not str(cell.value).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.text())
def test_defusing_can_be_undone(text):
    assert armed(defused(text)) == text
    assert not defused(text).startswith(("=", "+", "-", "@", "\t", "\r"))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=50, deadline=None)
@given(texts, texts, st.booleans(), st.lists(st.sampled_from(["ship", "back", "same1"]), unique=True, max_size=3))
def test_any_text_survives_jsonl(tmp_path_factory, text, note, audit, entries):
    about = replace(QUERIES[0], text=text)
    act, reason = ("pick", "") if entries else ("none", "several")
    answer = Answer(act, about.id, tuple(entries), reason, "王", audit=audit, note=note, id="i")
    path = tmp_path_factory.mktemp("x") / "a.jsonl"
    export(path, [Annotated(about, answer)], KNOWN)
    assert read(path, Known(CATALOGUE), "me")[0] == [Annotated(about, answer)]


def taken(rows, stored=(), withdrawn=()):
    """The claims that rows add, and how many answers replace newer ones and were passed over."""
    told = [Told(claim, "human:x" if claim.act in withdrawn else "") for claim in stored]
    found = new_answers(rows, told, KNOWN)
    return claims_of(row.answer for row in found.rows), found.replacing, found.changed_since


def test_reading_a_file_twice_adds_nothing_and_a_correction_one_act(tmp_path):
    path = written(tmp_path, "labels.xlsx")
    first, *none = taken(read(path, KNOWN, "me")[0])
    assert {claim.by for claim in first} == {"human:王敏", "human:Ann"}
    assert taken(read(path, KNOWN, "me")[0], first) == ([], 0, 0)
    assert none == [0, 0]
    book = openpyxl.load_workbook(path)
    book.active["B4"] = "(chitchat)"
    book.save(path)
    again, *none = taken(read(path, KNOWN, "me")[0], first)
    assert [(claim.query, claim.entry, claim.reason) for claim in again] == [(QUERIES[2].id, None, "chitchat")]
    assert again[0].act not in {claim.act for claim in first}
    assert decide([*first, *again])[QUERIES[2].id].reason == "chitchat"
    assert none == [0, 0]
    assert taken(read(path, KNOWN, "me")[0], [*first, *again]) == ([], 0, 0)


CORRECTED = Claim(QUERIES[0].id, "back", "human:王敏", 1.0, "", "2026-11-29T10:00:00+00:00", act="later")


@pytest.mark.parametrize("name", ["a.jsonl", "a.xlsx", "argilla.json", "label-studio.json"])
def test_an_older_export_does_not_come_again_over_what_was_said_since(tmp_path, name):
    path = written(tmp_path, name)
    first, *_ = taken(read(path, KNOWN, "me")[0])
    assert taken(read(path, KNOWN, "me")[0], [*first, CORRECTED]) == ([], 0, 1)
    # What somebody took back does not come again either.
    gone = {claim.act for claim in first if claim.query == QUERIES[2].id}
    assert taken(read(path, KNOWN, "me")[0], first, gone) == ([], 0, 1)


def test_a_sheet_that_was_corrected_does_not_come_again_over_what_was_said_since(tmp_path):
    rows = [ROWS[0]]
    first, *_ = taken(rows)
    changed = [replace(ROWS[0], answer=replace(ROWS[0].answer, entries=("same1",)))]
    second, *counts = taken(changed, first)
    assert counts == [0, 0]
    assert taken(changed, [*first, *second, CORRECTED]) == ([], 0, 1)
    # A correction of what its person has corrected since is taken in, and told.
    third, *counts = taken(changed, [*first, CORRECTED])
    assert ([claim.entry for claim in third], counts) == (["same1"], [1, 0])


@pytest.mark.parametrize(
    ("when", "replacing", "passed"),
    [
        ("2026-11-29T09:59:00Z", 0, 1),
        ("2026-11-29T18:30:00+08:00", 0, 0),
        ("2026-11-29", 0, 0),
        ("2026-11-27", 0, 1),
        ("", 1, 0),
    ],
)
def test_an_answer_that_is_new_here_counts_by_when_it_was_given(when, replacing, passed):
    row = Annotated(QUERIES[0], Answer("pick", QUERIES[0].id, ("ship",), by="王敏", when=when, id="from elsewhere"))
    claims, *counts = taken([row], [CORRECTED])
    assert (len(claims), counts) == (1 - passed, [replacing, passed])


@pytest.mark.parametrize(
    ("when", "entry", "replacing"),
    [
        ("2026-11-27T10:00:00Z", "ship", 1),
        ("", "ship", 1),
        ("2026-11-29T18:30:00+08:00", "ship", 0),
        ("2026-11-27T10:00:00Z", "back", 0),
    ],
)
def test_an_answer_that_decides_instead_of_a_newer_one_of_somebody_else_is_told(when, entry, replacing):
    row = Annotated(QUERIES[0], Answer("pick", QUERIES[0].id, (entry,), by="Bob", when=when, id="bob-1"))
    claims, *counts = taken([row], [CORRECTED])
    assert decide([CORRECTED, *claims])[QUERIES[0].id].sources == ("human:Bob",)
    assert counts == [replacing, 0]
    # It is the last answer of the file that decides.
    newer = replace(row.answer, by="Amy", when="2026-11-30", id="amy-1")
    assert taken([row, replace(row, answer=newer)], [CORRECTED])[1:] == (0, 0)
    # Machines do not speak for anybody, and what was taken back decides nothing.
    assert taken([row], [replace(CORRECTED, by="rules")])[1:] == (0, 0)
    assert taken([row], [CORRECTED], {"later"})[1:] == (0, 0)


def test_two_answers_of_one_person_in_a_file_are_both_taken_in_once_each():
    rows = [ROWS[0], replace(ROWS[0], answer=replace(ROWS[0].answer, entries=("back",), id="a9"))]
    first, *counts = taken(rows)
    assert ([(claim.act, claim.entry) for claim in first], counts) == ([("a1", "ship"), ("a9", "back")], [0, 0])
    assert taken(rows, first) == ([], 0, 1)


def test_a_query_of_other_turns_of_a_known_conversation_comes_with_its_text(tmp_path):
    new = query((1, 2), "什么时候发，=1+1")
    row = Annotated(new, Answer("pick", new.id, ("ship",), by="Ann", id="n"))
    assert read(written(tmp_path, "a.jsonl", rows=[row]), KNOWN, "me")[0] == [row]


ASKED = {"id": "nope", "text": "x", "conversation": "s1", "turns": [0]}
GOOD = {"act": "pick", "entries": ["ship"], "by": "a"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"query": ASKED}, "not an annotation"),
        ({"query": "x", "answer": GOOD}, "no query"),
        ({"query": {"id": "nope"}, "answer": GOOD}, "not of this project"),
        ({"query": ASKED, "answer": GOOD}, "not that of its conversation"),
        ({"query": {"id": QUERIES[0].id}, "answer": {**GOOD, "entries": ["zzz"]}}, "no entry 'zzz'"),
        ({"query": {"id": QUERIES[0].id}, "answer": {**GOOD, "act": "dance"}}, "no act"),
        ({"query": {"id": QUERIES[0].id}, "answer": {**GOOD, "entries": []}}, "with entries"),
        ({"query": {"id": QUERIES[0].id}, "answer": {"act": "none", "by": "a"}}, "with entries"),
        ({"query": {"id": QUERIES[0].id}, "answer": {**GOOD, "note": 7}}, "`note` is no text"),
    ],
)
def test_a_bad_line_is_named_with_its_place_and_the_next_step(tmp_path, line, problem):
    path = tmp_path / "a.jsonl"
    good = {"query": {"id": QUERIES[0].id}, "answer": GOOD}
    path.write_text("\n".join(json.dumps(row) for row in (good, line)), encoding="utf-8")
    with pytest.raises(UserError, match=problem) as caught:
        read(path, KNOWN, "me", "jsonl")
    assert caught.value.problem.startswith("a.jsonl, line 2")
    assert caught.value.next_step


def test_a_sheet_of_ones_own_may_call_its_columns_in_chinese(tmp_path):
    path = tmp_path / "a.xlsx"
    write_workbook(
        path, {"s": (("标注人", "文本", "问题", "标签 ", "轮次"), [["小李", "什么时候发", "别的", "ship", "7"]])}
    )
    ((row,), form) = read(path, KNOWN, "somebody")
    assert (row.answer.by, row.answer.entries, row.query.text, form) == ("小李", ("ship",), "什么时候发", "xlsx")
    for written, meant in (("（ 闲聊 ）", "chitchat"), ("(不提供这项服务)", "unsupported"), ("（unclear）", "unclear")):
        write_workbook(path, {"s": (("文本", "标签"), [["什么时候发", written]])})
        assert read(path, KNOWN, "小李")[0][0].answer.reason == meant


def test_our_own_columns_go_before_what_people_call_them_and_two_of_a_kind_are_refused(tmp_path):
    path = tmp_path / "a.xlsx"
    write_workbook(path, {"s": (("标签", "label", "文本"), [["别的", "ship", "什么时候发"]])})
    assert read(path, KNOWN, "me")[0][0].answer.entries == ("ship",)
    for header in (("文本", "标签", "标准问题"), ("客户消息", "label", "文本")):
        write_workbook(path, {"s": (header, [["什么时候发", "ship", "ship"]])})
        with pytest.raises(UserError, match=r"sheet s: .* both mean"):
            read(path, KNOWN, "me")


def test_turns_that_say_something_else_than_the_text_are_refused(tmp_path):
    (query,) = KNOWN.asking("什么时候发")
    path = tmp_path / "a.xlsx"
    turns = " ".join(map(str, query.turns))
    for text, agrees in (("什么时候发", True), ("能退吗", False)):
        row = [text, "ship", query.conversation, turns]
        write_workbook(path, {"s": (("text", "label", "conversation", "turns"), [row])})
        if agrees:
            assert read(path, KNOWN, "me")[0][0].query == query
        else:
            with pytest.raises(UserError, match="row 2: these turns do not say"):
                read(path, KNOWN, "me")


def test_a_bad_row_of_a_sheet_is_named(tmp_path):
    path = tmp_path / "a.xlsx"
    for label in ("没有这条", "none"):
        write_workbook(path, {"s": (("text", "label"), [["什么时候发", "ship"], ["什么时候发", label]])})
        with pytest.raises(UserError, match="row 3: no entry") as caught:
            read(path, KNOWN, "me")
        for other in ("(chitchat)", "(unclear)", "(unsupported)", "(several)", "（闲聊）", "（看不懂）"):
            assert other in caught.value.next_step
    write_workbook(path, {"s": (("text", "label"), [["什么时候发", "有货吗"]])})
    with pytest.raises(UserError, match="same1, same2"):
        read(path, KNOWN, "me")
    write_workbook(path, {"s": (("a", "b"), [])})
    with pytest.raises(UserError, match="no sheet"):
        read(path, KNOWN, "me")


def test_rows_of_a_text_that_no_query_says_are_left_out_and_named(tmp_path):
    path = tmp_path / "a.xlsx"
    rows = [["没人问过", "ship"], ["什么时候发", "ship"], ["也没人", ""], ["还是没人", "(闲聊)"]]
    write_workbook(path, {"s": (("text", "label"), rows)})
    unasked = []
    found, _ = read(path, KNOWN, "me", "", unasked)
    assert [row.query for row in found] == [QUERIES[0]]
    assert unasked == [Unasked(2, "没人问过"), Unasked(5, "还是没人")]
    write_workbook(path, {"s": (("text", "label"), rows[:1])})
    with pytest.raises(UserError, match=r"no query of this project says the text of any row \(row 2: '没人问过'"):
        read(path, KNOWN, "me")
    # Whoever names a query by its place means it.
    write_workbook(
        path, {"s": (("query", "text", "label"), [["nope", "没人问过", "ship"], ["", "什么时候发", "ship"]])}
    )
    with pytest.raises(UserError, match="row 2: the query 'nope' is not of this project"):
        read(path, KNOWN, "me")


def test_forms_are_known_by_name_or_content(tmp_path):
    assert form_of(tmp_path / "Annonated_dataset.json") == "triples"
    with pytest.raises(UserError, match="no form"):
        form_of(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('[{"x": 1}]', encoding="utf-8")
    with pytest.raises(UserError, match="no form"):
        read(tmp_path / "a.json", KNOWN, "me")
    with pytest.raises(UserError, match="there is no"):
        read(tmp_path / "b.json", KNOWN, "me")
