"""A step in which BGE-M3's other heads are trained with the dense vector: `engine.learn` on single tokens as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from faqtune.model import TextModel, autocast
from faqtune.model.tokens import special_ids
from faqtune.recipe import Heads, Losses
from faqtune.train.batches import Batch
from faqtune.train.engine import StepLoss, batch_loss, micro_batches
from faqtune.train.gradients import sparse_embedding_gradients
from faqtune.train.unified import lexical_scores, multi_vector_scores, unified


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder gives of texts: `vectors` float32 (t, d), and `tokens` float32 (n, d), text after text.

    `places` says which of the batch's texts each one is, `lengths` how many tokens it has.
    """

    vectors: Tensor
    tokens: Tensor
    places: list[int]
    lengths: list[int]


def learn_with_heads(
    model: TextModel,
    batch: Batch,
    settings: Losses,
    heads: Heads,
    micro_batch_tokens: int,
    graph_tokens: int,
    before: Tensor | None = None,
    nested: Sequence[int] = (),
) -> StepLoss:
    """Add the gradients of one batch to the parameters of the model and of its attached heads.

    As `engine.learn`: a batch of more than `graph_tokens` is encoded twice, its gradients cached, here
    those of every token's vector too. The heads themselves need no second pass: their graph is small.
    """
    token_ids = model.tokenise(batch.texts)
    parts = micro_batches([len(ids) for ids in token_ids], micro_batch_tokens)
    with sparse_embedding_gradients(model):
        if sum(len(part) * len(token_ids[part[-1]]) for part in parts) <= graph_tokens:
            encoded = _encode(model, token_ids, parts)
            loss, step_loss = heads_loss(model, encoded, token_ids, batch, settings, heads, before, nested)
            torch.autograd.backward(loss)
            return step_loss
        with torch.no_grad():
            cached = _encode(model, token_ids, parts)
        for leaf in (cached.vectors, cached.tokens):
            leaf.requires_grad_(True)
        loss, step_loss = heads_loss(model, cached, token_ids, batch, settings, heads, before, nested)
        torch.autograd.backward(loss)
        _carry(model, cached, token_ids, micro_batch_tokens)
    return step_loss


def heads_loss(
    model: TextModel,
    encoded: Encoded,
    token_ids: Sequence[Sequence[int]],
    batch: Batch,
    settings: Losses,
    heads: Heads,
    before: Tensor | None = None,
    nested: Sequence[int] = (),
) -> tuple[Tensor, StepLoss]:
    """The stage's losses on the dense vectors, and the heads' loss on the scores of queries and columns."""
    back = torch.tensor(encoded.places, device=encoded.vectors.device).argsort()
    vectors = encoded.vectors[back]
    total, dense = batch_loss(vectors, batch, settings, before, nested)
    queries, columns = batch.queries.tolist(), batch.columns.tolist()
    scores = {"dense": vectors[queries] @ vectors[columns].T}
    scores |= _token_scores(model, encoded, token_ids, queries, columns, heads)
    labels, weights = (torch.from_numpy(array).to(vectors.device) for array in (batch.labels, batch.weights))
    parts = unified(scores, labels, weights, heads.temperature, heads.distillation)
    weighted = {f"heads_{name}": heads.weight * value for name, value in parts.items()}
    total = sum(weighted.values(), start=total)
    shown = {name: float(value.detach()) for name, value in weighted.items()}
    return total, StepLoss(float(total.detach()), dense.parts | shown)


def _token_scores(
    model: TextModel,
    encoded: Encoded,
    token_ids: Sequence[Sequence[int]],
    queries: list[int],
    columns: list[int],
    heads: Heads,
) -> dict[str, Tensor]:
    """Scores of the heads that are trained. Noise is compared by nobody: its tokens are left out."""
    assert model.heads is not None
    compared = sorted({*queries, *columns})
    of_text = dict(zip(encoded.places, encoded.tokens.split_with_sizes(encoded.lengths), strict=True))
    place = {text: number for number, text in enumerate(compared)}
    asked, found = [place[text] for text in queries], [place[text] for text in columns]
    scores: dict[str, Tensor] = {}
    if heads.sparse:
        weights = model.heads.token_weights(torch.cat([of_text[text] for text in compared]))
        scores["sparse"] = lexical_scores(
            weights, [token_ids[text] for text in compared], asked, found, special_ids(model)
        )
    if heads.multi_vector:
        # The first token stands for the whole text.
        vectors = model.heads.token_vectors(torch.cat([of_text[text][1:] for text in compared]))
        scores["multi_vector"] = multi_vector_scores(
            vectors.split_with_sizes([len(token_ids[text]) - 1 for text in compared]), asked, found
        )
    return scores


def _carry(model: TextModel, cached: Encoded, token_ids: Sequence[Sequence[int]], micro_batch_tokens: int) -> None:
    """Carry the gradients of cached vectors into the weights, for the texts that have any."""
    assert cached.vectors.grad is not None and cached.tokens.grad is not None
    vectors = dict(zip(cached.places, cached.vectors.grad, strict=True))
    tokens = dict(zip(cached.places, cached.tokens.grad.split_with_sizes(cached.lengths), strict=True))
    # One text at least, so that every weight gets a gradient, be it 0: AdamW decays and remembers by it.
    moved = _moved(cached, cached.vectors.grad, cached.tokens.grad) or [0]
    for part in micro_batches([len(token_ids[place]) for place in moved], micro_batch_tokens):
        again = _encode(model, token_ids, [[moved[number] for number in part]])
        torch.autograd.backward(
            (again.vectors, again.tokens),
            (
                torch.stack([vectors[place] for place in again.places]),
                torch.cat([tokens[place] for place in again.places]),
            ),
        )


def _moved(cached: Encoded, of_vectors: Tensor, of_tokens: Tensor) -> list[int]:
    """Texts whose gradients are not all 0."""
    some = of_tokens.any(dim=1).cpu().split_with_sizes(cached.lengths)
    pairs = zip(cached.places, of_vectors.any(dim=1).tolist(), some, strict=True)
    return sorted(place for place, vector, tokens in pairs if vector or tokens.any())


def _encode(model: TextModel, token_ids: Sequence[Sequence[int]], parts: Sequence[Sequence[int]]) -> Encoded:
    """Vectors of all parts. Only the encoder runs in the model's precision, as in `engine.learn`."""
    with autocast(model.device, model.precision):
        found = [model.embed_ids_and_tokens([token_ids[place] for place in part]) for part in parts]
    places = [place for part in parts for place in part]
    vectors, tokens = (torch.cat(kind) for kind in zip(*found, strict=True))
    return Encoded(vectors, tokens, places, [len(token_ids[place]) for place in places])
