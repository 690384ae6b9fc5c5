"""Whether the figures that rivals are chosen by in `benchmarks/` are those that faqtune is chosen by."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

PATH = Path(__file__).parents[1] / "benchmarks" / "rivals" / "exchange.py"


@pytest.fixture(scope="module")
def exchange() -> Any:
    spec = importlib.util.spec_from_file_location("exchange", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["exchange"] = module  # dataclasses look it up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["exchange"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 30), st.integers(1, 60), st.integers(2, 6))
def test_figures_are_those_of_plain_loops(exchange: Any, seed: int, queries: int, noise: int, entries: int) -> None:
    chance = np.random.default_rng(seed)
    scores = chance.integers(0, 9, size=(queries + noise, entries)).astype(np.float32)  # many ties
    own = [*chance.integers(entries, size=queries).tolist(), *[-1] * noise]
    best = scores.max(axis=1)
    passing = sorted(best[queries:], reverse=True)[noise * 5 // 100]
    right = [bool(scores[row].argmax() == own[row]) for row in range(queries)]
    pairs = [(float(query > other) + (query == other) / 2) for query in best[:queries] for other in best[queries:]]
    found = exchange.figures(scores, own)
    assert found == pytest.approx(
        {
            "oscr@5": sum(right[row] and best[row] > passing for row in range(queries)) / queries,
            "recall@1": sum(right) / queries,
            "auroc": sum(pairs) / len(pairs),
        }
    )


def test_ties_are_broken_by_recall_and_then_by_auroc(exchange: Any) -> None:
    figures = [(0.5, 0.9, 0.9), (0.6, 0.7, 0.9), (0.6, 0.8, 0.7), (0.6, 0.8, 0.8)]
    merits = [exchange.merit(dict(zip(("oscr@5", "recall@1", "auroc"), each, strict=True))) for each in figures]
    assert merits == sorted(merits) and merits[0] > () and len(set(merits)) == 4
