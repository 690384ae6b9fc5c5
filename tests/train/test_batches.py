from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faqtune.encoder import Encoder
from faqtune.recipe import Losses, Mining, Recipe, Stage
from faqtune.records import Catalogue, Entry, normalise
from faqtune.train.batches import Batch, batch_at
from faqtune.train.data import Example, TrainingData
from faqtune.train.draws import queries_of_step
from faqtune.train.mined import Mined
from faqtune.train.mining import mine
from faqtune.train.teaching import can_learn

WORDS = ["退货", "怎么退货", "运费", "包邮吗", "发票", "ＯＫ", "ok", "refund", "Refund ", "地址"]
REPLIES = ["好的亲", "好的亲 ", "亲，包邮的", "Yes, free.", "怎么退货"]


@st.composite
def crowded_data(draw: st.DrawFn) -> TrainingData:
    """Few words for much data, so that texts coincide in every way they can."""
    words = st.sampled_from(WORDS)
    entries = draw(st.lists(st.lists(words, min_size=1, max_size=3, unique=True), min_size=1, max_size=5))
    answers = draw(st.lists(st.sampled_from(["答一", "答二", ""]), min_size=len(entries), max_size=len(entries)))
    catalogue = Catalogue(
        tuple(Entry(str(n), tuple(q), a) for n, (q, a) in enumerate(zip(entries, answers, strict=True)))
    )
    row = st.integers(0, len(entries) - 1)
    labels = draw(st.lists(st.builds(Example, words, row, st.just(0.8), st.booleans()), max_size=8))
    dialogues = draw(st.lists(st.tuples(words, st.sampled_from(REPLIES)), max_size=6))
    noise = draw(st.lists(st.sampled_from(["天气", "ok", "你好"]), max_size=5))
    return TrainingData(catalogue, tuple(labels), tuple(dialogues), tuple(noise))


STAGE = Stage.model_validate(
    {
        "data": {"labels": 1, "catalogue": 1, "dialogues": 1},
        "losses": {"ranking": {"weight": 1}},
        "batch_queries": 9,
        "batch_noise": 3,
        "mining": {"negatives_per_query": 2},
    }
)


def batches(data: TrainingData, encoder: Encoder, margin: float = 0.9) -> Iterator[tuple[int, Mined, Batch]]:
    mined, _ = mine(encoder, data, Mining(negatives_per_query=STAGE.mining.negatives_per_query, relative_margin=margin))
    for step in range(3):
        yield step, mined, batch_at(data, STAGE, mined, 5, 1, step)


def origins(data: TrainingData, step: int) -> list[tuple[str, int]]:
    """Source and number of each query of a batch; questions of the catalogue count on after the labels."""
    drawn = queries_of_step(STAGE, data, 5, 1, step)
    return [(source, int(n)) for source, numbers in drawn.items() for n in numbers]


def only_answered(data: TrainingData, example: Example) -> bool:
    """Whether of a standard question only the answer is right: its entry asks in no other words."""
    entry = data.catalogue.entries[example.row]
    return bool(entry.answer) and {normalise(question) for question in entry.questions} == {normalise(example.text)}


def naive_label(data: TrainingData, mined: Mined, source: str, number: int, column: str, is_question: bool) -> float:
    """What one text is to one query, said as plainly as possible."""
    key = normalise(column)
    if source == "dialogues":
        replies = {
            normalise(r) for asked, r in data.dialogues if normalise(asked) == normalise(data.dialogues[number][0])
        }
        if is_question or key.startswith("答") or key == normalise(data.dialogues[number][0]):
            return math.nan
        return 1.0 if key in replies else 0.0
    example = data.examples[number]
    own = [normalise(question) for question in data.catalogue.entries[example.row].questions]
    if not is_question and (source == "labels" or not key.startswith("答")):
        return math.nan
    if is_question and source == "catalogue" and only_answered(data, example):
        return math.nan
    if key == normalise(example.text):
        return 1.0 if source == "labels" and set(own) == {key} else math.nan
    rows = {
        row
        for row, entry in enumerate(data.catalogue)
        if key in ([normalise(q) for q in entry.questions] if is_question else [normalise(entry.answer)])
    }
    if example.row in rows:
        return 1.0
    return math.nan if any(row in mined.suspects[number] for row in rows) else 0.0


