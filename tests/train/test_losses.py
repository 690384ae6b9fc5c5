from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers.sentence_transformer.losses import OnlineContrastiveLoss, SiameseDistanceMetric
from torch import Tensor
from torch.nn.functional import normalize

from faqtune.train import losses

UNKNOWN = math.nan


def matrix(seed: int, rows: int, columns: int, labels: tuple[float, ...] = (1, 0, UNKNOWN)) -> tuple[Tensor, Tensor]:
    """Cosines and labels at random."""
    chance = torch.Generator().manual_seed(seed)
    scores = torch.rand(rows, columns, generator=chance) * 2 - 1
    numbers = torch.randint(len(labels), (rows, columns), generator=chance)
    return scores, torch.tensor(labels)[numbers]


def naive_ranking(scores: Tensor, labels: Tensor, weights: Tensor, temperature: float) -> float:
    total = mass = 0.0
    for row in range(len(scores)):
        shares: dict[float, list[float]] = {1.0: [], 0.0: []}
        for column in range(scores.shape[1]):
            if not labels[row, column].isnan():
                shares[float(labels[row, column])].append(math.exp(float(scores[row, column]) / temperature))
        positive, negative = shares[1.0], shares[0.0]
        if positive and negative:
            total += float(weights[row]) * -math.log(sum(positive) / (sum(positive) + sum(negative)))
            mass += float(weights[row])
    return total / mass if mass else 0.0


def naive_online_contrastive(scores: Tensor, labels: Tensor, margin: float) -> float:
    pairs = list(zip((1 - scores).flatten().tolist(), labels.flatten().tolist(), strict=True))
    positives, negatives = [d for d, y in pairs if y == 1], [d for d, y in pairs if y == 0]
    farthest = max(positives) if positives else sum(negatives) / max(1, len(negatives))
    nearest = min(negatives) if negatives else sum(positives) / max(1, len(positives))
    total = 0.0
    for distance in positives:
        total += distance**2 if distance > nearest else 0
    for distance in negatives:
        total += max(0.0, margin - distance) ** 2 if distance < farthest else 0
    return total


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6), st.floats(0.05, 1))
def test_ranking_equals_a_double_loop(seed: int, rows: int, columns: int, temperature: float):
    scores, labels = matrix(seed, rows, columns)
    weights = torch.rand(rows, generator=torch.Generator().manual_seed(seed)) + 0.1
    expected = naive_ranking(scores, labels, weights, temperature)
    assert losses.ranking(scores, labels, weights, temperature).item() == pytest.approx(expected, abs=1e-5)


def test_ranking_worked_out_by_hand():
    # exp(5) against exp(3): log(1 + exp(-2)); the unknown 0.9 takes no part, nor does the row without a negative.
    scores = torch.tensor([[0.5, 0.3, 0.9], [0.1, 0.2, 0.3]])
    labels = torch.tensor([[1, 0, UNKNOWN], [1, UNKNOWN, UNKNOWN]])
    value = losses.ranking(scores, labels, torch.tensor([2.0, 5.0]), 0.1)
    assert value.item() == pytest.approx(0.126928, abs=1e-6)


def test_one_near_question_of_the_entry_is_enough_for_ranking():
    one, both = torch.tensor([[0.9, 0.1, 0.5]]), torch.tensor([[0.9, 0.9, 0.5]])
    labels, weights = torch.tensor([[1.0, 1, 0]]), torch.ones(1)
    near = [losses.ranking(scores, labels, weights, 0.05).item() for scores in (one, both)]
    assert near[0] < 0.001 and near[0] - near[1] < 0.001


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6), st.floats(0.1, 1.5))
def test_online_contrastive_equals_a_loop_over_pairs(seed: int, rows: int, columns: int, margin: float):
    scores, labels = matrix(seed, rows, columns)
    expected = naive_online_contrastive(scores, labels, margin)
    assert losses.online_contrastive(scores, labels, margin).item() == pytest.approx(expected, abs=1e-5)


def test_online_contrastive_worked_out_by_hand():
    # Distances: positives 0.1 and 0.6, negatives 0.2 and 0.7, unknown 0. Hard are the positive 0.6 (beyond the
    # negative 0.2) and the negative 0.2 (within the positive 0.6): 0.6² + (0.3 - 0.2)².
    scores = torch.tensor([0.9, 0.4, 0.8, 0.3, 1.0])
    labels = torch.tensor([1, 1, 0, 0, UNKNOWN])
    assert losses.online_contrastive(scores, labels, 0.3).item() == pytest.approx(0.37, abs=1e-6)


