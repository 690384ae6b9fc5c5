"""What is masked before it leaves, in whatever form it is typed, and what is left alone."""

from __future__ import annotations

import random
import string
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faqtune.label.llm import Masker
from faqtune.label.llm.digits import CHECK_DIGITS, PROVINCES, WEIGHTS, has_right_check_digit, is_id_card, luhn
from faqtune.label.llm.mask import find_personal

PHONES = [
    "13800138000",
    "+86 138 0013 8000",
    "+8613800138000",
    "0086-13800138000",
    "86 13800138000",
    "138-0013-8000",
    "138.0013.8000",
    "138 0013 8000",
    "１３８００１３８０００",
    "138　0013　8000",
    "一三八零零一三八零零零",
    "幺三八〇〇幺三八〇〇〇",
    "1 3 8 0 0 1 3 8 0 0 0",
    "138 - 0013 - 8000",
    "138–0013–8000",
    "010-65528888",
    "(010)65528888",
    "（0755）26345678",
    "0755 2634 5678",
    "01065528888",
    "021-5432 1234",
    "+86 10 6552 8888",
    "+1 415 555 2671",
    "(415) 555-2671",
    "+44 20 7946 0958",
    "13800138000x",
]
ID_CARDS = [
    "11010519491231002X",
    "11010519491231002x",
    "110105 19491231 002X",
    "110105-19491231-002X",
    "１１０１０５１９４９１２３１００２Ｘ",
    "440308199901010012",
    "440308199901010013",
    "110105491231002",
    "310101 1990 0307 2316",
]
BANK_CARDS = [
    "6222021234567890128",
    "6222 0212 3456 7890 128",
    "6222-0212-3456-7890-128",
    "4111111111111111",
    "4111 1111 1111 1111",
    "5500000000000004",
    "４１１１　１１１１　１１１１　１１１１",
    "378282246310005",
    "3530111333300000",
]
EMAILS = [
    "zhang.san@qq.com",
    "a_b+c@mail.example.co.uk",
    "zhang san@qq.com",
    "zhangsan @ 163.com",
    "zhangsan＠qq．com",
    "x@y.cn",
    "ｗａｎｇ＠ｑｑ．ｃｏｍ",
    "ZHANG@EXAMPLE.COM",
    "12345678@qq.com",
]


@pytest.mark.parametrize("text", PHONES)
def test_phones(text):
    assert {found.kind for found in find_personal(f"我电话{text}，打不通")} == {"phone"}
    assert not any(map(str.isdecimal, Masker("zh")(f"打{text}。").replace("电话1", "")))


@pytest.mark.parametrize("text", ID_CARDS)
def test_id_cards(text):
    assert Masker("zh")(f"身份证号{text}谢谢") == "身份证号[身份证1]谢谢"
    if len(text) == 18:
        assert Masker("en")(f"my number {text}") == "my number [ID_CARD1]"


@pytest.mark.parametrize("text", BANK_CARDS)
def test_bank_cards(text):
    assert Masker("zh")(f"退到{text}吧") == "退到[银行卡1]吧"


@pytest.mark.parametrize("text", EMAILS)
def test_emails(text):
    masked = Masker("en")(f"写信到 {text} 就行")
    assert "[EMAIL1]" in masked
    assert "@" not in masked
    assert "＠" not in masked


@pytest.mark.parametrize(
    "text",
    [
        "卡号是6222021234567890123，请退",
        "银行卡：1234 5678 9012 3456",
        "account 12345678901234",
        "身份证号123456789012345678",
        "ID number: 990101123456789",
    ],
)
def test_the_word_in_front_says_what_a_mistyped_number_is(text):
    assert len(find_personal(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "6.18活动买了2件，共138元",
        "2024-01-01 10:00:00 下单",
        "20240101",
        "199.00-299.00元",
        "订单3021458796521458796还没到",
        "订单号13800138000123",
        "SF1234567890123",
        "YT2024010113800",
        "单号4111111111111111",
        "尺码165/88A",
        "版本3.11.7",
        "满200减20，满400减50",
        "1、2、3、4、5、6、7、8、9、10",
        "一二三四五六七八九十",
        "12345678",
        "400克x10袋",
        "@客服 在吗",
        "3.1415926535897",
        "10:30-22:30",
        "2024010110001234567",
        "运单号 773012345678901",
        "5-7天到",
    ],
)
def test_other_numbers_are_left(text):
    assert Masker("zh")(text) == text