@settings(max_examples=60, deadline=None)
@given(crowded_data())
def test_labels_equal_a_double_loop(characters: Encoder, data: TrainingData):
    for step, mined, batch in batches(data, characters):
        expected = [
            [
                naive_label(data, mined, source, number, batch.texts[column], bool(is_question))
                for column, is_question in zip(batch.columns, batch.is_question, strict=True)
            ]
            for source, number in origins(data, step)
        ]
        np.testing.assert_array_equal(batch.labels, np.array(expected, dtype=np.float32).reshape(batch.labels.shape))


@settings(max_examples=40, deadline=None)
@given(crowded_data())
def test_every_distinct_text_stands_once(characters: Encoder, data: TrainingData):
    for _, _, batch in batches(data, characters):
        assert len(set(batch.texts)) == len(batch.texts)
        used = {*batch.queries.tolist(), *batch.columns.tolist(), *batch.noise.tolist()}
        assert used == set(range(len(batch.texts)))


@settings(max_examples=40, deadline=None)
@given(crowded_data())
def test_the_same_text_is_never_labelled_0(characters: Encoder, data: TrainingData):
    for _, _, batch in batches(data, characters):
        for q, c in zip(*np.nonzero(batch.labels == 0), strict=True):
            assert normalise(batch.texts[batch.queries[q]]) != normalise(batch.texts[batch.columns[c]])


@settings(max_examples=40, deadline=None)
@given(crowded_data())
def test_no_text_is_right_and_wrong_for_the_same_query(characters: Encoder, data: TrainingData):
    for step, _, batch in batches(data, characters):
        said: dict[tuple[str, int, str], set[float]] = {}
        for q, origin in enumerate(origins(data, step)):
            for c in np.flatnonzero(~np.isnan(batch.labels[q])):
                said.setdefault((*origin, normalise(batch.texts[batch.columns[c]])), set()).add(
                    float(batch.labels[q, c])
                )
        assert all(len(labels) == 1 for labels in said.values())


@settings(max_examples=40, deadline=None)
@given(crowded_data())
def test_a_known_positive_is_never_labelled_0(characters: Encoder, data: TrainingData):
    """Known: that some label, or the catalogue, puts the query's text to an entry that has the column's text."""
    for step, _, batch in batches(data, characters):
        for q, (source, number) in enumerate(origins(data, step)):
            if source == "dialogues":
                continue
            known = {e.row for e in data.examples if normalise(e.text) == normalise(data.examples[number].text)}
            for c in np.flatnonzero((batch.labels[q] == 0) & batch.is_question):
                key = normalise(batch.texts[batch.columns[c]])
                assert not any(key == normalise(x) for row in known for x in data.catalogue.entries[row].questions)


@settings(max_examples=40, deadline=None)
@given(crowded_data())
def test_suspects_take_no_part(characters: Encoder, data: TrainingData):
    for step, mined, batch in batches(data, characters, margin=0.3):
        for q, (source, number) in enumerate(origins(data, step)):
            if source == "dialogues":
                continue
            own = [normalise(x) for x in data.catalogue.entries[data.examples[number].row].questions]
            for row in mined.suspects[number]:
                theirs = {normalise(x) for x in data.catalogue.entries[row].questions} - set(own)
                columns = [normalise(batch.texts[c]) in theirs for c in batch.columns] & batch.is_question
                assert np.isnan(batch.labels[q, columns]).all()


