"""Cells with several questions are parted, and a single question is never torn."""

from __future__ import annotations

import pytest

from faqtune.ingest.questions import asks, split_questions, without_number


@pytest.mark.parametrize(
    ("cell", "questions"),
    [
        (
            "拍下后什么时候发货？\n付款后多久能发货？\r\n一般几天内发货？",
            ["拍下后什么时候发货？", "付款后多久能发货？", "一般几天内发货？"],
        ),
        ("我的订单怎么还没发货？；付款好几天了", ["我的订单怎么还没发货？", "付款好几天了"]),
        ("怎么退货；退货流程；如何退款", ["怎么退货", "退货流程", "如何退款"]),
        ("怎么退货;怎么换货;", ["怎么退货", "怎么换货"]),
        ("可以退吗|能换吗｜多久到账", ["可以退吗", "能换吗", "多久到账"]),
        ("退货流程怎么走|已经拆开的商品", ["退货流程怎么走", "已经拆开的商品"]),
        ("退货怎么退；已经拆封的；七天无理由", ["退货怎么退", "已经拆封的", "七天无理由"]),
        ("1. 怎么退货 2. 运费谁出 3. 多久到账", ["怎么退货", "运费谁出", "多久到账"]),
        ("1、怎么退货2、运费谁出", ["怎么退货", "运费谁出"]),
        ("①怎么退②怎么换", ["怎么退", "怎么换"]),
        ("（1）能退吗 （2）能换吗", ["能退吗", "能换吗"]),
        ("一、怎么退\n二、怎么换", ["怎么退", "怎么换"]),
        ("1）能退吗；2）能换吗", ["能退吗", "能换吗"]),
        ("Q1: How long? Q2: Who pays?", ["How long?", "Who pays?"]),
        ("- 怎么开机\n• 怎么关机", ["怎么开机", "怎么关机"]),
        ("Is it waterproof; can I swim with it", ["Is it waterproof", "can I swim with it"]),
        ("包邮吗\n 包邮吗 \n包邮嗎", ["包邮吗", "包邮嗎"]),
        ("怎么退_x000D_\n怎么换", ["怎么退", "怎么换"]),
    ],
)
def test_questions_of_a_cell_are_parted(cell, questions):
    assert split_questions(cell) == (questions, False)


@pytest.mark.parametrize(
    "cell",
    [
        "价格1.5元；包邮吗",
        "7万元的车；车损险是多少？",
        "工人在下班途中受伤，车已赔付；用人单位还能赔吗？怎么赔款？",
        "I paid yesterday; where is my order?",
        "S|M|L码有货吗",
        "电压是50|60Hz吗",
        "价格1.5元；重量2公斤；颜色红白",
        "颜色|尺码怎么选",
    ],
)
def test_a_single_question_is_not_torn_apart_but_told(cell):
    assert split_questions(cell) == ([cell], True)


@pytest.mark.parametrize(
    "cell",
    [
        "3:00能发货吗",
        "5、6号能发吗",
        "12.12活动什么时候开始",
        "-5度能用吗",
        "1.5米的有吗",
        "3天能到吗",
        "2.4G的wifi能连吗",
        "能不能发圆通（中通、申通）？",
        "一个人最多可以买几份？",
    ],
)
def test_digits_and_brackets_of_a_question_are_kept(cell):
    assert split_questions(cell) == ([cell], False)


def test_a_list_that_does_not_count_from_one_is_not_a_list():
    assert split_questions("我买了2、怎么只到了1、个") == (["我买了2、怎么只到了1、个"], False)
    assert split_questions("1、我买了2、3个怎么办") == (["我买了2、3个怎么办"], False)


@pytest.mark.parametrize(
    ("cell", "question"),
    [
        ("这件裙子，\n有大码吗", "这件裙子，有大码吗"),
        ("可以发（顺丰\n或中通）吗", "可以发（顺丰或中通）吗"),
        ("If I order today,\nwhen will it come?", "If I order today, when will it come?"),
    ],
)
def test_a_sentence_that_wraps_is_one_question(cell, question):
    assert split_questions(cell) == ([question], False)


def test_nothing_asks_in_an_empty_cell():
    assert split_questions(" \n； \n") == ([], False)


@pytest.mark.parametrize(
    "text", ["退货流程", "是不是正品", "申请退款", "多少钱", "包邮么", "How do I pay", "can I return it"]
)
def test_what_asks(text):
    assert asks(text)


@pytest.mark.parametrize("text", ["价格1.5元", "已经付款了", "我的车全责", "the red one", "好"])
def test_what_does_not_ask(text):
    assert not asks(text)


def test_a_bare_number_is_not_stripped_to_nothing():
    assert without_number("1.") == "1."
