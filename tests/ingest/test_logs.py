"""Chat logs of every form become the same conversations."""

from __future__ import annotations

import json

import pytest

from faqtune.config import ConversationsConfig
from faqtune.errors import UserError
from faqtune.ingest import JOINT, inspect, read_conversations
from faqtune.records import Conversation, Turn

GUESSED = ConversationsConfig()


def read(*paths, config=GUESSED):
    conversations, _ = read_conversations(paths, config)
    return list(conversations)


def turns(*paths, config=GUESSED):
    return {c.id: [(turn.customer, turn.agent) for turn in c.turns] for c in read(*paths, config=config)}


def report_of(*paths, config=GUESSED):
    conversations, report = read_conversations(paths, config)
    for _ in conversations:
        pass
    return report


ROWS = [
    {"session_id": "S1", "sender": "客服", "content": "客户已接入，会话开始。", "time": "2026-01-05 09:11:19"},
    {"session_id": "S1", "sender": "客户", "content": "在吗", "time": "2026-01-05 09:11:28"},
    {"session_id": "S2", "sender": "客户", "content": "[图片]", "time": "2026-01-05 09:11:30"},
    {"session_id": "S1", "sender": "客户", "content": "这款几天能到", "time": "2026-01-05 09:11:40"},
    {"session_id": "S2", "sender": "客服", "content": "收到", "time": "2026-01-05 09:11:41"},
    {"session_id": "S1", "sender": "客服", "content": "在的亲", "time": "2026-01-05 09:12:43"},
    {"session_id": "S1", "sender": "客服", "content": "三天哦", "time": "2026-01-05 09:12:50"},
    {"session_id": "S1", "sender": "客户", "content": "谢谢", "time": "2026-01-05 09:13:00"},
    {"session_id": "S1", "sender": "客服", "content": "会话已超时结束。", "time": "2026-01-05 09:23:00"},
]
EXPECTED = {
    "S1": [("在吗" + JOINT + "这款几天能到", "在的亲" + JOINT + "三天哦"), ("谢谢", "")],
    "S2": [("", "收到")],
}


def as_csv(rows, names=None):
    names = names or list(rows[0])
    return "\n".join([",".join(names), *(",".join(row.values()) for row in rows)]) + "\n"


