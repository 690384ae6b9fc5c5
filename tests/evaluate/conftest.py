"""A small bilingual shop and an encoder without a network: hashed character n-grams."""

import zlib

import numpy as np
import pytest

from faqtune.evaluate import EvaluationSet, Negative, Positive
from faqtune.records import Catalogue, Entry

CATALOGUE = Catalogue(
    (
        Entry("ship", ("什么时候发货", "下单后几天能发货", "When will my order ship?"), "48小时内发出"),
        Entry("return", ("可以退货吗", "How do I return an item?"), "七天无理由"),
        Entry("invoice", ("怎么开发票",), "订单页申请"),
        Entry("coupon", ("优惠券怎么用", "Why is my coupon not accepted?"), "结算时勾选"),
        Entry("address", ("收货地址写错了怎么改",), "发货前可改"),
    )
)

POSITIVES = (
    Positive("今天拍的什么时候可以发货呀", "ship", "c1"),
    Positive("还没发货吗", "ship", "c1"),
    Positive("when does it ship", "ship", "c2"),
    Positive("东西不想要了能退吗", "return", "c2"),
    Positive("return this please", "return", "c3"),
    Positive("发票在哪里开", "invoice", "c4"),
    Positive("我的券用不了", "coupon", "c5"),
    Positive("coupon not working", "coupon", "c6"),
    Positive("地址填错啦", "address", "c6"),
    Positive("还没发货吗", "address", "c7"),
)

NEGATIVES = (
    Negative("你最喜欢哪部电影", "chatter", "films"),
    Negative("今天天气真不错", "chatter", "weather"),
    Negative("I love this song", "chatter", "music"),
    Negative("信用卡额度怎么提高", "other_domain", "bank"),
    Negative("can I transfer money abroad", "other_domain", "bank"),
    Negative("你们招人吗", "unsupported", "c7"),
    Negative("实体店在哪里", "unsupported", "c8"),
    Negative("。。。", "garbage", "c9"),
    Negative("asdfgh", "garbage"),
    Negative("？", "garbage"),
)


class NgramEncoder:
    """Unit vectors of counted character n-grams; longer n-grams tell texts apart better."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.encoded: list[str] = []

    @property
    def name(self) -> str:
        return f"{self.longest}-grams"

    def encode(self, texts):
        self.encoded += texts
        vectors = np.full((len(texts), 64), 0.01, dtype=np.float32)
        for row, text in enumerate(texts):
            for n in range(1, self.longest + 1):
                for start in range(len(text) - n + 1):
                    vectors[row, zlib.crc32(text[start : start + n].encode()) % 64] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def shop() -> EvaluationSet:
    return EvaluationSet(POSITIVES, NEGATIVES, CATALOGUE, "test", {"several": 2})


@pytest.fixture
def base() -> NgramEncoder:
    return NgramEncoder(1)


@pytest.fixture
def tuned() -> NgramEncoder:
    return NgramEncoder(3)
