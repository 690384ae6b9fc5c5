"""One step: every distinct text through the encoder once, then arithmetic on one score matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from faqtune.model import TextModel, autocast
from faqtune.model.device import sent
from faqtune.model.room import MOST_SPREAD
from faqtune.recipe import Losses
from faqtune.train import losses, ranks
from faqtune.train.batches import Batch
from faqtune.train.gradients import sparse_embedding_gradients
from faqtune.train.shares import gather_rows, stretches

ENOUGH_TOKENS = 4096
"""Of a padded part: padding grows with larger ones faster than a GPU gains from them."""
LEAST_FILLED = 0.9


@dataclass(frozen=True, slots=True)
class StepLoss:
    """Total of a step and its weighted parts, detached."""

    total: float
    parts: dict[str, float]


def learn(
    model: TextModel,
    batch: Batch,
    settings: Losses,
    micro_batch_tokens: int,
    graph_tokens: int,
    before: Tensor | None = None,
    nested: Sequence[int] = (),
    meanwhile: Callable[[], None] | None = None,
) -> StepLoss:
    """Add the gradients of one batch to the model's parameters: of several ranks each adds those of its own texts.

    Texts go through the encoder in parts of like length, at most `micro_batch_tokens` with padding if there is any.
    Then the loss's gradient with respect to the vectors is carried into the weights. Of more than
    `graph_tokens` the graph does not fit into memory at once, so gradients are cached (arXiv 2101.06983):
    encoded without a graph, and again part by part to carry the gradient on. Texts that the loss does not
    move, of which losses with a margin leave many, are not encoded again. The model must be in evaluation
    mode: without dropout both ways give the same.

    Several ranks share the texts, not the loss: each has the vectors of all, so that a query is compared
    with what other ranks encoded, and the gradients add up to those of one rank.

    `meanwhile` is called when a GPU has been told to encode and before anything waits for it: work of the CPU that
    then takes no time of its own.
    """
    token_ids = model.tokenise(batch.texts)
    shares = stretches([len(ids) for ids in token_ids], ranks.count())
    mine = shares[ranks.number()]
    own_ids = [token_ids[place] for place in mine]
    parts = _of_parts(own_ids, micro_batches([len(ids) for ids in own_ids], micro_batch_tokens, model.pads))
    fits = tokens_of(parts, model.pads) <= graph_tokens
    with ranks.all_or_none(), sparse_embedding_gradients(model), torch.set_grad_enabled(fits):
        own = _embed(model, parts)
        if meanwhile is not None:
            meanwhile()
    vectors = gather_rows(own.detach(), shares).requires_grad_(True)
    # The tables' gradients become dense at the end, which takes memory, too.
    with ranks.all_or_none(), sparse_embedding_gradients(model):
        loss, step_loss = batch_loss(vectors, batch, settings, before, nested)
        _backward(loss)
        assert vectors.grad is not None
        gradient = vectors.grad[mine]
        if not fits:
            _carry(model, own_ids, gradient, micro_batch_tokens)
        elif mine:
            _backward(own, gradient)
    return ranks.same(step_loss)


def _carry(model: TextModel, token_ids: Sequence[Sequence[int]], gradient: Tensor, micro_batch_tokens: int) -> None:
    """Encode texts again, part by part, to carry the gradient of their vectors (n, d) into the weights."""
    # One text at least, so that every weight gets a gradient, be it 0: AdamW decays and remembers by it.
    moved = gradient.any(dim=1).nonzero().flatten().tolist() or [0]
    moved_ids = [token_ids[place] for place in moved]
    for part in micro_batches([len(ids) for ids in moved_ids], micro_batch_tokens, model.pads):
        _backward(_embed(model, _of_parts(moved_ids, [part])), gradient[[moved[place] for place in part]])


def batch_loss(
    vectors: Tensor, batch: Batch, settings: Losses, before: Tensor | None = None, nested: Sequence[int] = ()
) -> tuple[Tensor, StepLoss]:
    """The stage's weighted sum of losses on the score matrix of a batch.

    `vectors` float32 (t, d): unit vectors of `batch.texts`. `settings` with every temperature and
    ceiling filled in (`Losses.resolved`), else ValueError. `before` (n, d'): the base model's unit
    vectors of the batch's noise, for `stay_near`. `nested`: so many first numbers of the vectors are
    held to the same losses, each counting as much as the whole (arXiv 2205.13147, with equal
    weights). A loss that finds nothing to compare in the batch is no part of it; without any part
    the sum is 0.
    """
    lengths = [vectors.shape[1], *(length for length in nested if length < vectors.shape[1])]
    parts: dict[str, Tensor] = {}
    for length in lengths:
        prefix = vectors if length == vectors.shape[1] else normalize(vectors[:, :length], dim=1)
        for name, value in _parts(prefix, batch, settings, before).items():
            parts[name] = parts.get(name, 0) + value * (getattr(settings, name).weight / len(lengths))
    total = sum(parts.values(), start=vectors.sum() * 0)
    return total, StepLoss(float(total.detach()), {name: float(value.detach()) for name, value in parts.items()})


def _parts(vectors: Tensor, batch: Batch, settings: Losses, before: Tensor | None) -> dict[str, Tensor]:
    """Each loss that has a weight and something to compare, unweighted."""
    columns = vectors[_like(vectors, batch.columns)]
    noise = vectors[_like(vectors, batch.noise)]
    queries = vectors[_like(vectors, batch.queries)]
    scores = queries @ columns.T
    labels, weights = _like(vectors, batch.labels), _like(vectors, batch.weights)
    is_question = _like(vectors, batch.is_question)
    parts: dict[str, Tensor] = {}
    if settings.stay_near.weight and before is not None and len(noise) > 1:
        parts["stay_near"] = losses.stay_near(noise, normalize(before[:, : noise.shape[1]], dim=1))
    if not len(columns):
        return parts
    if settings.ranking.weight:
        parts["ranking"] = losses.ranking(scores, labels, weights, _filled(settings.ranking.temperature))
    if (contrastive := settings.online_contrastive).weight:
        pairs, pair_labels = scores, labels
        if contrastive.noise and len(noise):
            pairs = torch.cat([scores, queries @ noise.T], dim=1)
            pair_labels = torch.cat([labels, labels.new_zeros(len(queries), len(noise))], dim=1)
        parts["online_contrastive"] = losses.online_contrastive(pairs, pair_labels, contrastive.margin)
    noise_best = (noise @ columns[is_question].T).amax(dim=1) if len(noise) and batch.is_question.any() else None
    if settings.noise_ceiling.weight and noise_best is not None:
        of_the_mean, ceiling = settings.noise_ceiling.of_the_mean, _filled(settings.noise_ceiling.ceiling_cosine)
        parts["noise_ceiling"] = losses.noise_ceiling(noise_best, ceiling, of_the_mean=of_the_mean)
    answered = _like(vectors, batch.is_answered)
    return parts | _own_parts(scores, labels, weights, is_question, answered, noise_best, columns, settings)


def _own_parts(
    scores: Tensor,
    labels: Tensor,
    weights: Tensor,
    is_question: Tensor,
    answered: Tensor,
    noise_best: Tensor | None,
    columns: Tensor,
    settings: Losses,
) -> dict[str, Tensor]:
    """The losses that look at a query's best score with its own entry."""
    parts: dict[str, Tensor] = {}
    own = scores.masked_fill((labels != 1) | ~is_question, -torch.inf).amax(dim=1)
    has_own = own.isfinite()
    if not has_own.any():
        return _answered(scores, labels, weights, answered, noise_best, settings)
    own, weights = own[has_own], weights[has_own]
    if (floor := settings.positive_floor).weight:
        parts["positive_floor"] = losses.positive_floor(own, weights, _filled(floor.floor_cosine))
    if settings.rejection.weight and noise_best is not None:
        parts["rejection"] = losses.rejection(own, noise_best, weights, _filled(settings.rejection.temperature))
    if (near := settings.near_rejection).weight:
        not_noise = (labels != 0) | ~is_question
        if near.near_cosine < 1:
            not_noise |= losses.near_other_entries(scores, labels, columns, near.near_cosine)
        others = scores.masked_fill(not_noise, -torch.inf)[has_own].amax(dim=1)
        if others.isfinite().any():
            found = losses.rejection(own, others[others.isfinite()], weights, _filled(near.temperature))
            parts["near_rejection"] = found
    return parts


def _answered(
    scores: Tensor, labels: Tensor, weights: Tensor, answered: Tensor, noise_best: Tensor | None, settings: Losses
) -> dict[str, Tensor]:
    """Rejection where no query has a standard question of its own, but answers: a catalogue of single questions.

    A question's score with its answer stands for the one that a customer's words would have: noise must stay below
    it. Without that, learning from questions and answers alone moves noise up. Other entries' questions are no noise
    here: they may ask the same, and only other words could tell. A dialogue's turn, compared with replies alone, says
    nothing about the catalogue.
    """
    own = scores.masked_fill(labels != 1, -torch.inf).amax(dim=1)
    counts = own.isfinite() & answered
    if not settings.rejection.weight or noise_best is None or not counts.any():
        return {}
    temperature = _filled(settings.rejection.temperature)
    return {"rejection": losses.rejection(own[counts], noise_best, weights[counts], temperature)}


def micro_batches(lengths: Sequence[int], budget_tokens: int, pads: bool = True) -> list[list[int]]:
    """Places sorted by length, cut so that the tokens of each part, padding to its longest included unless the model
    `pads` none, stay within the budget; padding that is left out may be three times as much.

    A padded part that is large enough also ends where more than a tenth of it would be padding.

    >>> micro_batches([3, 9, 4], budget_tokens=8)
    [[0, 2], [1]]
    """
    parts: list[list[int]] = []
    filled = 0
    for place in sorted(range(len(lengths)), key=lambda p: (lengths[p], p)):
        length = lengths[place]
        tokens = (len(parts[-1]) + 1) * length if pads and parts else filled + length
        is_mostly_padding = pads and tokens > ENOUGH_TOKENS and filled + length < LEAST_FILLED * tokens
        is_spread = bool(parts) and (len(parts[-1]) + 1) * length > MOST_SPREAD * budget_tokens
        if not parts or tokens > budget_tokens or is_mostly_padding or is_spread:
            parts.append([])
            filled = 0
        parts[-1].append(place)
        filled += length
    return parts


def tokens_of(parts: Sequence[Sequence[Sequence[int]]], pads: bool) -> int:
    """Tokens that go through the encoder for parts of texts, the longest of a part last, with the padding if there is
    any."""
    return sum(len(part) * len(part[-1]) if pads else sum(map(len, part)) for part in parts)


def _of_parts(token_ids: Sequence[Sequence[int]], parts: Sequence[Sequence[int]]) -> list[list[Sequence[int]]]:
    return [[token_ids[place] for place in part] for part in parts]


def _embed(model: TextModel, parts: Sequence[Sequence[Sequence[int]]]) -> Tensor:
    """Unit vectors of all parts, float32. Only the encoder runs in the model's precision: a loss in bfloat16
    could not tell cosines apart that differ by less than 0.004."""
    with autocast(model.device, model.precision):
        none = torch.empty(0, model.dimension, device=model.device)
        return torch.cat([none, *(model.embed_ids(ids) for ids in parts)])


def _backward(value: Tensor, gradient: Tensor | None = None) -> None:
    value.backward(gradient)  # type: ignore[no-untyped-call]


def _filled(setting: float | None) -> float:
    if setting is None:
        raise ValueError("fill in the losses with Losses.resolved first")
    return setting


def _like(vectors: Tensor, array: NDArray[Any]) -> Tensor:
    return sent(torch.from_numpy(np.ascontiguousarray(array)), vectors.device)