def test_one_message_per_row_in_every_container(put, xlsx):
    chinese = ["会话ID", "发送者", "消息内容", "发送时间"]
    grid = [["聊天记录导出 2026-01"], chinese, *(list(row.values()) for row in ROWS)]
    for path in (
        put("data.json", json.dumps(ROWS)),
        put("data.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)),
        put("wrapped.json", json.dumps({"RECORDS": ROWS})),
        put("data.csv", as_csv(ROWS)),
        put("gbk.csv", as_csv(ROWS, chinese), "gbk"),
        put("utf16.tsv", as_csv(ROWS).replace(",", "\t"), "utf-16"),
        xlsx("data.xlsx", {"Sheet1": grid}),
    ):
        assert turns(path) == EXPECTED, path.name


def test_nested_forms(put):
    messages = [{"role": "user", "content": "几天到"}, {"role": "assistant", "content": "3天"}]
    share_gpt = [{"from": "human", "value": "几天到"}, {"from": "gpt", "value": "3天"}]
    parts = [{"role": "user", "content": [{"type": "text", "text": "几天到"}]}, {"role": "assistant", "content": "3天"}]
    halves = [{"input": "几天到", "output": "3天"}]
    for name, data, name_of_session in [
        ("a.json", [{"conversation": halves}], "a.json#0"),
        ("b.json", [{"session_id": "s", "messages": messages}], "s"),
        ("c.json", {"session_id": "s", "messages": messages}, "s"),
        ("d.json", [{"id": "s", "conversations": share_gpt}], "s"),
        ("e.json", {"s": messages}, "s"),
        ("f.json", [messages], "f.json#0"),
        ("g.json", {"data": {"list": [{"session_id": "s", "dialog": messages}]}}, "s"),
        ("h.json", [{"chat_id": 9, "messages": parts}], "9"),
        ("i.json", [{"messages": [{"user": "几天到"}, {"assistant": "3天"}]}], "i.json#0"),
        ("j.json", halves, "j.json#0"),
        ("k.json", [{"id": "s", "turns": [{"customer": "几天到", "agent": "3天", "time": ""}], "source": "x"}], "s"),
        ("l.jsonl", {"session_id": "s", "messages": messages}, "s"),
    ]:
        assert turns(put(name, json.dumps(data))) == {name_of_session: [("几天到", "3天")]}, name


def test_pairs_per_row(put):
    text = "会话编号,客户消息,客服回复\n1,几天到,3天\n2,在吗,\n1,谢谢,不客气\n"
    assert turns(put("a.csv", text)) == {"1": [("几天到", "3天"), ("谢谢", "不客气")], "2": [("在吗", "")]}


def test_halves_stay_turns_even_if_one_is_empty(put):
    halves = [
        {"input": "a", "output": ""},
        {"input": "b", "output": "x"},
        {"input": "", "output": "y"},
        {"input": "", "output": ""},
    ]
    assert turns(put("a.json", json.dumps([{"conversation": halves}]))) == {
        "a.json#0": [("a", ""), ("b", "x"), ("", "y")]
    }


def test_a_half_that_only_tells_of_an_event_keeps_the_replies_apart(put):
    halves = [{"input": "几天到", "output": "3天"}, {"input": "客户已接入，会话开始。", "output": "您好"}]
    path = put("a.json", json.dumps([{"conversation": halves}]))
    assert turns(path) == {"a.json#0": [("几天到", "3天"), ("", "您好")]}


def test_conversations_that_the_agent_begins_and_that_lack_an_end(put):
    rows = [("1", "客服", "您好"), ("1", "客户", "几天到"), ("2", "客户", "在吗"), ("2", "客户", "人呢")]
    text = "session_id,sender,content\n" + "\n".join(map(",".join, rows))
    assert turns(put("a.csv", text)) == {"1": [("", "您好"), ("几天到", "")], "2": [("在吗\n人呢", "")]}


def test_times_order_messages_and_equal_times_keep_the_order_of_the_file(put):
    rows = [
        ("客服", "3天", "2026-01-05 10:00:05"),
        ("客户", "几天到", "2026-01-05 10:00:01"),
        ("客户", "亲", "2026-01-05 10:00:01"),
    ]
    text = "session_id,sender,content,time\n" + "\n".join(f"1,{','.join(row)}" for row in rows)
    # The file runs from the newest to the oldest, so 亲 was written before 几天到.
    assert turns(put("a.csv", text)) == {"1": [("亲\n几天到", "3天")]}


def test_without_a_time_on_every_message_the_file_s_order_counts(put):
    text = "session_id,sender,content,time\n1,客户,一,2026-01-05 10:00:05\n1,客户,二,\n1,客服,三,2026-01-05 10:00:01\n"
    assert turns(put("a.csv", text)) == {"1": [("一\n二", "三")]}


def test_the_time_of_a_turn_is_that_of_its_first_message(put):
    conversation = read(put("data.json", json.dumps(ROWS)))[0]
    assert [turn.time for turn in conversation.turns] == ["2026-01-05 09:11:28", "2026-01-05 09:13:00"]


class TestIds:
    def test_without_session_ids_the_index_counts_before_any_skipping(self, put):
        empty, one, two = ([{"input": text, "output": ""}] for text in ("[图片]", "几天到", "包邮吗"))
        path = put("output.json", json.dumps([{"conversation": c} for c in (one, empty, one, two)]))
        assert [(c.id, c.source) for c in read(path)] == [("output.json#0",) * 2, ("output.json#3",) * 2]

    def test_session_ids_keep_the_index_in_their_source(self, put):
        assert [(c.id, c.source) for c in read(put("data.json", json.dumps(ROWS)))] == [
            ("S1", "data.json#0"),
            ("S2", "data.json#1"),
        ]

    def test_files_of_a_folder_are_named_by_their_path_in_it(self, put):
        put("logs/2025/a.json", '[{"conversation": [{"input": "几天到", "output": "3天"}]}]')
        folder = put("logs/a.json", '[{"conversation": [{"input": "包邮吗", "output": "包"}]}]').parent
        assert [c.id for c in read(folder)] == ["2025/a.json#0", "a.json#0"]

    def test_files_of_the_same_name_are_told_apart(self, put):
        first = put("x/a.json", '[{"conversation": [{"input": "几天到", "output": "3天"}]}]')
        second = put("y/a.json", '[{"conversation": [{"input": "包邮吗", "output": "包"}]}]')
        assert [c.id for c in read(first, second)] == ["x/a.json#0", "y/a.json#0"]


class TestDuplicates:
    def test_the_same_export_twice_is_read_once(self, put):
        text = json.dumps(ROWS)
        report = report_of(put("a.json", text), put("a (1).json", text))
        assert report.totals()["conversations"] == 2
        assert report.files["a (1).json"].skipped == {"repeated conversation": 2}

    def test_the_same_logs_in_two_forms_are_read_once(self, put):
        nested = [{"conversation": [{"input": c, "output": a} for c, a in pairs]} for pairs in EXPECTED.values()]
        for order in (1, -1):
            paths = [put("data.json", json.dumps(ROWS)), put("output.json", json.dumps(nested))]
            assert report_of(*paths[::order]).totals()["conversations"] == 2

    def test_two_sessions_that_say_the_same_are_two(self, put):
        text = "session_id,sender,content\n1,客户,在吗\n2,客户,在吗\n"
        assert list(turns(put("a.csv", text))) == ["1", "2"]

    def test_a_session_id_that_comes_again_with_other_words_stays_unique(self, put):
        first = put("a.csv", "session_id,sender,content\n1,客户,在吗\n")
        again = put("b.csv", "session_id,sender,content\n1,客户,包邮吗\n")
        assert turns(first, again) == {"1": [("在吗", "")], "1@b.csv#0": [("包邮吗", "")]}


class TestRoles:
    def test_nicknames_are_the_customers_where_the_agents_are_known(self, put):
        path = put("a.csv", "session_id,sender,content\n1,小鱼儿,在吗\n1,客服-小美,在的\n2,风一样,包邮吗\n")
        assert turns(path) == {"1": [("在吗", "在的")], "2": [("包邮吗", "")]}
        assert [remark.why for remark in report_of(path).notes] == ["roles told by exclusion"]

    def test_roles_that_cannot_be_told_are_listed(self, put):
        path = put("a.csv", "session_id,sender,content\n1,A7,在吗\n1,B2,在的\n")
        with pytest.raises(UserError, match="the roles are A7, B2"):
            read(path)
        assert turns(path, config=ConversationsConfig(customer_roles=["A7"])) == {"1": [("在吗", "在的")]}
        assert turns(path, config=ConversationsConfig(agent_roles=["A7"], customer_roles=["B2"])) == {
            "1": [("", "在吗"), ("在的", "")]
        }

    def test_the_column_with_known_roles_beats_the_one_with_names(self, put):
        rows = [
            {"session_id": 1, "sender": name, "sender_type": kind, "content": text}
            for name, kind, text in [("小王", "访客", "在吗"), ("小美", "坐席", "在的")]
        ]
        assert turns(put("a.json", json.dumps(rows))) == {"1": [("在吗", "在的")]}

    def test_a_role_column_with_any_name_is_found_by_its_values(self, put):
        assert turns(put("a.csv", "session_id,kind,content\n1,买家,在吗\n1,卖家,在的\n")) == {"1": [("在吗", "在的")]}

    def test_system_messages_are_dropped_and_unknown_roles_counted(self, put):
        rows = [("客户", "在吗"), ("系统", "排队中"), ("客服", "在的"), ("质检", "抽查")]
        path = put("a.csv", "session_id,sender,content\n" + "\n".join(f"1,{a},{b}" for a, b in rows))
        assert turns(path) == {"1": [("在吗", "在的")]}
        assert report_of(path).files["a.csv"].skipped == {"message of an unknown role": 1}


def test_columns_named_by_the_user(put):
    path = put("a.csv", "k,v,w,x\n7,客户,在吗,备注\n7,客服,在的,备注\n")
    config = ConversationsConfig(session_column="k", role_column="v", text_column="w")
    assert turns(path, config=config) == {"7": [("在吗", "在的")]}


def test_system_phrases_of_the_user_are_stripped(put):
    path = put("a.csv", "session_id,sender,content\n1,客服,欢迎光临小店\n1,客户,在吗\n")
    assert turns(path, config=ConversationsConfig(system_phrases=["欢迎光临小店"])) == {"1": [("在吗", "")]}


def test_a_file_without_session_ids_is_one_conversation(put):
    path = put("a.csv", "角色,内容\n客户,在吗\n客服,在的\n客户,谢谢\n")
    assert turns(path) == {"a.csv#0": [("在吗", "在的"), ("谢谢", "")]}
    with pytest.raises(UserError, match=r"no column of session ids; .* 角色, 内容"):
        read(put("b.csv", "角色,内容\n" + "客户,在吗\n" * 6000))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.json", '[{"conversation": [{"input": "a", "output": "b"}]}, {"conv', "after item 1: the file is cut off"),
        ("a.jsonl", '{"session_id": 1, "messages": []}\n{"session_id": 2, "mess', "line 2: broken JSON"),
        ("a.json", '[{"a": 1}]', "keys seen: a"),
        ("a.csv", "x,y\n1,2\n", "keys seen: x, y"),
        ("a.json", "[]", "no conversation with any text"),
        ("a.json", '[{"conversation": [{"input": "[图片]", "output": ""}]}]', "no conversation with any text"),
    ],
)
def test_bad_logs_give_one_clear_error(put, name, text, told):
    with pytest.raises(UserError, match=told):
        read(put(name, text))


