from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from faqtune.records import Catalogue, Entry
from faqtune.train.data import Example, TrainingData

CATALOGUE = Catalogue((Entry("a", ("怎么退货", "退货"), "七天内"), Entry("b", ("退货 ", "运费"), "七天内")))


@pytest.mark.parametrize(
    "change",
    [
        {"labels": (Example("不想要了", 1),)},
        {"labels": (Example("不想要了", 0, weight=0.5),)},
        {"labels": (Example("不想要了", 0, trusted=True),)},
        {"labels": ()},
        {"dialogues": (("在", "吗在的"),)},
        {"noise": ("你好\n再见",)},
        {"noise": ("再见", "你好")},
        {"near_noise": 1},
        {"catalogue": Catalogue((Entry("a", ("怎么退货|退货",), "七天内"), *CATALOGUE.entries[1:]))},
        {"catalogue": Catalogue(CATALOGUE.entries[:1])},
    ],
)
def test_the_digest_changes_with_anything_that_training_sees(change: dict[str, Any]):
    data = TrainingData(CATALOGUE, (Example("不想要了", 0),), (("在吗", "在的"),), ("你好", "再见"))
    assert replace(data).digest() == data.digest()
    assert replace(data, **change).digest() != data.digest()


def test_a_query_more_in_the_test_is_no_reason_to_train_anew():
    data = TrainingData(CATALOGUE)
    assert replace(data, measured=("发货",)).digest() == data.digest()


def test_half_an_emoji_has_a_digest():
    assert TrainingData(CATALOGUE, noise=("好的\ud83d",)).digest()


def test_a_text_is_known_under_every_entry_that_claims_it():
    data = TrainingData(CATALOGUE, (Example("ＯＫ", 0), Example("ok", 1), Example("运费 ", 0)))
    assert data.claimed_rows["ok"] == {0, 1}
    assert data.claimed_rows["运费"] == {0, 1}
    assert data.rows_of_question == {"怎么退货": {0}, "退货": {0, 1}, "运费": {1}}
    assert data.rows_of_answer == {"七天内": {0, 1}}


def test_examples_are_the_labels_and_then_the_questions():
    data = TrainingData(CATALOGUE, (Example("多少运费", 1),))
    assert [(e.text, e.row, e.trusted) for e in data.examples] == [
        ("多少运费", 1, False), ("怎么退货", 0, True), ("退货", 0, True), ("退货 ", 1, True), ("运费", 1, True),
    ]  # fmt: skip
    assert data.question_keys == ("怎么退货", "退货", "退货", "运费")
    assert [list(data.questions_of(row)) for row in (0, 1)] == [[0, 1], [2, 3]]


def test_sure_labels_stay_and_so_do_those_of_people():
    labels = (Example("甲", 0, weight=0.4), Example("乙", 0, weight=0.5), Example("丙", 0, weight=0.1, trusted=True))
    kept = TrainingData(CATALOGUE, labels).confident(0.5)
    assert [example.text for example in kept.labels] == ["乙", "丙"]


@pytest.mark.parametrize("module", ["train", "train.batches"])
def test_data_and_batches_are_put_together_without_torch(module: str):
    code = f"import sys; from faqtune.{module} import TrainingData; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
