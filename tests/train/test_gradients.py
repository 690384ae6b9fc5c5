"""Each loss by itself moves what it should, through the whole way from vectors to the loss of a batch.

The older workflow's noise penalty had no gradient: it was a number that no weight knew of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from faqtune.recipe import Losses
from faqtune.train.batches import Batch
from faqtune.train.engine import batch_loss

NAN = np.nan
QUESTIONS, ANSWERS = [4, 5, 6, 7], [8, 9]
SMALL = Batch(
    texts=tuple("abcdefghijklm"),
    queries=np.array([0, 1, 2, 3]),
    columns=np.array([*QUESTIONS, *ANSWERS]),
    noise=np.array([10, 11, 12]),
    labels=np.array(
        [[1, 0, 0, NAN, NAN, NAN], [0, 1, NAN, 0, NAN, NAN], [0, 0, 1, 1, NAN, NAN], [0, NAN, 0, 0, 1, 0]],
        dtype=np.float32,
    ),
    weights=np.array([1, 0.5, 0.9, 0.7], dtype=np.float32),
    is_question=np.array([True, True, True, True, False, False]),
    is_answered=np.array([False, False, False, True]),
)
"""Of each text a letter. Three queries have questions of their own, the fourth, a catalogue's, an answer."""
SINGLE = replace(
    SMALL,
    labels=np.array(
        [
            [NAN, NAN, NAN, NAN, 1, 0],
            [NAN, NAN, NAN, NAN, 0, 1],
            [NAN, NAN, NAN, NAN, 1, 0],
            [NAN, NAN, NAN, NAN, 0, 1],
        ],
        dtype=np.float32,
    ),
    is_answered=np.ones(4, dtype=np.bool_),
)
"""No query has a question of its own: noise is held below the score of question and answer."""

CASES: dict[str, tuple[Batch, dict[str, Any], set[str]]] = {
    "ranking": (SMALL, {"ranking": {"temperature": 0.3}}, {"queries", "questions", "answers"}),
    "online_contrastive": (SMALL, {"online_contrastive": {"margin": 1.4}}, {"queries", "questions", "answers"}),
    "online_contrastive with noise": (
        SMALL,
        {"online_contrastive": {"margin": 1.4, "noise": True}},
        {"queries", "questions", "answers", "noise"},
    ),
    "noise_ceiling": (SMALL, {"noise_ceiling": {"ceiling_cosine": -0.5}}, {"questions", "noise"}),
    "noise_ceiling of the mean": (
        SMALL, {"noise_ceiling": {"ceiling_cosine": -0.5, "of_the_mean": True}}, {"questions", "noise"},
    ),
    "rejection": (SMALL, {"rejection": {"temperature": 0.3}}, {"queries", "questions", "noise"}),
    "rejection by answers": (SINGLE, {"rejection": {"temperature": 0.3}}, {"queries", "questions", "answers", "noise"}),
    "near_rejection": (SMALL, {"near_rejection": {"temperature": 0.3}}, {"queries", "questions"}),
    "near_rejection without near entries": (
        SMALL, {"near_rejection": {"temperature": 0.3, "near_cosine": 0.5}}, {"queries", "questions"},
    ),
    "positive_floor": (SMALL, {"positive_floor": {"floor_cosine": 0.95}}, {"queries", "questions"}),
    "stay_near": (SMALL, {"stay_near": {}}, {"noise"}),
}  # fmt: skip
"""Batch, the loss that alone has a weight, and whose vectors it moves."""


def vectors_of(seed: int) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    found = normalize(torch.randn(len(SMALL.texts), 6, generator=chance, dtype=torch.float64), dim=1)
    return found.requires_grad_()


def only(settings: dict[str, Any]) -> Losses:
    return Losses.model_validate({name: {"weight": 0.8, **given} for name, given in settings.items()})


@pytest.mark.parametrize("nested", [(), (3,)])
@pytest.mark.parametrize("case", CASES)
def test_the_gradient_of_each_loss_is_that_of_small_differences(case: str, nested: tuple[int, ...]):
    batch, settings, _ = CASES[case]
    before = vectors_of(9).detach()[batch.noise]

    def loss(vectors: Tensor) -> Tensor:
        return batch_loss(vectors, batch, only(settings), before, nested)[0]

    for seed in range(3):
        assert torch.autograd.gradcheck(loss, (vectors_of(seed),), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_each_loss_moves_both_sides_of_what_it_compares_and_nothing_else(case: str):
    batch, settings, expected = CASES[case]
    vectors = vectors_of(1)
    total, loss = batch_loss(vectors, batch, only(settings), vectors_of(9).detach()[batch.noise])
    total.backward()
    assert list(loss.parts) == list(settings) and loss.total > 0
    assert vectors.grad is not None
    moved = vectors.grad.abs().amax(dim=1) > 1e-6
    sides = {"queries": batch.queries, "questions": QUESTIONS, "answers": ANSWERS, "noise": batch.noise}
    assert {side for side, places in sides.items() if moved[places].any()} == expected


@pytest.mark.parametrize("case", ["noise_ceiling", "rejection", "rejection by answers"])
def test_a_step_down_the_gradient_takes_noise_away_from_the_nearest_question(case: str):
    """By moving either alone: what holds noise down reaches the sentence and the catalogue."""
    batch, settings, _ = CASES[case]
    vectors = vectors_of(1)
    batch_loss(vectors, batch, only(settings))[0].backward()
    assert vectors.grad is not None
    start = vectors.detach()

    def noise_best(moved: Tensor) -> Tensor:
        return (normalize(moved, dim=1)[batch.noise] @ normalize(moved, dim=1)[QUESTIONS].T).amax(dim=1)

    for places in (list(batch.noise), QUESTIONS):
        moved = start.clone()
        moved[places] -= 1e-3 * vectors.grad[places]
        assert noise_best(moved).sum() < noise_best(start).sum()
