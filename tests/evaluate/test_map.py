from __future__ import annotations

import numpy as np
import pytest

from faqtune.encoder import KeepingEncoder
from faqtune.evaluate import EvaluationSet, Negative, Positive
from faqtune.evaluate.map import ENTRY, LEAST_POINTS, MOST_OF_A_KIND, QUERY, SIDE, Landmark, landmarks, places
from faqtune.records import Catalogue, Entry


def clusters(seed: int = 0) -> tuple[np.ndarray, list[Landmark]]:
    """Thirty entries and as many noise sentences, around two directions at right angles."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(0, 0.05, (60, 16))
    vectors[:30, 0] += 1
    vectors[30:, 1] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kinds = [ENTRY] * 30 + ["chatter"] * 30
    return vectors.astype(np.float32), [Landmark(kind, str(row)) for row, kind in enumerate(kinds)]


def test_neighbours_for_the_model_are_neighbours_on_the_map() -> None:
    vectors, marks = clusters()
    drawn = places(vectors, marks)
    at = np.array([drawn.x, drawn.y], dtype=float).T
    distance = np.linalg.norm(at[:, None] - at[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    assert all((row < 30) == (other < 30) for row, other in enumerate(nearest))


def test_the_same_texts_give_the_same_map_within_its_sides() -> None:
    vectors, marks = clusters()
    drawn = places(vectors, marks)
    assert drawn == places(vectors.copy(), marks)
    assert min(*drawn.x, *drawn.y) == 0 and max(*drawn.x, *drawn.y) == SIDE


def test_noise_lies_right_of_the_entries_whatever_came_out() -> None:
    for seed in range(4):
        vectors, marks = clusters(seed)
        drawn = places(vectors, marks)
        for along in (drawn.x, drawn.y):
            assert np.mean(along[:30]) <= np.mean(along[30:])


def test_a_model_that_finds_all_texts_alike_has_one_place() -> None:
    _, marks = clusters()
    drawn = places(np.ones((60, 16), dtype=np.float32) / 4, marks)
    assert set(drawn.x) == set(drawn.y) == {SIDE // 2}


def test_few_texts_have_no_map_and_many_are_thinned_evenly() -> None:
    few = EvaluationSet((Positive("退货", "e"),), (), Catalogue((Entry("e", ("可以退货吗",), "可以"),)), "test")
    assert landmarks(few) == ()
    many = EvaluationSet(
        tuple(Positive(f"问 {row}", "e") for row in range(3 * MOST_OF_A_KIND)),
        tuple(Negative(f"噪 {row}", "chatter") for row in range(LEAST_POINTS)),
        few.catalogue,
        "test",
    )
    marks = landmarks(many)
    queries = [mark.text for mark in marks if mark.kind == QUERY]
    assert len(queries) == MOST_OF_A_KIND
    assert queries[:3] == ["问 0", "问 3", "问 6"]
    assert [mark.kind for mark in marks].count("chatter") == LEAST_POINTS


def test_an_encoder_that_remembers_encodes_no_text_twice(tuned) -> None:
    keeping = KeepingEncoder(tuned, ["甲", "乙"])
    whole = keeping.encode(["甲", "丙", "乙"])
    seen = list(tuned.encoded)
    assert keeping.encode(["乙", "甲"]) == pytest.approx(whole[[2, 0]])
    assert tuned.encoded == seen
    assert keeping.encode(["丙"]) == pytest.approx(whole[[1]])
    assert keeping.name == tuned.name
