"""Chats written out as text, as people copy them from a chat window, become the same conversations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faqtune.config import ConversationsConfig, NoiseConfig
from faqtune.errors import UserError
from faqtune.ingest import inspect, read_conversations, read_noise
from faqtune.ingest.convert import convert
from faqtune.ingest.transcripts import MOST_MESSAGES

GUESSED = ConversationsConfig()


def turns(path, config=GUESSED):
    conversations, _ = read_conversations([path], config)
    return [[(turn.customer, turn.agent) for turn in one.turns] for one in conversations]


TWO = [[("在吗\n这款几天能到", "在的亲\n三天哦"), ("谢谢", "")], [("能开发票吗", "可以的，下单时勾选")]]

RULES = """===== 会话 1 =====
2026-03-11 16:30:20 顾客：在吗
2026-03-11 16:30:40 顾客：这款几天能到
2026-03-11 16:31:00 客服小禾：在的亲
2026-03-11 16:31:20 客服小禾：三天哦
2026-03-11 16:31:40 顾客：谢谢

===== 会话 2 =====
2026-03-11 17:00:00 顾客：能开发票吗
2026-03-11 17:00:09 客服小禾：可以的，下单时勾选
"""

WAYS = {
    "rules": RULES,
    "no times, blank lines": """客户: 在吗
客户: 这款几天能到
客服: 在的亲
客服: 三天哦
客户: 谢谢

客户: 能开发票吗
客服: 可以的，下单时勾选
""",
    "names in brackets, the message over two lines": """-----------
[买家] 在吗
这款几天能到
[卖家] 在的亲
三天哦
[买家] 谢谢
-----------
【买家】能开发票吗
【卖家】可以的，下单时勾选
""",
    "nicknames with times, text below": """***
2026/3/11 16:30:20 小橘子
在吗
2026/3/11 16:30:40 小橘子
这款几天能到
2026/3/11 16:31:00 客服小禾
在的亲
三天哦
2026/3/11 16:31:40 小橘子
谢谢
***
2026/3/11 17:00:00 阿明
能开发票吗
2026/3/11 17:00:09 客服小禾
可以的，下单时勾选
""",
    "name, then time, then text": """========
用户8812 2026-03-11 16:30:20
在吗
这款几天能到
人工客服 2026-03-11 16:31:00
在的亲
三天哦
用户8812 (2026-03-11 16:31:40)
谢谢
========
用户9001 2026-03-11 17:00:00
能开发票吗
人工客服 2026-03-11 17:00:09
可以的，下单时勾选
""",
    "name and time before the colon, newest first": """----