def test_equal_replies_are_positives_of_both(recipe_of: Callable[..., Recipe], characters: Encoder, shop: TrainingData):
    # The same reply after two different turns, once typed in full-width; and two replies after the same turn.
    dialogues = (
        ("能发顺丰吗", "可以的，补10元差价"), ("顺丰要加钱吗", "可以的，补１０元差价"),
        ("在吗", "在的亲"), ("在吗 ", "您好，请讲"), ("几点下班", "晚上十点"),
    )  # fmt: skip
    data = replace(shop, dialogues=dialogues)
    stage = recipe_of(data={"dialogues": 1}, batch_queries=5).stages[0]
    mined, _ = mine(characters, data, Mining(negatives_per_query=1, relative_margin=0.95))
    batch = batch_at(data, stage, mined, 0, 1, 0)

    def replies(asked: str, label: float) -> set[str]:
        row = [batch.texts[q] for q in batch.queries].index(asked)
        return {normalise(batch.texts[c]) for c, y in zip(batch.columns, batch.labels[row], strict=True) if y == label}

    assert replies("能发顺丰吗", 1) == replies("顺丰要加钱吗", 1) == {normalise("可以的，补10元差价")}
    assert replies("在吗", 1) == replies("在吗 ", 1) == {"在的亲", normalise("您好，请讲")}
    assert replies("几点下班", 0) == {"在的亲", normalise("您好，请讲"), normalise("可以的，补10元差价")}


def test_a_step_is_a_pure_function(shop: TrainingData, characters: Encoder, recipe_of: Callable[..., Recipe]):
    stage = recipe_of().stages[0]
    mined, _ = mine(characters, shop, Mining(negatives_per_query=1, relative_margin=0.95))

    def same(left: Batch, right: Batch) -> bool:
        return left.texts == right.texts and all(
            np.array_equal(getattr(left, f.name), getattr(right, f.name), equal_nan=f.name == "labels")
            for f in fields(Batch)
            if f.name != "texts"
        )

    first = batch_at(shop, stage, mined, 3, 1, 4)
    np.random.default_rng().random()
    batch_at(shop, stage, mined, 3, 1, 5)
    assert same(first, batch_at(replace(shop), stage, mined, 3, 1, 4))
    for other in ((4, 1, 4), (3, 2, 4), (3, 1, 5)):
        assert not same(first, batch_at(shop, stage, mined, *other))


def test_the_same_question_under_two_entries_is_right_for_both(characters: Encoder):
    catalogue = Catalogue(
        (
            Entry("a", ("怎么退货", "如何退货"), "答一"),
            Entry("b", ("如何退货？", "如何退货"), "答二"),
            Entry("c", ("开票",), "答"),
        )
    )
    data = TrainingData(catalogue)
    mined, _ = mine(characters, data, Mining(negatives_per_query=1, relative_margin=0.95))
    for step in range(3):
        batch = batch_at(data, STAGE, mined, 0, 1, step)
        texts = [batch.texts[c] for c in batch.columns]
        if "如何退货" in texts:
            column = texts.index("如何退货")
            for q, query in enumerate(batch.queries):
                if batch.texts[query] in ("怎么退货", "如何退货？"):
                    assert batch.labels[q, column] == 1
            return
    pytest.fail("the shared question never came up")


def test_noise_stands_beside_its_nearest_question(
    shop: TrainingData, characters: Encoder, recipe_of: Callable[..., Recipe]
):
    stage = recipe_of(data={"labels": 1}, batch_queries=2, batch_noise=6, mining={"negatives_per_query": 0}).stages[0]
    mined, _ = mine(characters, shop, Mining(negatives_per_query=0, relative_margin=0.95))
    batch = batch_at(shop, stage, mined, 0, 1, 0)
    columns = {batch.texts[c] for c in batch.columns}
    assert len(batch.noise) == 6
    for place in batch.noise:
        number = shop.noise.index(batch.texts[place])
        assert shop.catalogue.questions[mined.noise_best[number]] in columns


def test_a_slip_of_the_finger_is_never_what_somebody_else_asks_or_what_measures(characters: Encoder):
    """Of two characters every slip but a doubled one is a text of one, or the two in the other order."""
    asked = (("早上好",), ("货到",), ("到到货",))
    catalogue = Catalogue(tuple(Entry(str(row), questions, "") for row, questions in enumerate(asked)))
    data = TrainingData(catalogue, labels=(Example("到货", 0, trusted=True),), noise=("到货货",), measured=("货",))
    stage = Stage.model_validate({"data": {"labels": 1, "disturbed": 1}, "losses": {"ranking": {"weight": 1}}})
    mined, _ = mine(characters, data, Mining(negatives_per_query=3))
    for step in range(30):
        batch = batch_at(data, stage, mined, 0, 1, step)
        assert [batch.texts[place] for place in batch.queries] == ["到货"]