@pytest.mark.parametrize("kinds", [(1.0, 0.0), (1.0,), (0.0,)], ids=["both", "no negative", "no positive"])
@pytest.mark.parametrize("seed", range(8))
def test_online_contrastive_equals_sentence_transformers(kinds: tuple[float, ...], seed: int):
    chance = torch.Generator().manual_seed(seed)
    # Anchors near each other, as an untuned model has them: otherwise no negative lies within the margin.
    left, right = (normalize(torch.randn(12, 6, generator=chance) + 2, dim=1).requires_grad_() for _ in range(2))
    labels = torch.tensor(kinds)[torch.randint(len(kinds), (12,), generator=chance)]
    theirs = OnlineContrastiveLoss(torch.nn.Identity(), SiameseDistanceMetric.COSINE_DISTANCE, margin=0.3)
    expected = theirs.compute_loss_from_embeddings([left, right], labels)
    ours = losses.online_contrastive((left * right).sum(dim=1), labels, 0.3)
    assert expected > 0.01
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)
    gradients = [torch.autograd.grad(value, left)[0] for value in (ours, expected)]
    # Theirs also differentiates the length of the vectors: compare what is left on the sphere.
    on_sphere = [g - (g * left).sum(dim=1, keepdim=True) * left for g in gradients]
    torch.testing.assert_close(*on_sphere, atol=1e-5, rtol=0)


def test_online_contrastive_of_unknown_pairs_is_zero_and_harmless():
    scores = torch.rand(2, 3, requires_grad=True)
    loss = losses.online_contrastive(scores, torch.full((2, 3), UNKNOWN), 0.3)
    loss.backward()
    assert loss.item() == 0 and scores.grad is not None and not scores.grad.any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6), st.floats(-0.5, 0.9))
def test_noise_ceiling_equals_a_double_loop(seed: int, rows: int, columns: int, ceiling: float):
    scores, _ = matrix(seed, rows, columns)
    total = 0.0
    for row in scores.tolist():
        best = -1.0
        for score in row:
            best = max(best, score)
        total += max(0.0, best - ceiling) ** 2
    assert losses.noise_ceiling(scores.amax(dim=1), ceiling).item() == pytest.approx(total / rows, abs=1e-6)


