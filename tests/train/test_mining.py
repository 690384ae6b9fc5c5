from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from faqtune.encoder import Encoder
from faqtune.recipe import Mining
from faqtune.records import Catalogue, Entry, normalise
from faqtune.train import search
from faqtune.train.data import Example, TrainingData
from faqtune.train.mining import mine

WORDS = ["退货", "怎么退货", "运费", "包邮吗", "发票", "ＯＫ", "ok", "refund", "Refund ", "地址"]


@st.composite
def crowded_data(draw: st.DrawFn) -> TrainingData:
    """Few words for much data, so that texts coincide in every way they can."""
    words = st.sampled_from(WORDS)
    entries = draw(st.lists(st.lists(words, min_size=1, max_size=3, unique=True), min_size=1, max_size=5))
    catalogue = Catalogue(tuple(Entry(str(n), tuple(questions), "答") for n, questions in enumerate(entries)))
    row = st.integers(0, len(entries) - 1)
    labels = draw(st.lists(st.builds(Example, words, row, st.just(0.8), st.booleans()), max_size=8))
    noise = draw(st.lists(words, max_size=5))
    return TrainingData(catalogue, tuple(labels), (), tuple(noise))


def cosine(encoder: Encoder, left: str, right: str) -> float:
    return sum(float(a) * float(b) for a, b in zip(*encoder.encode([left, right]), strict=True))


def naive_examples(data: TrainingData) -> list[Example]:
    catalogue = [Example(q, row, trusted=True) for row, entry in enumerate(data.catalogue) for q in entry.questions]
    return [*data.labels, *catalogue]


def naive_unrelated(encoder: Encoder, data: TrainingData) -> float:
    scores = [
        cosine(encoder, example.text, question)
        for example in naive_examples(data)
        for row, entry in enumerate(data.catalogue)
        for question in entry.questions
        if row != example.row
    ]
    return sum(scores) / len(scores) if scores else 0.0


def naive_own(encoder: Encoder, data: TrainingData, example: Example) -> float | None:
    others = [
        cosine(encoder, example.text, q)
        for q in data.catalogue.entries[example.row].questions
        if normalise(q) != normalise(example.text)
    ]
    return max(others) if others else None


def naive_suspects(encoder: Encoder, data: TrainingData, example: Example, margin: float, unrelated: float) -> set[int]:
    own = naive_own(encoder, data, example)
    limit = unrelated + margin * ((1.0 if own is None else own) - unrelated)
    own_keys = {normalise(q) for q in data.catalogue.entries[example.row].questions}
    suspects = set()
    for row, entry in enumerate(data.catalogue):
        if row == example.row:
            continue
        if any(e.row == row and normalise(e.text) == normalise(example.text) for e in naive_examples(data)):
            suspects.add(row)
        for question in entry.questions:
            if not example.trusted and normalise(question) not in own_keys:
                score = cosine(encoder, example.text, question)
                assume(abs(score - limit) > 1e-6)  # any closer, another order of summing may decide otherwise
                if score > limit:
                    suspects.add(row)
    return suspects


def naive_hard(encoder: Encoder, data: TrainingData, example: Example, suspects: set[int], k: int) -> list[float]:
    """Cosines of the hard negatives: numbers may differ where cosines tie."""
    own_keys = {normalise(q) for q in data.catalogue.entries[example.row].questions}
    best = []
    for row, entry in enumerate(data.catalogue):
        scores = [cosine(encoder, example.text, q) for q in entry.questions if normalise(q) not in own_keys]
        if row != example.row and row not in suspects and scores:
            best.append(max(scores))
    return sorted(best, reverse=True)[:k]


