"""What is not language is stripped, and nothing that a customer said."""

from __future__ import annotations

import pytest

from faqtune.ingest.clean import EVENTS, cleaner

clean = cleaner()


@pytest.mark.parametrize(
    "event", [*EVENTS, "客户已接入，会话开始。", "会话已超时结束。", "客户已接入,会话开始", "Session timed out."]
)
def test_a_message_of_the_chat_system_is_no_message(event):
    assert clean(event) is None


@pytest.mark.parametrize(
    "media", ["[图片]", "【视频】", "<image>", "[图片: 1.jpg]", "[Voice message]", "[图片][图片]", "&nbsp;"]
)
def test_media_leave_an_empty_message(media):
    assert clean(media) == ""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("客户已接入，会话开始。你好", "你好"),
        ("好的。会话已超时结束。", "好的。"),
        ("[图片]这个多少钱", "这个多少钱"),
        ("几天到\n会话已超时结束。\n谢谢", "几天到\n\n谢谢"),
        ("\u200b 在吗 \ufeff", "在吗"),
    ],
)
def test_what_is_left_are_the_words(text, left):
    assert clean(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "为什么显示会话已超时结束",
        "会话已超时结束了怎么办",
        "客户已接入，会话开始了吗",
        "[赠品]怎么没有",
        "【重要】改地址",
        "图片和实物有色差吗",
        "why does it say session timed out when I log in",
    ],
)
def test_the_customer_s_own_words_stay(text):
    assert clean(text) == text


def test_phrases_of_the_user():
    own = cleaner(["[比心]", "转人工", "客服*为您服务"])
    assert own("[比心]好的[比心]") == "好的"
    assert own("转人工") is None
    assert own("我要转人工") == "我要转人工"
    assert own("您好。客服小美为您服务！请问") == "您好。请问"
