from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from faqtune.train import unified as module
from faqtune.train.losses import ranking
from faqtune.train.unified import lexical_scores, multi_vector_scores, soft_ranking, unified

SPECIAL = (0, 1, 2, 3)
IDS = ([0, 10, 11, 10, 2], [0, 11, 12, 2], [0, 10, 3, 13, 14, 2], [0, 3, 2], [0, 12, 12, 11, 10, 13, 2])
QUERIES, COLUMNS = (0, 2, 3, 0), (1, 4, 2, 1, 0)
NAN = math.nan


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def token_weights() -> Tensor:
    return random(sum(map(len, IDS))).relu()


def token_vectors() -> list[Tensor]:
    return [normalize(random(len(ids) - 1, 6, seed=place), dim=1) for place, ids in enumerate(IDS)]


def test_lexical_scores_are_those_of_a_double_loop():
    weights = token_weights()
    by_text: list[dict[int, float]] = []
    numbers = iter(weights.tolist())
    for ids in IDS:
        highest: dict[int, float] = {}
        for token in ids:
            weight = next(numbers)
            if token not in SPECIAL:
                highest[token] = max(weight, highest.get(token, 0.0))
        by_text.append(highest)
    naive = [[sum(w * by_text[c].get(t, 0.0) for t, w in by_text[q].items()) for c in COLUMNS] for q in QUERIES]
    found = lexical_scores(weights, IDS, QUERIES, COLUMNS, SPECIAL)
    np.testing.assert_allclose(found.numpy(), naive, rtol=1e-12)


def test_a_lexical_score_worked_out_by_hand():
    # Common: 7 (its higher weight 0.5 x 2) and 9 (1 x 3). Not 8, nor the special 0.
    weights = torch.tensor([9.0, 0.5, 0.25, 1.0, 4.0, 9.0, 2.0, 3.0])
    found = lexical_scores(weights, [[0, 7, 7, 9, 8], [0, 7, 9]], [0], [1], [0])
    assert found.tolist() == [[4.0]]


@pytest.mark.parametrize("most", [1, 7, 1 << 24])
def test_multi_vector_scores_are_those_of_a_double_loop(monkeypatch: pytest.MonkeyPatch, most: int):
    monkeypatch.setattr(module, "MOST_PRODUCTS", most * sum(len(IDS[q]) - 1 for q in QUERIES))
    vectors = token_vectors()
    naive = [[np.mean([max(float(a @ b) for b in vectors[c]) for a in vectors[q]]) for c in COLUMNS] for q in QUERIES]
    np.testing.assert_allclose(multi_vector_scores(vectors, QUERIES, COLUMNS).numpy(), naive, rtol=1e-12)


def test_without_columns_there_are_no_scores_but_gradients_of_zero():
    weights, vectors = token_weights().requires_grad_(True), [v.requires_grad_(True) for v in token_vectors()]
    for scores in (lexical_scores(weights, IDS, QUERIES, (), SPECIAL), multi_vector_scores(vectors, QUERIES, ())):
        assert scores.shape == (len(QUERIES), 0)
        scores.sum().backward()
    assert not weights.grad.any() and not vectors[QUERIES[0]].grad.any()


def test_the_gradients_of_the_scores_are_right():
    weights = token_weights() + 0.1  # no ties at 0
    assert torch.autograd.gradcheck(
        lambda w: lexical_scores(w, IDS, QUERIES, COLUMNS, SPECIAL), weights.requires_grad_(True)
    )
    vectors = [v.requires_grad_(True) for v in token_vectors()]
    assert torch.autograd.gradcheck(lambda *v: multi_vector_scores(v, QUERIES, COLUMNS), vectors)


LABELS = torch.tensor(
    [[1, 0, 0, NAN], [NAN, 1, 1, 0], [1, NAN, NAN, NAN], [0, 0, 0, NAN], [0, 0, 1, 0]], dtype=torch.float64
)
WEIGHTS = torch.tensor([0.9, 0.5, 1.0, 1.0, 0.7], dtype=torch.float64)


def some_scores(*names: str) -> dict[str, Tensor]:
    return {name: random(5, 4, seed=len(name)) * 0.3 for name in names}


def naive_rows() -> list[int]:
    return [r for r, row in enumerate(LABELS.tolist()) if 1 in row and 0 in row]


def naive_ranking(scores: list[list[float]], temperature: float) -> float:
    total = 0.0
    for r in naive_rows():
        labels = LABELS[r].tolist()
        share = {c: math.exp(scores[r][c] / temperature) for c in range(4) if labels[c] in (0, 1)}
        total -= float(WEIGHTS[r]) * math.log(sum(share[c] for c in share if labels[c] == 1) / sum(share.values()))
    return total / sum(float(WEIGHTS[r]) for r in naive_rows())