@settings(max_examples=40, deadline=None)
@given(crowded_data(), st.integers(0, 4), st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_mining_equals_plain_loops(characters: Encoder, data: TrainingData, k: int, margin: float):
    mined, figures = mine(characters, data, Mining(negatives_per_query=k, relative_margin=margin))
    assert mined.hard.shape == (len(naive_examples(data)), k)
    related, unrelated = [], naive_unrelated(characters, data)
    for number, example in enumerate(naive_examples(data)):
        suspects = naive_suspects(characters, data, example, margin, unrelated)
        assert set(mined.suspects[number].tolist()) == suspects
        hard = [q for q in mined.hard[number].tolist() if q >= 0]
        found = [cosine(characters, example.text, data.catalogue.questions[q]) for q in hard]
        assert found == pytest.approx(naive_hard(characters, data, example, suspects, k), abs=1e-5)
        assert len({data.catalogue.owners[q] for q in hard}) == len(hard)
        own = naive_own(characters, data, example)
        related += [] if own is None else [own]
    assert figures["unrelated"] == pytest.approx(unrelated, abs=1e-5)
    assert figures["related"] == pytest.approx(sum(related) / len(related) if related else 1.0, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(crowded_data(), st.integers(1, 4))
def test_a_mined_negative_is_never_a_known_positive(characters: Encoder, data: TrainingData, k: int):
    mined, _ = mine(characters, data, Mining(negatives_per_query=k, relative_margin=1.0))
    for number, example in enumerate(naive_examples(data)):
        known = {e.row for e in naive_examples(data) if normalise(e.text) == normalise(example.text)}
        right = {normalise(q) for q in data.catalogue.entries[example.row].questions}
        for question in mined.hard[number].tolist():
            if question >= 0:
                assert data.catalogue.owners[question] not in known
                assert normalise(data.catalogue.questions[question]) not in right


@settings(max_examples=40, deadline=None)
@given(crowded_data())
def test_noise_is_ordered_by_its_nearest_question(characters: Encoder, data: TrainingData):
    mined, figures = mine(characters, data, Mining(negatives_per_query=1, relative_margin=0.95))
    questions = data.catalogue.questions
    every = [[cosine(characters, text, question) for question in questions] for text in data.noise]
    for number, scores in enumerate(every):
        assert scores[mined.noise_best[number]] == pytest.approx(max(scores), abs=1e-6)
    best = [max(every[number]) for number in mined.noise_order]
    assert best == pytest.approx(sorted(best, reverse=True), abs=1e-6)
    answered = {normalise(e.text) for e in naive_examples(data) if e.trusted}
    assert sorted(mined.noise_order) == [n for n, text in enumerate(data.noise) if normalise(text) not in answered]
    flat = [score for scores in every for score in scores]
    assert figures["noise_similarity"] == pytest.approx(sum(flat) / len(flat) if flat else 0.0, abs=1e-5)
    means = [sum(scores) / len(scores) for scores in every]
    np.testing.assert_allclose(mined.noise_cosines, means, atol=1e-5)


class Table:
    """An Encoder that knows the vector of every text."""

    name = "table"

    def __init__(self, degrees: dict[str, float]) -> None:
        self.degrees = degrees

    def encode(self, texts: Sequence[str]) -> Any:
        angles = np.radians([self.degrees[text] for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_mining_worked_out_by_hand():
    # The query at 0° has its entry's question at 60° (cosine 0.5), the others at 62°, 65°, 100° and 180°.
    degrees = {"我要退": 0, "退货": 60, "换货": 62, "退款": 65, "发票": 100, "营业时间": 180, "你好": 98}
    entries = [("退货",), ("换货",), ("退款",), ("发票",), ("营业时间",)]
    catalogue = Catalogue(tuple(Entry(str(n), questions, "答") for n, questions in enumerate(entries)))
    data = TrainingData(catalogue, (Example("我要退", 0),), (), ("你好",))
    mined, figures = mine(Table(degrees), data, Mining(negatives_per_query=2, relative_margin=0.9))
    # Unrelated pairs: 4 of the query (0.4695, 0.4226, -0.1736, -1), and every question with the 4 others, both ways.
    angles = [60, 62, 65, 100, 180]
    among = [math.cos(math.radians(a - b)) for a in angles for b in angles if a != b]
    unrelated = (0.46947 + 0.42262 - 0.17365 - 1 + sum(among)) / 24
    assert figures["unrelated"] == pytest.approx(unrelated, abs=1e-4)
    # The limit 0.334 + 0.9 (0.5 - 0.334) = 0.483 is above the 0.469 of the entry at 62°: no suspects ...
    assert unrelated == pytest.approx(0.3340, abs=1e-4)
    assert mined.suspects[0].tolist() == []
    assert mined.hard[0].tolist() == [1, 2]
    # ... and 0.334 + 0.7 (0.5 - 0.334) = 0.450 is below it, so the next ones take its place.
    mined, figures = mine(Table(degrees), data, Mining(negatives_per_query=2, relative_margin=0.7))
    assert mined.suspects[0].tolist() == [1]
    assert mined.hard[0].tolist() == [2, 3]
    assert mined.noise_best.tolist() == [3]


def test_a_person_s_label_is_not_doubted():
    degrees = {"我要退": 0, "退货": 60, "换货": 10}
    catalogue = Catalogue((Entry("a", ("退货",), "答"), Entry("b", ("换货",), "答")))
    for trusted in (True, False):
        data = TrainingData(catalogue, (Example("我要退", 0, trusted=trusted),))
        mined, _ = mine(Table(degrees), data, Mining(negatives_per_query=1, relative_margin=0.95))
        assert mined.suspects[0].tolist() == ([] if trusted else [1])
        assert mined.hard[0].tolist() == [1 if trusted else -1]


def test_blocks_change_nothing(characters: Encoder, shop: TrainingData, monkeypatch: pytest.MonkeyPatch):
    whole, whole_figures = mine(characters, shop, Mining(negatives_per_query=3, relative_margin=0.8))
    monkeypatch.setattr(search, "BLOCK_SCORES", 5 * len(shop.catalogue.questions))
    blocks, figures = mine(characters, shop, Mining(negatives_per_query=3, relative_margin=0.8))
    for name in ("hard", "noise_best", "noise_order"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(blocks, name))
    np.testing.assert_array_equal(whole.suspects.numbers, blocks.suspects.numbers)
    np.testing.assert_array_equal(whole.suspects.starts, blocks.suspects.starts)
    assert figures == pytest.approx(whole_figures)


def test_everything_is_encoded_in_one_go(characters: Encoder, shop: TrainingData, monkeypatch: pytest.MonkeyPatch):
    calls: list[Sequence[str]] = []
    encode = characters.encode
    monkeypatch.setattr(characters, "encode", lambda texts: calls.append(texts) or encode(texts))
    mine(characters, shop, Mining(negatives_per_query=1, relative_margin=0.95))
    assert len(calls) == 1


@settings(max_examples=40, deadline=None)
@given(crowded_data(), st.data())
def test_noise_near_to_queries_is_ordered_by_its_nearest_query(
    characters: Encoder, data: TrainingData, draw: st.DataObject
):
    numbers = draw.draw(st.lists(st.integers(0, max(0, len(data.labels) - 1)), unique=True, max_size=4))
    asked = np.array(numbers if data.labels else [], dtype=np.int64)
    by_catalogue, _ = mine(characters, data, Mining())
    mined, _ = mine(characters, data, Mining(near_to="queries"), queries=asked)
    texts = [data.labels[number].text for number in asked] or data.catalogue.questions  # without queries what there is
    best = [max(cosine(characters, data.noise[number], text) for text in texts) for number in mined.noise_order]
    assert best == pytest.approx(sorted(best, reverse=True), abs=1e-6)
    assert sorted(mined.noise_order) == sorted(by_catalogue.noise_order)
    np.testing.assert_array_equal(mined.noise_best, by_catalogue.noise_best)


def test_noise_near_to_queries_worked_out_by_hand():
    degrees = {"我要退": 0, "退货": 60, "你好": 50, "天气": -10, "吃了吗": 20, "早": 90}
    catalogue = Catalogue((Entry("a", ("退货",), "答"),))
    data = TrainingData(catalogue, (Example("我要退", 0),), (), ("你好", "天气", "吃了吗", "早"))
    order = {near: mine(Table(degrees), data, Mining(near_to=near))[0].noise_order for near in ("catalogue", "queries")}
    assert [data.noise[n] for n in order["catalogue"]] == ["你好", "早", "吃了吗", "天气"]
    assert [data.noise[n] for n in order["queries"]] == ["天气", "吃了吗", "你好", "早"]


def test_of_more_noise_than_the_pool_some_is_compared_and_other_some_the_next_time(
    characters: Encoder, shop: TrainingData
):
    """The figures and the trigger are those of the sentences compared."""
    rounds = {}
    for draw in (3, 4):
        mined, figures = mine(characters, shop, Mining(noise_pool=5), (0, 1, draw))
        compared = np.flatnonzero(mined.noise_best >= 0)
        assert len(compared) == 5 and sorted(mined.noise_order) == compared.tolist()
        np.testing.assert_array_equal(np.isnan(mined.noise_cosines), mined.noise_best < 0)
        every = [cosine(characters, shop.noise[n], q) for n in compared for q in shop.catalogue.questions]
        assert figures["noise_similarity"] == mined.noise_similarity == pytest.approx(sum(every) / len(every), abs=1e-5)
        whole, _ = mine(characters, shop, Mining(noise_pool=len(shop.noise)))
        np.testing.assert_array_equal(mined.noise_best[compared], whole.noise_best[compared])
        assert len(whole.noise_order) == len(shop.noise)
        rounds[draw] = set(compared.tolist())
        again, _ = mine(characters, shop, Mining(noise_pool=5), (0, 1, draw))
        np.testing.assert_array_equal(again.noise_order, mined.noise_order)
    assert rounds[3] != rounds[4]


def test_noise_that_people_named_is_in_every_pool(characters: Encoder, shop: TrainingData):
    named = set(range(len(shop.noise) - 3, len(shop.noise)))
    data = replace(shop, near_noise=3)
    for draw in range(5):
        mined, _ = mine(characters, data, Mining(noise_pool=2), (0, 1, draw))
        assert len(mined.noise_order) == 5 and named <= set(mined.noise_order.tolist())
    everything, _ = mine(characters, data, Mining(noise_pool=len(shop.noise) - 3))
    assert len(everything.noise_order) == len(shop.noise)


@settings(max_examples=40, deadline=None)
@given(crowded_data(), st.integers(1, 3))
def test_mined_queries_are_the_nearest_labels_of_other_entries(characters: Encoder, data: TrainingData, j: int):
    mined, _ = mine(characters, data, Mining(negatives_per_query=0, queries_per_query=j, relative_margin=1.0))
    assert mined.near_queries.shape == (len(data.examples), j) and mined.hard.shape == (len(data.examples), 0)
    for number, example in enumerate(data.examples):
        suspects = set(mined.suspects[number].tolist())
        others = [label for label in data.labels if label.row != example.row and label.row not in suspects]
        best = sorted((cosine(characters, example.text, label.text) for label in others), reverse=True)[:j]
        found = [data.labels[label] for label in mined.near_queries[number] if label >= 0]
        assert [cosine(characters, example.text, label.text) for label in found] == pytest.approx(best, abs=1e-5)
        assert all(label in others for label in found)


def test_of_noise_that_is_equally_near_the_earlier_comes_first():
    """Copies in a log, more of them than are sorted by insertion, which keeps their order by itself."""
    data = TrainingData(Catalogue((Entry("a", ("问",), ""),)), noise=("远", "近") * 200)
    mined, _ = mine(Table({"问": 0, "近": 0, "远": 180}), data, Mining())
    assert mined.noise_order.tolist() == [*range(1, 400, 2), *range(0, 400, 2)]