def test_order_numbers_are_left():
    """Of random order numbers of 12 to 20 digits 1 in 190 is taken for something else."""
    chance = random.Random(7)
    numbers = [
        chance.choice("123456789") + "".join(chance.choices(string.digits, k=length - 1))
        for length in range(12, 21)
        for _ in range(4000)
    ]
    assert sum(bool(find_personal(number)) for number in numbers) < 0.006 * len(numbers)
    dated = [
        f"2024{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}{chance.randint(0, 10**10):010d}"
        for _ in range(4000)
    ]
    assert sum(bool(find_personal(number)) for number in dated) == 0
    eighteen = ["".join(chance.choices(string.digits, k=18)) for _ in range(60_000)]
    assert sum(is_id_card(number) for number in eighteen) < 60


def test_the_same_number_has_the_same_placeholder_and_another_another():
    mask = Masker("zh")
    assert mask("13800138000 或 139-0013-9000") == "[电话1] 或 [电话2]"
    assert mask("再打１３８ ００１３ ８０００，+86 13900139000，a@qq.com") == "再打[电话1]，[电话2]，[邮箱1]"
    assert mask("A@QQ.com") == "[邮箱1]"


SEPARATED = st.sampled_from(["", " ", "-", "  ", "·", "　", "–"])


def typed(digits: str, separators: list[str], style: int) -> str:
    """A number as people type it: in groups, with separators, in full-width digits or Chinese numerals."""
    if style == 1:
        digits = digits.translate({ord(d): ord(d) + 0xFEE0 for d in string.digits})
    if style == 2:
        digits = digits.translate({ord(str(n)): "零一二三四五六七八九"[n] for n in range(10)})
    groups = [digits[:3], digits[3:7], digits[7:11], digits[11:15], digits[15:]]
    filled = [group for group in groups if group]
    return "".join(group + (separators[at] if at < len(filled) - 1 else "") for at, group in enumerate(filled))


def id_card(province: str, born: date, order: int) -> str:
    body = f"{province}0105{born:%Y%m%d}{order:03d}"
    return body + CHECK_DIGITS[sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11]


mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
cards = st.from_regex(r"62[0-9]{14}", fullmatch=True).map(lambda d: d + next(c for c in string.digits if luhn(d + c)))
ids = st.builds(
    id_card, st.sampled_from(sorted(PROVINCES)), st.dates(date(1930, 1, 1), date(2015, 1, 1)), st.integers(0, 999)
)
words = st.text(st.sampled_from("我的电话是请退到打不通吗谢谢，。! abcxX\n"), max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.one_of(mobiles, cards, ids), st.lists(SEPARATED, min_size=5, max_size=5), st.integers(0, 2), words, words)
def test_no_form_of_a_number_gets_through(number, separators, style, before, after):
    text = f"{before}{typed(number, separators, style)}{after}"
    if before.endswith(tuple("abcxX")) and len(number) != 11:
        text = f"{before} {typed(number, separators, style)}{after}"
    masked = Masker("zh")(text)
    assert "1]" in masked
    left = masked.replace("[电话1]", "").replace("[身份证1]", "").replace("[银行卡1]", "")
    assert sum(c.isdecimal() or c in "零一二三四五六七八九" for c in left) == 0
    assert Masker("zh")(masked) == masked


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.characters(exclude_categories=["Nd", "Cs"], exclude_characters="@＠零〇一二三四五六七八九幺"), max_size=80
    )
)
def test_a_text_without_digits_and_at_signs_stays_as_it_is(text):
    assert Masker("en")(text) == text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_can_be_masked_and_masked_again(text):
    once = Masker("en")(text)
    assert Masker("en")(once) == once


@given(ids, st.dates(date(1930, 1, 1), date.today() - timedelta(1)))
def test_the_check_digit_is_as_in_the_standard(number, _):
    assert has_right_check_digit(number)
    other = "0" if number[-1] != "0" else "1"
    assert not has_right_check_digit(number[:-1] + other)
    # A naive twin: the weighted sum of all places with the check digit as its value leaves 1 when divided by 11.
    values = [10 if c == "X" else int(c) for c in number]
    assert sum(v * w for v, w in zip(values, (*WEIGHTS, 1), strict=True)) % 11 == 1
