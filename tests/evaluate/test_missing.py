from __future__ import annotations

import numpy as np

from faqtune.evaluate.missing import MOST_QUESTIONS, Asked, missing_questions
from faqtune.records import Catalogue, Entry

CATALOGUE = Catalogue((Entry("a", ("发货吗", "什么时候发货"), "是"), Entry("b", ("能退吗",), "能")))
QUESTIONS = np.eye(6, dtype=np.float32)[[0, 0, 1]]
SMALL_TALK = np.eye(6, dtype=np.float32)[[5]]


def at(**parts: float) -> np.ndarray:
    """A unit vector with the given lengths along entry a, b, a topic of its own, another one, and small talk."""
    vector = np.zeros(6, dtype=np.float32)
    for name, length in parts.items():
        vector["ab__".index(name) if name in "ab" else {"topic": 2, "other": 3, "talk": 5}[name]] = length
    return vector / np.linalg.norm(vector)


def found(asked: list[tuple[Asked, np.ndarray]]):
    vectors = np.array([vector for _, vector in asked], dtype=np.float32)
    return missing_questions([text for text, _ in asked], vectors, CATALOGUE, QUESTIONS, SMALL_TALK, 0.8)


def test_texts_that_ask_the_same_are_one_question_and_the_most_asked_comes_first() -> None:
    asked = [
        (Asked("卖帐篷吗", "c1"), at(topic=1, a=0.3)),
        (Asked("有没有帐篷", "c2"), at(topic=1, a=0.35)),
        (Asked("帐篷", "c2"), at(topic=1, a=0.25)),
        (Asked("招人吗", "c3"), at(other=1, b=0.3)),
    ]
    first, second = found(asked)
    assert (first.conversations, second.conversations) == (2, 1)
    assert set(first.wordings) == {"卖帐篷吗", "有没有帐篷", "帐篷"}
    assert (first.nearest, second.nearest) == ("发货吗", "能退吗")


def test_what_would_be_answered_or_is_small_talk_is_not_missing() -> None:
    asked = [(Asked("何时发货", "c1"), at(a=1, topic=0.1)), (Asked("哈哈", "c2"), at(talk=1, a=0.2))]
    assert found(asked) == ()


def test_what_people_call_unsupported_is_missing_whatever_the_model_thinks_and_comes_first() -> None:
    asked = [
        (Asked("卖帐篷吗", "c1"), at(topic=1, a=0.3)),
        (Asked("有没有帐篷", "c2"), at(topic=1, a=0.35)),
        (Asked("哪天能发到国外", "c3", by_people=True), at(a=1, other=0.1)),
    ]
    first, second = found(asked)
    assert (first.by_people, first.wordings, first.conversations) == (1, ("哪天能发到国外",), 1)
    assert (second.by_people, second.conversations) == (0, 2)


def test_nothing_asked_is_nothing_missing_and_the_list_has_an_end() -> None:
    empty = np.zeros((0, 6), dtype=np.float32)
    assert missing_questions([], empty, CATALOGUE, QUESTIONS, SMALL_TALK, 0.8) == ()
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 200)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    questions = np.zeros((3, 200), dtype=np.float32)
    questions[:, 0] = 1
    many = [Asked(f"问 {row}", f"c{row}", by_people=True) for row in range(60)]
    assert len(missing_questions(many, vectors, CATALOGUE, questions, questions[:0], 0.99)) == MOST_QUESTIONS
