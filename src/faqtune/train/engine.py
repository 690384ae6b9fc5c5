"""One step: every distinct text through the encoder once, then arithmetic on one score matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from faqtune.model import TextModel
from faqtune.recipe import Losses
from faqtune.train import losses
from faqtune.train.batches import Batch


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


@dataclass(frozen=True)
class StepLoss:
    """Total of a step and its weighted parts, detached."""

    total: float
    parts: dict[str, float]


def learn(model: TextModel, batch: Batch, settings: Losses, micro_batch_tokens: int, graph_tokens: int) -> StepLoss:
    """Add the gradients of one batch to the model's parameters.

    Texts go through the encoder in parts of like length, at most `micro_batch_tokens` with padding.
    A batch of more than `graph_tokens` does not fit into memory at once, so its gradients are cached
    (arXiv 2101.06983): encode without a graph, take the loss's gradient with respect to the vectors,
    and encode again part by part to carry it into the weights. The model runs without dropout, so
    both ways give the same.
    """
    token_ids = model.tokenise(batch.texts)
    parts = micro_batches([len(ids) for ids in token_ids], micro_batch_tokens)
    order = torch.tensor([place for part in parts for place in part])
    back = torch.argsort(order).to(model.device)
    if sum(len(part) * len(token_ids[part[-1]]) for part in parts) <= graph_tokens:
        vectors = torch.cat([_embed(model, token_ids, part) for part in parts])
        total, figures = batch_loss(vectors[back], batch, settings)
        total.backward()
        return StepLoss(float(total), figures)
    with torch.no_grad():
        cached = torch.cat([_embed(model, token_ids, part) for part in parts])
    cached.requires_grad_(True)
    total, figures = batch_loss(cached[back], batch, settings)
    total.backward()
    assert cached.grad is not None
    for part, gradient in zip(parts, cached.grad.split([len(part) for part in parts]), strict=True):
        _embed(model, token_ids, part).backward(gradient)
    return StepLoss(float(total), figures)


def batch_loss(vectors: Tensor, batch: Batch, settings: Losses) -> tuple[Tensor, dict[str, float]]:
    """The stage's weighted sum of losses on the score matrix of a batch.

    `vectors` float32 (t, d): unit vectors of `batch.texts`. `settings` with every temperature and
    ceiling filled in (`Losses.resolved`). Returns the total and its parts.
    """
    ranking, rejection, ceiling = settings.ranking, settings.rejection, settings.noise_ceiling
    device = vectors.device
    columns = vectors[_on(batch.columns, device)]
    scores = vectors[_on(batch.queries, device)] @ columns.T
    labels, weights = _on(batch.labels, device), _on(batch.weights, device)
    is_question = _on(batch.is_question, device)
    parts: dict[str, Tensor] = {}
    if ranking.weight:
        parts["ranking"] = losses.ranking(scores, labels, weights, _filled(ranking.temperature))
    if settings.online_contrastive.weight:
        parts["online_contrastive"] = losses.online_contrastive(scores, labels, settings.online_contrastive.margin)
    if len(batch.noise) and is_question.any():
        noise_scores = vectors[_on(batch.noise, device)] @ columns[is_question].T
        if ceiling.weight:
            parts["noise_ceiling"] = losses.noise_ceiling(noise_scores, _filled(ceiling.ceiling_cosine))
        own = scores.masked_fill((labels != 1) | ~is_question[None, :], -torch.inf).max(dim=1).values
        has_own = own.isfinite()
        if rejection.weight and has_own.any():
            parts["rejection"] = losses.rejection(
                own[has_own], noise_scores, weights[has_own], _filled(rejection.temperature)
            )
    weighted = {name: value * getattr(settings, name).weight for name, value in parts.items()}
    total = torch.stack(list(weighted.values())).sum() if weighted else vectors.sum() * 0
    return total, {name: float(value) for name, value in weighted.items()}


def _filled(setting: float | None) -> float:
    if setting is None:
        raise ValueError("fill in the losses with Losses.resolved first")
    return setting


def _on(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def _embed(model: TextModel, token_ids: Sequence[Sequence[int]], places: Sequence[int]) -> Tensor:
    return model.embed_ids([token_ids[place] for place in places])