def test_weights_are_the_confidence_of_the_labels(
    shop: TrainingData, characters: Encoder, recipe_of: Callable[..., Recipe]
):
    mined, _ = mine(characters, shop, Mining(negatives_per_query=1, relative_margin=0.95))
    batch = batch_at(shop, recipe_of().stages[0], mined, 0, 1, 0)
    assert batch.weights.tolist() == [pytest.approx(0.9)] * 3 + [1.0] * 6


@pytest.mark.parametrize(
    ("losses", "labels", "noise", "expected"),
    [
        ({"ranking": {"weight": 1}}, [[1, 0]], 0, True),
        ({"ranking": {"weight": 1}}, [[1, math.nan], [math.nan, 0]], 2, False),
        ({"online_contrastive": {"weight": 1}}, [[1, 1]], 0, False),
        ({"noise_ceiling": {"weight": 1}}, [[math.nan, math.nan]], 2, True),
        ({"noise_ceiling": {"weight": 1}}, [[1, 0]], 0, False),
        ({"rejection": {"weight": 1}}, [[1, math.nan]], 2, True),
        ({"rejection": {"weight": 1}}, [[0, 1]], 2, False),
        ({"near_rejection": {"weight": 1}}, [[1, 0]], 0, False),
    ],
)
def test_what_a_batch_can_teach(losses: dict[str, object], labels: list[list[float]], noise: int, expected: bool):
    places = np.zeros(len(labels), dtype=np.int64)
    batch = Batch(
        ("退货", "运费"), places, np.array([0, 1]), np.zeros(noise, dtype=np.int64), np.array(labels, dtype=np.float32),
        np.ones(len(labels), dtype=np.float32), np.array([True, False]), np.zeros(len(labels), dtype=np.bool_),
    )  # fmt: skip
    assert can_learn(batch, Losses.model_validate(losses)) is expected
    if "rejection" in losses:
        # An answer stands for the question that a standard question by itself does not have.
        assert can_learn(replace(batch, is_answered=~batch.is_answered), Losses.model_validate(losses))


def test_near_rejection_learns_from_questions_of_other_entries_without_any_noise():
    settings = Losses.model_validate({"near_rejection": {"weight": 1}})
    for labels, expected in (([[1.0, 0.0]], True), ([[1.0, math.nan]], False), ([[1.0, 1.0]], False)):
        batch = Batch(
            ("退货", "运费"), np.array([0]), np.array([0, 1]), np.zeros(0, dtype=np.int64),
            np.array(labels, dtype=np.float32), np.ones(1, dtype=np.float32), np.array([True, True]),
            np.array([False]),
        )  # fmt: skip
        assert can_learn(batch, settings) is expected


def test_a_question_of_which_only_the_answer_is_right_is_told_from_answers_alone(characters: Encoder):
    """Also what is mined for it comes as the answer of the entry that was found near."""
    asked = ("几天能到", "几天发货", "怎么退货", "怎么换货")
    entries = (
        *(Entry(str(n), (question,), f"{question}的回答") for n, question in enumerate(asked)),
        Entry("x", ("开票",), ""),
    )
    data = TrainingData(Catalogue(entries), noise=("今天天气真好",))
    stage = Stage.model_validate(
        {"data": {"catalogue": 1}, "losses": {"ranking": {"weight": 1}}, "batch_queries": 4, "batch_noise": 1,
         "mining": {"negatives_per_query": 4}}
    )  # fmt: skip
    mined, _ = mine(characters, data, stage.mining)
    batch = batch_at(data, stage, mined, 0, 1, 0)

    assert batch.is_answered.all()
    columns = [batch.texts[place] for place in batch.columns]
    assert {text for text, own in zip(columns, batch.is_question, strict=True) if not own} == {
        q + "的回答" for q in asked
    }
    assert batch.is_question.sum() == 1  # that of the noise
    for query, row in zip(batch.queries, batch.labels, strict=True):
        expected = [math.nan if own else float(text == batch.texts[query] + "的回答")
                    for text, own in zip(columns, batch.is_question, strict=True)]  # fmt: skip
        np.testing.assert_array_equal(row, np.array(expected, dtype=np.float32))
