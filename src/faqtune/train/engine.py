"""One step: every distinct text through the encoder once, then arithmetic on one score matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faqtune.model import TextModel, autocast
from faqtune.recipe import Losses
from faqtune.train import losses
from faqtune.train.batches import Batch
from faqtune.train.gradients import sparse_embedding_gradients


@dataclass(frozen=True, slots=True)
class StepLoss:
    """Total of a step and its weighted parts, detached."""

    total: float
    parts: dict[str, float]


def learn(model: TextModel, batch: Batch, settings: Losses, micro_batch_tokens: int, graph_tokens: int) -> StepLoss:
    """Add the gradients of one batch to the model's parameters.

    Texts go through the encoder in parts of like length, at most `micro_batch_tokens` with padding.
    A batch of more than `graph_tokens` does not fit into memory at once, so its gradients are cached
    (arXiv 2101.06983): encode without a graph, take the loss's gradient with respect to the vectors,
    and encode again part by part to carry it into the weights. Texts that the loss does not move, of
    which losses with a margin leave many, are not encoded again. The model must be in evaluation
    mode: without dropout both ways give the same.
    """
    token_ids = model.tokenise(batch.texts)
    parts = micro_batches([len(ids) for ids in token_ids], micro_batch_tokens)
    inputs = _of_parts(token_ids, parts)
    back = torch.argsort(torch.tensor([place for part in parts for place in part])).to(model.device)
    with sparse_embedding_gradients(model):
        if sum(len(ids) * len(ids[-1]) for ids in inputs) <= graph_tokens:
            vectors = _embed(model, inputs)
            loss, step_loss = batch_loss(vectors[back], batch, settings)
            _backward(loss)
            return step_loss
        with torch.no_grad():
            cached = _embed(model, inputs)[back].requires_grad_(True)
        loss, step_loss = batch_loss(cached, batch, settings)
        _backward(loss)
        assert cached.grad is not None
        # One text at least, so that every weight gets a gradient, be it 0: AdamW decays and remembers by it.
        moved = cached.grad.any(dim=1).nonzero().flatten().tolist() or [0]
        moved_ids = [token_ids[place] for place in moved]
        for part in micro_batches([len(ids) for ids in moved_ids], micro_batch_tokens):
            gradient = cached.grad[[moved[place] for place in part]]
            _backward(_embed(model, _of_parts(moved_ids, [part])), gradient)
    return step_loss


def batch_loss(vectors: Tensor, batch: Batch, settings: Losses) -> tuple[Tensor, StepLoss]:
    """The stage's weighted sum of losses on the score matrix of a batch.

    `vectors` float32 (t, d): unit vectors of `batch.texts`. `settings` with every temperature and
    ceiling filled in (`Losses.resolved`), else ValueError. A loss that finds nothing to compare in
    the batch is no part of it; without any part the sum is 0.
    """
    ranking, rejection, ceiling = settings.ranking, settings.rejection, settings.noise_ceiling
    near = settings.near_rejection
    columns = vectors[_like(vectors, batch.columns)]
    scores = vectors[_like(vectors, batch.queries)] @ columns.T
    labels, weights = _like(vectors, batch.labels), _like(vectors, batch.weights)
    is_question = _like(vectors, batch.is_question)
    parts: dict[str, Tensor] = {}
    if ranking.weight:
        parts["ranking"] = losses.ranking(scores, labels, weights, _filled(ranking.temperature))
    if settings.online_contrastive.weight:
        parts["online_contrastive"] = losses.online_contrastive(scores, labels, settings.online_contrastive.margin)
    own = scores.masked_fill((labels != 1) | ~is_question, -torch.inf).amax(dim=1)
    has_own = own.isfinite()
    if len(batch.noise) and batch.is_question.any():
        noise_best = (vectors[_like(vectors, batch.noise)] @ columns[is_question].T).amax(dim=1)
        if ceiling.weight:
            parts["noise_ceiling"] = losses.noise_ceiling(noise_best, _filled(ceiling.ceiling_cosine))
        if rejection.weight and has_own.any():
            parts["rejection"] = losses.rejection(
                own[has_own], noise_best, weights[has_own], _filled(rejection.temperature)
            )
    if near.weight and has_own.any():
        others = scores[has_own].masked_fill((labels[has_own] != 0) | ~is_question, -torch.inf).amax(dim=1)
        if others.isfinite().any():
            parts["near_rejection"] = losses.rejection(
                own[has_own], others[others.isfinite()], weights[has_own], _filled(near.temperature)
            )
    weighted = {name: value * getattr(settings, name).weight for name, value in parts.items()}
    total = sum(weighted.values(), start=vectors.sum() * 0)
    return total, StepLoss(float(total.detach()), {name: float(value.detach()) for name, value in weighted.items()})


def micro_batches(lengths: Sequence[int], budget_tokens: int) -> list[list[int]]:
    """Places sorted by length, cut so that places times the longest of each part stay within the budget.

    >>> micro_batches([3, 9, 4], budget_tokens=8)
    [[0, 2], [1]]
    """
    parts: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda p: (lengths[p], p)):
        if not parts or (len(parts[-1]) + 1) * lengths[place] > budget_tokens:
            parts.append([])
        parts[-1].append(place)
    return parts


def _of_parts(token_ids: Sequence[Sequence[int]], parts: Sequence[Sequence[int]]) -> list[list[Sequence[int]]]:
    return [[token_ids[place] for place in part] for part in parts]


def _embed(model: TextModel, parts: Sequence[Sequence[Sequence[int]]]) -> Tensor:
    """Unit vectors of all parts, float32. Only the encoder runs in the model's precision: a loss in bfloat16
    could not tell cosines apart that differ by less than 0.004."""
    with autocast(model.device, model.precision):
        return torch.cat([model.embed_ids(ids) for ids in parts])


def _backward(value: Tensor, gradient: Tensor | None = None) -> None:
    value.backward(gradient)  # type: ignore[no-untyped-call]


def _filled(setting: float | None) -> float:
    if setting is None:
        raise ValueError("fill in the losses with Losses.resolved first")
    return setting


def _like(vectors: Tensor, array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(vectors.device)
