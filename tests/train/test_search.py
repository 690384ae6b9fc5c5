"""The sparse search against whole tables and whole sorts, bit for bit."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faqtune.encoder import Vectors
from faqtune.recipe import Mining
from faqtune.records import Catalogue, Entry
from faqtune.train import ranks, search
from faqtune.train.data import Example, TrainingData
from faqtune.train.ragged import Ragged

spec = importlib.util.spec_from_file_location("dense_mining", Path(__file__).with_name("dense_mining.py"))
assert spec is not None and spec.loader is not None
dense_mining = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dense_mining)


def shop_of(seed: int, entries: int, labels: int, width: int, texts: int) -> tuple[TrainingData, Vectors]:
    """A shop of which many texts, and with a small `width` many cosines, are equal."""
    chance = np.random.default_rng(seed)
    words = [f"问{number}" for number in range(texts)]
    asked = [
        tuple(dict.fromkeys(chance.choice(words, size=int(chance.integers(1, 4))).tolist())) for _ in range(entries)
    ]
    catalogue = Catalogue(tuple(Entry(str(row), questions, "") for row, questions in enumerate(asked)))
    said = tuple(
        Example(str(chance.choice(words)), int(chance.integers(entries)), 0.8, bool(chance.integers(2)))
        for _ in range(labels)
    )
    data = TrainingData(catalogue, said)
    vector_of = {word: chance.choice([-1.0, 0.5, 1.0], size=width) for word in words}
    rows = np.stack([vector_of[example.text] for example in data.examples]).astype(np.float32)
    return data, rows / np.linalg.norm(rows, axis=1, keepdims=True)


def find_all(rows: Vectors, data: TrainingData, asked: Mining, unrelated: float) -> search.Found:
    """What is found for all examples."""
    return search.find(
        rows, np.arange(len(rows)), rows[len(data.labels) :], data, asked, unrelated, rows[: len(data.labels)]
    )


def same(found: search.Found, expected: Any) -> None:
    np.testing.assert_array_equal(found.hard, expected.hard)
    np.testing.assert_array_equal(found.near_queries, expected.near_queries)
    np.testing.assert_array_equal(found.own, expected.own)
    assert [row.tolist() for row in map(found.suspects.__getitem__, range(len(found.suspects)))] == [
        np.flatnonzero(row).tolist() for row in expected.suspects
    ]
    assert (found.hard.dtype, found.near_queries.dtype, found.own.dtype) == (np.int32, np.int32, np.float32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(0, 20), st.sampled_from([2, 8]), st.sampled_from([6, 90]))
def test_the_sparse_search_finds_what_whole_tables_do(
    seed: int, entries: int, labels: int, width: int, texts: int
) -> None:
    data, rows = shop_of(seed, entries, labels, width, texts)
    for asked in (
        Mining(negatives_per_query=1),
        Mining(negatives_per_query=3, relative_margin=0.7, queries_per_query=2),
        Mining(negatives_per_query=2, negatives_pool=30, relative_margin=1.0, queries_per_query=1),
        Mining(negatives_per_query=0),
    ):
        for unrelated in (-0.3, 0.2):
            same(find_all(rows, data, asked, unrelated), dense_mining.dense(rows, data, asked, unrelated, 10**7))


def test_the_search_is_cut_into_blocks_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    data, rows = shop_of(5, entries=50, labels=40, width=8, texts=200)
    asked = Mining(negatives_per_query=4, relative_margin=0.8, queries_per_query=3)
    for block_scores in (1, 700, 5000):
        monkeypatch.setattr(search, "BLOCK_SCORES", block_scores)
        same(find_all(rows, data, asked, 0.1), dense_mining.dense(rows, data, asked, 0.1, block_scores))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 30), st.integers(0, 20), st.data())
def test_for_some_examples_the_same_is_found_as_for_all(
    seed: int, entries: int, labels: int, draw: st.DataObject
) -> None:
    data, _ = shop_of(seed, entries, labels, width=8, texts=40)
    # Whole numbers: their products are the same to the bit however many rows are multiplied at once.
    rows = np.random.default_rng(seed).integers(-2, 3, size=(len(data.examples), 6)).astype(np.float32)
    numbers = np.array(sorted(draw.draw(st.sets(st.integers(0, len(rows) - 1)))), dtype=np.int64)
    asked = Mining(negatives_per_query=2, relative_margin=0.7)
    whole = find_all(rows, data, asked, 0.2)
    found = search.find(rows[numbers], numbers, rows[len(data.labels) :], data, asked, 0.2, rows[: len(data.labels)])
    np.testing.assert_array_equal(found.hard, whole.hard[numbers])
    np.testing.assert_array_equal(found.own, whole.own[numbers])
    among = found.suspects.among(numbers, len(rows))
    assert len(among) == len(rows)
    for number in range(len(rows)):
        assert among[number].tolist() == (whole.suspects[number].tolist() if number in numbers else [])


@pytest.mark.parametrize("count", [2, 3, 7])
def test_blocks_are_dealt_to_all_ranks_and_come_back_in_order(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """One process after the other in the place of several: what the first ones found waits for the last."""
    data, rows = shop_of(5, entries=50, labels=40, width=8, texts=200)
    asked = Mining(negatives_per_query=4, relative_margin=0.8, queries_per_query=3)
    monkeypatch.setattr(search, "BLOCK_SCORES", 900)
    whole = find_all(rows, data, asked, 0.1)
    given: list[list[search.Found]] = []
    monkeypatch.setattr(ranks, "count", lambda: count)
    monkeypatch.setattr(ranks, "of_all", lambda own: given.append(own) or [*given, *[own] * (count - len(given))])
    for number in range(count):
        monkeypatch.setattr(ranks, "number", lambda number=number: number)
        found = find_all(rows, data, asked, 0.1)
    sizes = [len(own) for own in given]
    assert sum(sizes) == len(search.blocks(len(rows), len(data.question_keys))) > 7 and max(sizes) - min(sizes) <= 1
    for name in ("hard", "near_queries", "own"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    np.testing.assert_array_equal(found.suspects.numbers, whole.suspects.numbers)
    np.testing.assert_array_equal(found.suspects.starts, whole.suspects.starts)


def test_a_catalogue_of_one_entry_has_nothing_to_tell_it_from() -> None:
    data = TrainingData(Catalogue((Entry("a", ("退货", "怎么退"), ""),)), (Example("我要退", 0),))
    found = find_all(np.eye(3, dtype=np.float32), data, Mining(negatives_per_query=2), 0.0)
    assert found.hard.tolist() == [[-1, -1]] * 3 and len(found.suspects.numbers) == 0
    assert found.own.tolist() == [0.0, 0.0, 0.0]
    assert find_all(np.eye(2, dtype=np.float32), replace(data, labels=()), Mining(), 0.0).hard.tolist() == [[-1]] * 2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sets(st.integers(0, 50)), max_size=12), st.data())
def test_ragged_rows_are_a_list_of_lists(rows: list[set[int]], draw: st.DataObject) -> None:
    ragged = Ragged.of(rows)
    assert [ragged[row].tolist() for row in range(len(ragged))] == [sorted(row) for row in rows]
    assert ragged.sizes.tolist() == list(map(len, rows))
    pairs = draw.draw(st.permutations([(row, number) for row, numbers in enumerate(rows) for number in numbers]))
    mask = np.zeros((len(rows), 51), dtype=np.bool_)
    for row, number in pairs:
        mask[row, number] = True
    cut = draw.draw(st.integers(0, len(rows)))
    for other in (
        Ragged.of_pairs([row for row, _ in pairs], [number for _, number in pairs], len(rows)),
        Ragged.of_mask(mask),
        Ragged.joined([Ragged.of(rows[:cut]), Ragged.of(rows[cut:])]),
    ):
        np.testing.assert_array_equal(other.starts, ragged.starts)
        np.testing.assert_array_equal(other.numbers, ragged.numbers)
        assert other.numbers.dtype == np.int32 and other.starts.dtype == np.int64
    if rows:
        asked = np.array(draw.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8)), dtype=np.int64)
        places, numbers = ragged.pairs(asked)
        expected = [(place, number) for place, row in enumerate(asked) for number in sorted(rows[row])]
        assert list(zip(places.tolist(), numbers.tolist(), strict=True)) == expected
