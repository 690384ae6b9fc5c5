"""A shop in two languages, and an encoder that needs no model."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest

from faqtune.records import Catalogue, Conversation, Entry, Turn, normalise


class CharacterPairs:
    """Texts as counts of their characters and pairs of characters, hashed into 1024 places, of unit length."""

    name = "character pairs"

    def __init__(self):
        self.encoded = []

    def encode(self, texts):
        self.encoded += texts
        vectors = np.zeros((len(texts), 1024), dtype=np.float32)
        for vector, text in zip(vectors, map(normalise, texts), strict=True):
            for piece in [*text, *(text[at : at + 2] for at in range(len(text) - 1))]:
                vector[crc32(piece.encode()) % 1024] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


@pytest.fixture
def encoder():
    return CharacterPairs()


@pytest.fixture
def shop():
    entries = {
        "发货": (("什么时候发货", "下单后几天能发货"), "付款后48小时内发货，预售款以页面时间为准"),
        "快递": (("用哪家快递", "可以指定顺丰吗"), "默认发中通快递，需要顺丰请联系客服补差价"),
        "退货": (("能退货吗", "不喜欢可以退吗"), "签收七天内不影响二次销售可以退货，运费自理"),
        "发票": (("可以开发票吗", "怎么开专票"), "下单时填写抬头，电子发票随订单发到您的邮箱"),
        "保修": (("保修多久", "坏了给修吗"), "主机保修一年，人为损坏需要付费维修"),
        "优惠": (("有优惠券吗", "满减怎么用"), "店铺首页领取优惠券，满200减20，结算时自动使用"),
        "尺码": (("尺码偏大吗", "该选多大码"), "尺码是标准码，按平时穿的尺码选就行"),
        "地址": (("下错地址怎么改", "能改收货地址吗"), "没发货之前可以在订单详情里修改收货地址"),
        "ship": (("Do you ship abroad?", "International shipping"), "We ship to the EU and the UK, it takes ten days"),
        "return": (
            ("How do I return an item?",),
            "Print the label in your account and drop the parcel at any post office",
        ),
        "gift": (("Can you wrap it as a gift?",), "Tick gift wrap at checkout, it is free and comes with a card"),
        "battery": (("How long does the battery last?",), "A full charge of the battery lasts about nine hours of use"),
    }
    return Catalogue(tuple(Entry(name, questions, answer) for name, (questions, answer) in entries.items()))


@pytest.fixture
def talk():
    """A conversation from its turns: `talk("1", ("what the customer typed", "what the agent answered"), …)`."""
    return lambda name, *turns: Conversation(name, tuple(Turn(customer, agent) for customer, agent in turns))


@pytest.fixture
def logs(talk):
    """Plain conversations, each a question that its reply answers; both sides in their own words."""
    asked = [
        ("我的订单什么时候能发货呀", "亲，付款后48小时内发货的哦"),
        ("你们用哪家快递", "默认发中通快递的，要顺丰补差价"),
        ("买了不喜欢可以退货吗", "签收七天内不影响二次销售可以退货的"),
        ("能开发票吗", "下单时填写抬头就行，电子发票发到您邮箱"),
        ("主机保修多久啊", "保修一年的，人为损坏需要付费维修"),
        ("有没有优惠券", "首页领取优惠券，满200减20"),
        ("这个尺码偏大吗", "标准码，按平时穿的尺码选就行"),
        ("地址填错了，收货地址能改吗", "没发货之前可以修改收货地址"),
        ("hi, do you ship abroad?", "Sure, we ship to the EU and the UK"),
        ("how can I return an item", "Print the label in your account and drop it at any post office"),
        ("can you wrap it as a gift", "Yes, tick gift wrap at checkout, it is free"),
        ("how long does the battery last", "A full charge lasts about nine hours of use"),
    ]
    return [talk(f"c{number}", turn) for number, turn in enumerate(asked)]