def test_noise_ceiling_worked_out_by_hand():
    # Best scores 0.6 and 0.3 under a ceiling of 0.4: (0.2² + 0) / 2.
    scores = torch.tensor([[0.6, 0.2], [0.1, 0.3]])
    assert losses.noise_ceiling(scores.amax(dim=1), 0.4).item() == pytest.approx(0.02, abs=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_the_older_workflows_penalty_equals_a_double_loop(seed: int):
    scores, _ = matrix(seed, 7, 4)
    mean = sum(max(row) for row in scores.tolist()) / len(scores)
    expected = max(0.0, mean - 0.1) ** 2
    assert losses.noise_ceiling(scores.amax(dim=1), 0.1, of_the_mean=True).item() == pytest.approx(expected, abs=1e-6)


def test_the_older_workflows_penalty_worked_out_by_hand_has_a_gradient_for_every_sentence():
    """(0.6 + 0.2) / 2 = 0.4, squared 0.16; its gradient 2 * 0.4 / 2 for each, also for the far one."""
    best = torch.tensor([0.6, 0.2], requires_grad=True)
    found = losses.noise_ceiling(best, 0.0, of_the_mean=True)
    found.backward()
    assert found.item() == pytest.approx(0.16, abs=1e-7)
    assert best.grad is not None and best.grad.tolist() == pytest.approx([0.4, 0.4])
    below = torch.tensor([-0.6, 0.2], requires_grad=True)
    assert losses.noise_ceiling(below, 0.0, of_the_mean=True).item() == 0.0


def test_noise_ceiling_has_a_gradient_above_the_ceiling_and_none_below():
    scores = torch.tensor([[0.6, 0.2], [0.1, 0.3]], requires_grad=True)
    losses.noise_ceiling(scores.amax(dim=1), 0.4).backward()
    # d/ds of (s - 0.4)² / 2 sentences, at the best score of the first sentence only.
    torch.testing.assert_close(scores.grad, torch.tensor([[0.2, 0.0], [0.0, 0.0]]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6), st.floats(0.02, 1))
def test_rejection_equals_a_double_loop(seed: int, queries: int, sentences: int, temperature: float):
    noise, _ = matrix(seed, sentences, 3)
    own, _ = matrix(seed + 1, 1, queries)
    weights = torch.rand(queries, generator=torch.Generator().manual_seed(seed)) + 0.1
    total = 0.0
    for query in range(queries):
        for sentence in noise.tolist():
            difference = (max(sentence) - float(own[0, query])) / temperature
            total += float(weights[query]) * math.log1p(math.exp(difference)) / sentences
    value = losses.rejection(own[0], noise.amax(dim=1), weights, temperature).item()
    assert value == pytest.approx(total / float(weights.sum()), rel=1e-4, abs=1e-6)


def test_rejection_worked_out_by_hand():
    # softplus((0.6 - 0.7) / 0.1) = log(1 + exp(-1))
    value = losses.rejection(torch.tensor([0.7]), torch.tensor([0.6]), torch.ones(1), 0.1)
    assert value.item() == pytest.approx(0.313262, abs=1e-6)


def test_rejection_pulls_queries_up_and_noise_down():
    own = torch.tensor([0.7, 0.5], requires_grad=True)
    noise = torch.tensor([[0.6, 0.2], [0.1, 0.3]], requires_grad=True)
    losses.rejection(own, noise.amax(dim=1), torch.ones(2), 0.1).backward()
    assert own.grad is not None and (own.grad < 0).all()
    assert noise.grad is not None and (noise.grad > 0).tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_rejection_over_log_two_bounds_the_share_of_noise_that_wins(temperature: float):
    own, noise = torch.linspace(0.2, 0.9, 20), torch.linspace(0.1, 0.8, 30)
    lost = (noise[None, :] > own[:, None]).float().mean()
    bound = losses.rejection(own, noise, torch.ones(20), temperature) / math.log(2)
    assert 0 < lost <= bound


def test_weights_of_zero_give_zero():
    assert losses.weighted_mean(torch.tensor([1.0, 2.0]), torch.zeros(2)).item() == 0
    assert losses.weighted_mean(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 1.0])).item() == 1.25


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.floats(0.1, 0.9))
def test_positive_floor_equals_a_loop(seed: int, queries: int, floor: float):
    chance = torch.Generator().manual_seed(seed)
    own, weights = torch.rand(queries, generator=chance), torch.rand(queries, generator=chance) + 0.1
    total = sum(float(w) * max(0.0, floor - float(o)) ** 2 for o, w in zip(own, weights, strict=True))
    expected = total / float(weights.sum())
    assert float(losses.positive_floor(own, weights, floor)) == pytest.approx(expected, abs=1e-6)


def test_positive_floor_lifts_only_what_is_below_it():
    own = torch.tensor([0.4, 0.9], requires_grad=True)
    loss = losses.positive_floor(own, torch.ones(2), 0.6)
    assert float(loss.detach()) == pytest.approx(0.02)  # (0.2^2 + 0) / 2
    loss.backward()
    assert own.grad is not None and own.grad[0] < 0 and own.grad[1] == 0


def test_stay_near_equals_a_double_loop_and_forgives_a_turn_of_all_texts():
    now = torch.nn.functional.normalize(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    before = torch.nn.functional.normalize(torch.randn(5, 3, generator=torch.Generator().manual_seed(1)), dim=1)
    changes = [float(now[a] @ now[b] - before[a] @ before[b]) ** 2 for a in range(5) for b in range(5) if a != b]
    assert float(losses.stay_near(now, before)) == pytest.approx(sum(changes) / 20, abs=1e-6)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))[0]
    assert float(losses.stay_near(before @ turn, before)) == pytest.approx(0, abs=1e-10)


def test_stay_near_pulls_a_changed_cosine_back():
    now = torch.tensor([[1.0, 0.0], [0.6, 0.8]], requires_grad=True)
    before = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    losses.stay_near(now, before).backward()
    assert now.grad is not None and now.grad[1, 0] > 0  # less of what the other one points to


def test_entries_that_ask_nearly_the_same_are_found_through_any_of_the_own_questions():
    columns = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.05, 1.0], [0.9, -0.5]]), dim=1)
    labels = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    found = losses.near_other_entries(torch.zeros(2, 4), labels, columns, near_cosine=0.95)
    assert found.tolist() == [[True, True, True, False], [True, False, False, False]]