def test_no_files_are_no_conversations():
    assert read() == []


def test_conversations_are_records(put):
    path = put("a.json", '[{"conversation": [{"input": "几天到", "output": "3天"}]}]')
    assert read(path) == [Conversation("a.json#0", (Turn("几天到", "3天"),), "a.json#0")]


def test_half_a_surrogate_pair_does_not_stop_the_reader(put):
    row = {"session_id": "1", "messages": [{"role": "user", "content": "ok \ud83d"}, {"role": "bot", "content": None}]}
    assert turns(put("a.jsonl", json.dumps(row))) == {"1": [("ok \ufffd", "")]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[{"role": "user", "content": NaN}]', "invalid char.*near '.*NaN"),
        ('[{"role": "user", "content": "a\0b"}]', "invalid character inside string"),
        ("null", "holds a single value \\('null'\\) instead of a list"),
        ('"abc"', "holds a single value"),
        ("-3", "holds a single value"),
        ("NaN", "is not JSON"),
    ],
)
def test_broken_json_is_called_what_it_is(put, text, told):
    """Each of these used to be called cut off, no JSON at all, or no text."""
    path = put("a.json", text)
    with pytest.raises(UserError, match=told) as caught:
        list(read_conversations([path], ConversationsConfig())[0])
    assert "a.json" in str(caught.value) and "cut off" not in str(caught.value)