def naive_distilled(scores: list[list[float]], teacher: list[list[float]], temperature: float) -> float:
    total = 0.0
    for r in naive_rows():
        known = [c for c in range(4) if LABELS[r].tolist()[c] in (0, 1)]
        wanted, given = ([math.exp(s[r][c] / temperature) for c in known] for s in (teacher, scores))
        for w, g in zip(wanted, given, strict=True):
            total -= float(WEIGHTS[r]) * w / sum(wanted) * math.log(g / sum(given))
    return total / sum(float(WEIGHTS[r]) for r in naive_rows())


@pytest.mark.parametrize("distillation", [0.0, 1.0, 0.5])
@pytest.mark.parametrize("names", [("dense", "sparse", "multi_vector"), ("dense", "sparse"), ("dense", "multi_vector")])
def test_the_unified_loss_is_that_of_a_double_loop(names: tuple[str, ...], distillation: float):
    of_score = {"dense": 1.0, "sparse": 0.3, "multi_vector": 1.0}
    of_loss = {"dense": 1.0, "sparse": 0.1, "multi_vector": 1.0}
    tensors = some_scores(*names)
    scores = {name: tensor.tolist() for name, tensor in tensors.items()}
    together = [[sum(of_score[n] * scores[n][r][c] for n in names) for c in range(4)] for r in range(5)]
    labelled = sum(of_loss[n] * naive_ranking(scores[n], 0.1) for n in names) + naive_ranking(together, 0.1)
    taught = sum(of_loss[n] * naive_distilled(scores[n], together, 0.1) for n in names)
    expected = (labelled / (len(names) + 1) + distillation * taught / len(names)) / (1 + distillation)
    parts = unified(tensors, LABELS, WEIGHTS, 0.1, distillation)
    assert parts.keys() == {*names, "together"} | ({"distillation"} if distillation else set())
    assert float(sum(parts.values())) == pytest.approx(expected, rel=1e-12)


def test_what_the_scores_agree_on_teaches_them_and_learns_nothing_itself():
    scores, teacher = random(5, 4).requires_grad_(True), random(5, 4, seed=1).requires_grad_(True)
    soft_ranking(scores, teacher.detach(), LABELS, WEIGHTS, 0.1).backward()
    assert scores.grad is not None and teacher.grad is None
    assert torch.equal(scores.grad != 0, ~LABELS.isnan() & torch.tensor([[r in naive_rows()] for r in range(5)]))
    # The gradient is weight x (share given - share wanted): a score that agrees with its teacher rests.
    again = teacher.detach().clone().requires_grad_(True)
    soft_ranking(again, teacher.detach(), LABELS, WEIGHTS, 0.1).backward()
    assert again.grad is not None and again.grad.abs().max() < 1e-12


@pytest.mark.parametrize("distillation", [0.0, 1.0])
def test_the_gradients_of_the_unified_loss_are_right(distillation: float):
    """The common score teaches as it is at this moment: held still, the loss is one that can be differentiated."""
    tensors = {
        name: value.requires_grad_(True) for name, value in some_scores("dense", "sparse", "multi_vector").items()
    }
    sum(unified(tensors, LABELS, WEIGHTS, 0.1, distillation).values()).backward()
    found = {name: value.grad for name, value in tensors.items()}
    held = sum(w * tensors[n].detach() for n, w in module.SCORE_WEIGHTS.items())

    def loss(*values: Tensor) -> Tensor:
        scores = dict(zip(tensors, values, strict=True))
        together = sum(module.SCORE_WEIGHTS[n] * v for n, v in scores.items())
        total = ranking(together, LABELS, WEIGHTS, 0.1) / 4
        for name, value in scores.items():
            total = total + module.LOSS_WEIGHTS[name] * ranking(value, LABELS, WEIGHTS, 0.1) / 4
        for name, value in scores.items():
            taught = module.LOSS_WEIGHTS[name] * soft_ranking(value, held, LABELS, WEIGHTS, 0.1) / 3
            total = total + distillation * taught
        return total / (1 + distillation)

    values = [value.detach().clone().requires_grad_(True) for value in tensors.values()]
    assert torch.autograd.gradcheck(loss, values)
    loss(*values).backward()
    for name, value in zip(tensors, values, strict=True):
        torch.testing.assert_close(found[name], value.grad)


def test_a_batch_with_nothing_to_compare_costs_nothing_and_has_gradients_of_zero():
    scores = {name: value.requires_grad_(True) for name, value in some_scores("dense", "sparse").items()}
    parts = unified(scores, torch.full((5, 4), NAN), WEIGHTS, 0.02, 1.0)
    total = sum(parts.values())
    total.backward()
    assert total.item() == 0
    assert all(value.grad is not None and not value.grad.any() for value in scores.values())


def test_scores_far_apart_stay_finite():
    """At a temperature of 0.02 lexical scores of hundreds reach beyond what exp can hold."""
    scores = {"dense": random(5, 4).float(), "sparse": (random(5, 4, seed=2) * 1000).float().requires_grad_(True)}
    total = sum(unified(scores, LABELS.float(), WEIGHTS.float(), 0.02, 1.0).values())
    total.backward()
    assert total.isfinite() and scores["sparse"].grad.isfinite().all()
