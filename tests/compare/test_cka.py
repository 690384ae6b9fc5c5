"""Linear CKA against its naive twin, and what the layers of a model give."""

from __future__ import annotations

import math

import numpy as np
import pytest

from faqtune.compare.cka import MOST_TEXTS, activations, linear_cka, thinned
from faqtune.model import TextModel

TEXTS = ["什么时候发货", "Can I get a refund?", "哈哈", "包邮吗，亲，我昨天拍的", "ok"]


def test_it_agrees_with_its_naive_twin() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(12, 5)).astype(np.float32), random.normal(size=(12, 7)).astype(np.float32)

    def hsic(x: np.ndarray, y: np.ndarray) -> float:  # type: ignore[type-arg]
        n, total = len(x), 0.0
        centre = np.eye(n) - 1 / n
        k, m = centre @ (x @ x.T) @ centre, centre @ (y @ y.T) @ centre
        for i in range(n):
            for j in range(n):
                total += k[i, j] * m[i, j]
        return total

    x, y = a.astype(np.float64), b.astype(np.float64)
    assert linear_cka(a, b) == pytest.approx(hsic(x, y) / math.sqrt(hsic(x, x) * hsic(y, y)))


def test_turning_scaling_and_moving_do_not_matter() -> None:
    random = np.random.default_rng(0)
    a = random.normal(size=(30, 6)).astype(np.float32)
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0].astype(np.float32)

    assert linear_cka(a, 3 * a @ turn + 5) == pytest.approx(1, abs=1e-5)


def test_it_is_no_number_where_all_vectors_are_the_same() -> None:
    same = np.ones((4, 3), dtype=np.float32)

    assert math.isnan(linear_cka(same, np.eye(4, 3, dtype=np.float32)))
    assert math.isnan(linear_cka(same[:0], same[:0]))
    with pytest.raises(ValueError, match="4 and 3 texts"):
        linear_cka(same, same[:3])


def test_the_last_layer_gives_what_the_model_gives(tiny_model: TextModel) -> None:
    found = activations(tiny_model, TEXTS)

    assert found.shape == (3, len(TEXTS), tiny_model.dimension)
    np.testing.assert_allclose(found[-1], tiny_model.encode(TEXTS), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=2), 1, atol=1e-5)


def test_many_texts_are_thinned_evenly() -> None:
    kept = thinned([str(number) for number in range(3 * MOST_TEXTS)])

    assert kept == [str(number) for number in range(0, 3 * MOST_TEXTS, 3)]
    assert thinned([]) == []
