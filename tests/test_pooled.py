"""Whether the intervals of `benchmarks/` know which texts their seeds share."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faqtune.evaluate import EvaluationSet
from faqtune.evaluate.examples import Negative, Positive
from faqtune.evaluate.intervals import interval
from faqtune.records import Catalogue, Entry

PATH = Path(__file__).parents[1] / "benchmarks" / "pooled.py"
CATALOGUE = Catalogue((Entry("ship", ("when does it ship",), "tomorrow"),))


@pytest.fixture(scope="module")
def pooling() -> Any:
    spec = importlib.util.spec_from_file_location("pooled", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def part(first: int, group: str = "{seed}-{row}", seed: int = 0, noise: int = 7) -> EvaluationSet:
    """100 queries, numbered from `first`, and some noise of the seed's own."""
    queries = (
        Positive(f"q{row}", "ship", group.format(seed=seed, row=row, ten=row // 10))
        for row in range(first, first + 100)
    )
    negatives = (Negative(f"n{seed} {row}", "chatter") for row in range(noise))
    return EvaluationSet(tuple(queries), tuple(negatives), CATALOGUE, "test")


def width(pooling: Any, tests: dict[int, EvaluationSet]) -> float:
    """Of the mean over seeds of the share of right answers, half of which are right."""

    def of(data: EvaluationSet) -> Any:
        right = np.array([int(query.text[1:]) % 2 for query in data.positives])
        return lambda counts: {"right": right @ counts[: len(right)] / counts[: len(right)].sum(axis=0)}

    spreads = pooling.pooled({seed: (seed, of(data)) for seed, data in tests.items()}, tests, resamples=4000)
    low, high = interval(np.mean([spread["right"] for spread in spreads.values()], axis=0))
    return high - low


def test_a_mean_over_seeds_with_the_same_queries_is_no_surer_than_one(pooling: Any) -> None:
    alone = width(pooling, {0: part(0)})
    # Of other noise, so that their rows are not as many, and with other names of the same conversations.
    shared = width(pooling, {seed: part(0, seed=seed, noise=5 + seed) for seed in range(4)})
    assert shared == pytest.approx(alone, rel=0.08)


def test_a_mean_over_seeds_with_other_queries_is_surer(pooling: Any) -> None:
    alone = width(pooling, {0: part(0)})
    apart = width(pooling, {seed: part(100 * seed, seed=seed) for seed in range(4)})
    assert apart == pytest.approx(alone / 2, rel=0.08)


def test_a_conversation_stays_whole_over_seeds(pooling: Any) -> None:
    found = pooling.plan_over({seed: part(0, group="c{ten}", seed=seed) for seed in range(2)})
    groups = found.group_of_row.reshape(2, -1)
    assert np.array_equal(groups[0, :100], groups[1, :100]) and len(set(groups[0, :100])) == 10
    assert found.block_sizes == (10, 14)