def test_a_list_of_messages_may_have_any_name(put):
    """Where the keys of the messages are known, or named in the settings, the list need not be."""
    talks = [
        {"编号": n, "标签": ["售后"], "聊了什么": [{"谁": "顾客", "话": f"在吗{n}"}, {"谁": "客服", "话": "在的"}]}
        for n in (1, 2)
    ]
    path = put("a.json", json.dumps({"导出": talks}, ensure_ascii=False))
    config = ConversationsConfig(role_column="谁", text_column="话")
    assert turns(path, config=config) == {"1": [("在吗1", "在的")], "2": [("在吗2", "在的")]}
    for talk in talks:
        talk["聊了什么"] = [{"sender": one["谁"], "content": one["话"]} for one in talk["聊了什么"]]
    assert turns(put("b.json", json.dumps(talks, ensure_ascii=False))) == turns(path, config=config)


def test_a_list_of_names_and_values_is_no_chat(put):
    """`name` and `value` are names of who and what, too; nobody's role stands there."""
    tags = [{"name": "天气", "value": 1}]
    talk = {"tags": tags, "聊了什么": [{"sender": "顾客", "content": "在吗"}, {"sender": "客服", "content": "在的"}]}
    assert turns(put("a.json", json.dumps([talk], ensure_ascii=False))) == {"a.json#0": [("在吗", "在的")]}
    (guess,) = inspect([put("b.json", json.dumps([{"text": "今天好热", "labels": tags}], ensure_ascii=False))])
    assert guess.kind == "noise" and not guess.problem