客服(16:31:00)：在的亲
三天哦
顾客(16:30:20)：在吗
----
""",
}


@pytest.mark.parametrize("way", [name for name in WAYS if "newest" not in name])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_every_way_of_writing_a_chat_out_is_read_as_the_same_turns(put, way, encoding):
    assert turns(put("聊天.txt", WAYS[way], encoding)) == TWO


def test_times_of_day_without_a_date_leave_the_order_as_it_is(put):
    path = put("a.txt", WAYS["name and time before the colon, newest first"])
    assert turns(path) == [[("", "在的亲\n三天哦"), ("在吗", "")]]


def test_what_stands_behind_a_rule_names_the_conversation(put):
    conversations, report = read_conversations([put("三月.txt", RULES)], GUESSED)
    assert [(one.id, one.source) for one in conversations] == [("会话 1", "三月.txt#0"), ("会话 2", "三月.txt#1")]
    assert str(report.notes[0]) == (
        "三月.txt: read as a chat written out, who speaks before each message (conversations parted by rules)"
    )
    assert report.file("三月.txt").roles == {"customer": ["顾客"], "agent": ["客服小禾"]}


def test_a_chat_that_nothing_parts_is_one_conversation(put):
    lines = [line for line in RULES.splitlines() if line and "=" not in line]
    assert turns(put("a.txt", "\n".join(lines))) == [[*TWO[0][:1], ("谢谢\n能开发票吗", "可以的，下单时勾选")]]
    # Here a message stands between two empty lines: they part messages, not conversations.
    assert turns(put("b.txt", "\n\n".join(lines))) == turns(put("a.txt", "\n".join(lines)))


def test_a_line_with_a_colon_that_names_no_side_goes_on_with_the_message(put):
    path = put("a.txt", "客户：寄到这里\n地址：北京路 3 号\n电话: 123\n客服：收到\n客户：10:30 能到吗\n客服：能\n")
    assert turns(path) == [[("寄到这里\n地址：北京路 3 号\n电话: 123", "收到"), ("10:30 能到吗", "能")]]


@pytest.mark.parametrize(
    "inside",
    ["9:00-18:00 周一到周五\n周六：10:00-16:00", "下单时间 2026-11-01 10:00:00", "12:30：午饭", "10:30 前下单：当天发"],
)
@pytest.mark.parametrize("timed", [False, True])
def test_hours_and_dates_inside_a_message_are_no_speakers(put, inside, timed):
    def chat(customer: str) -> str:
        lines = []
        for minute in range(10, 13):
            first, second = (f"2026-03-11 16:{minute}:{second} " if timed else "" for second in (20, 40))
            lines += [f"{first}{customer}：几点开门", f"{second}客服：营业时间\n{inside}"]
        return "\n".join(lines)

    assert turns(put("a.txt", chat("顾客"))) == [[("几点开门", f"营业时间\n{inside}")] * 3]
    if timed:  # with nicknames, too
        assert turns(put("b.txt", chat("小橘子"))) == [[("几点开门", f"营业时间\n{inside}")] * 3]


def test_marks_inside_a_message_part_nothing(put):
    reply = "客服：请看\n### 第一步\n点开设置\n***注意***\n\n第二段\n——————\n好了"
    path = put("a.txt", "\n".join(["客户：怎么退货", reply, "客户：好的", "客服：嗯嗯"] * 3))
    (talk,) = turns(path)
    assert talk[0] == ("怎么退货", "请看\n### 第一步\n点开设置\n***注意***\n第二段\n好了")
    assert len(talk) == 6


def test_a_closing_rule_does_not_undo_empty_lines_that_part(put):
    path = put("a.txt", WAYS["no times, blank lines"] + "\n-----\n")
    assert turns(path) == TWO


@pytest.mark.parametrize("day", ["03-11 ", "3月11日 ", "昨天 ", "星期三 ", "2026年3月11日 周三 下午", ""])
def test_times_may_lack_their_year_or_day(put, day):
    path = put("a.txt", f"{day}4:30 小橘子：在吗\n{day}4:31 客服小禾：在的\n{day}4:32 小橘子：好\n")
    assert turns(path) == [[("在吗", "在的"), ("好", "")]]


def test_names_in_the_settings_are_known(put):
    path = put("a.txt", "小橘子：在吗\n禾木：在的亲\n小橘子：好\n")
    config = ConversationsConfig(customer_roles=["小橘子"], agent_roles=["禾木"])
    assert turns(path, config) == [[("在吗", "在的亲"), ("好", "")]]
    with pytest.raises(UserError, match="no conversations recognised"):
        turns(path)


def test_what_precedes_the_first_message_is_left_out_and_counted(put):
    path = put("a.txt", "聊天记录导出\n店铺 禾木\n客户：在吗\n客服：在的\n")
    conversations, report = read_conversations([path], GUESSED)
    assert len(list(conversations)) == 1
    assert report.file("a.txt").skipped == {"line before the first message": 2}


@pytest.mark.parametrize(
    "text",
    [
        "今天好热\n晚上吃啥\n你猜：我不告诉你\n",
        "用户协议：请先阅读\n用户须知：请先阅读\n",  # one side, and no times
        "客服：您好\n今天好热\n晚上吃啥\n明天会下雨吗\n客户：在吗\n",  # most lines are none
        "我们约在 10:30 见\n他说 12:00 到\n",
    ],
)
def test_sentences_stay_sentences(put, text):
    (guess,) = inspect([put("闲聊.txt", text)])
    assert (guess.kind, guess.form) == ("noise", "sentences")
    assert len(read_noise([put("闲聊.txt", text)], NoiseConfig())[0]) == text.count("\n")


def test_a_table_in_a_text_file_stays_a_table(put):
    path = put(
        "a.txt",
        "会话ID\t发送方\t内容\t时间\nA\t客户\t在吗：急\t2026-03-11 16:30:20\nA\t客服\t在的\t2026-03-11 16:30:21\n",
    )
    (guess,) = inspect([path])
    assert guess.form == "data" and turns(path) == [[("在吗：急", "在的")]]


def test_init_shows_a_chat_as_conversations_and_a_list_of_sentences_with_a_remark(put):
    (chat,) = inspect([put("三月.txt", RULES)])
    assert (chat.kind, chat.form, chat.counts["conversations"], chat.preview[0]) == (
        "conversations", "transcript", 2, "在吗\n这款几天能到 → 在的亲\n三天哦",
    )  # fmt: skip
    path = put("四月.txt", "甲：在吗\n乙：在的\n甲：几天能到\n")
    (sentences,) = inspect([path])
    assert sentences.kind == "noise"
    assert sentences.remarks == (
        "四月.txt: taken for everyday chatter, a sentence a line "
        "(in a chat most lines begin with who speaks: 客户：…, 客服：…)",
    )
    assert inspect([], noise=[path])[0].remarks == inspect([put("闲聊.txt", "好热\n")])[0].remarks == ()


def test_of_a_chat_that_is_given_as_noise_only_the_customer_is_read(put):
    noise, _ = read_noise([put("三月.txt", RULES)], NoiseConfig())
    assert [(one.text, one.source) for one in noise] == [
        ("在吗\n这款几天能到", "三月.txt#0"), ("谢谢", "三月.txt#0"), ("能开发票吗", "三月.txt#1"),
    ]  # fmt: skip


def test_it_converts_to_the_forms_of_conversations(put, tmp_path):
    report = convert(put("三月.txt", RULES), tmp_path / "output.json")
    assert (report.from_form, report.to_form, report.records) == ("transcript", "output", 2)
    assert turns(tmp_path / "output.json") == TWO


def test_very_many_messages_that_nothing_parts_are_refused(put):
    path = put("a.txt", "客户：在吗\n客服：在的\n" * (MOST_MESSAGES // 2) + "客户：还在吗\n")
    with pytest.raises(UserError, match="more than 5,000 messages and nothing that parts conversations"):
        turns(path)


def test_a_line_of_a_megabyte_takes_no_time(put):
    path = put("a.txt", "客户：在吗\n客服：" + " " * 500_000 + "在" * 500_000 + "：\n客户：好\n")
    assert [len(one) for one in turns(path)] == [2]


SAID = st.text(alphabet="在吗几天能到发票运费。？ abc12", min_size=1, max_size=12).filter(lambda text: text.strip())


@given(st.lists(st.lists(st.tuples(SAID, SAID), min_size=1, max_size=3), min_size=1, max_size=4))
def test_whatever_is_said_comes_back(tmp_path_factory, told):
    lines = []
    for number, talk in enumerate(told):
        lines.append(f"==== {number}")
        for asked, answered in talk:
            lines += [f"客户: {asked}", f"客服: {answered}"]
    path = tmp_path_factory.mktemp("told") / "a.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    conversations, _ = read_conversations([path], GUESSED)
    found = [[(turn.customer, turn.agent) for turn in one.turns] for one in conversations]
    assert found == [[(asked.strip(), answered.strip()) for asked, answered in talk] for talk in told]
