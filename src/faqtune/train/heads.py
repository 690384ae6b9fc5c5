"""A step in which BGE-M3's other heads are trained with the dense vector: `engine.learn` on single tokens as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from faqtune.model import TextModel, autocast
from faqtune.model.tokens import special_ids
from faqtune.recipe import Heads, Losses
from faqtune.train import ranks
from faqtune.train.batches import Batch
from faqtune.train.engine import StepLoss, batch_loss, micro_batches, tokens_of
from faqtune.train.gradients import sparse_embedding_gradients
from faqtune.train.shares import gather_rows, stretches
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
    meanwhile: Callable[[], None] | None = None,
) -> StepLoss:
    """Add the gradients of one batch to the parameters of the model and of its attached heads.

    As `engine.learn`: a batch of more than `graph_tokens` is encoded twice, its gradients cached, here
    those of every token's vector too. The heads themselves need no second pass: their graph is small.
    Each of several ranks encodes its share and runs the heads on all of it; rank 0 keeps their gradients.
    """
    token_ids = model.tokenise(batch.texts)
    shares = stretches([len(ids) for ids in token_ids], ranks.count())
    mine = shares[ranks.number()]
    parts = [
        [mine[number] for number in part]
        for part in micro_batches([len(token_ids[place]) for place in mine], micro_batch_tokens, model.pads)
    ]
    fits = tokens_of([[token_ids[place] for place in part] for part in parts], model.pads) <= graph_tokens
    with ranks.all_or_none(), sparse_embedding_gradients(model), torch.set_grad_enabled(fits):
        own = _encode(model, token_ids, parts)
        if meanwhile is not None:
            meanwhile()
    every = _gathered(own, token_ids, shares)
    with ranks.all_or_none(), sparse_embedding_gradients(model):
        loss, step_loss = heads_loss(model, every, token_ids, batch, settings, heads, before, nested)
        torch.autograd.backward(loss)
        if not ranks.is_writer() and model.heads is not None:
            model.heads.zero_grad(set_to_none=True)
        gradient = _of_own(every, own)
        if not fits:
            _carry(model, gradient, token_ids, micro_batch_tokens)
        elif mine:
            torch.autograd.backward((own.vectors, own.tokens), (gradient.vectors, gradient.tokens))
    return ranks.same(step_loss)


def _gathered(own: Encoded, token_ids: Sequence[Sequence[int]], shares: Sequence[Sequence[int]]) -> Encoded:
    """What all ranks have encoded, share after share, as leaves of a graph."""
    places = [place for share in shares for place in share]
    lengths = [len(token_ids[place]) for place in places]
    sizes = [[len(share) for share in shares], [sum(len(token_ids[place]) for place in share) for share in shares]]
    vectors, tokens = (
        gather_rows(rows.detach(), [range(end - size, end) for end, size in zip(accumulate(of), of, strict=True)])
        for rows, of in zip((own.vectors, own.tokens), sizes, strict=True)
    )
    return Encoded(vectors.requires_grad_(True), tokens.requires_grad_(True), places, lengths)


def _of_own(every: Encoded, own: Encoded) -> Encoded:
    """The gradients of what this rank has encoded."""
    assert every.vectors.grad is not None and every.tokens.grad is not None
    first = every.places.index(own.places[0]) if own.places else 0
    token = sum(every.lengths[:first])
    vectors = every.vectors.grad[first : first + len(own.places)]
    return Encoded(vectors, every.tokens.grad[token : token + sum(own.lengths)], own.places, own.lengths)


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


def _carry(model: TextModel, gradient: Encoded, token_ids: Sequence[Sequence[int]], micro_batch_tokens: int) -> None:
    """Carry the gradients of cached vectors into the weights, for the texts that have any."""
    vectors = dict(zip(gradient.places, gradient.vectors, strict=True))
    tokens = dict(zip(gradient.places, gradient.tokens.split_with_sizes(gradient.lengths), strict=True))
    # One text at least, so that every weight gets a gradient, be it 0: AdamW decays and remembers by it.
    moved = _moved(gradient) or gradient.places[:1]
    for part in micro_batches([len(token_ids[place]) for place in moved], micro_batch_tokens, model.pads):
        again = _encode(model, token_ids, [[moved[number] for number in part]])
        torch.autograd.backward(
            (again.vectors, again.tokens),
            (
                torch.stack([vectors[place] for place in again.places]),
                torch.cat([tokens[place] for place in again.places]),
            ),
        )


def _moved(gradient: Encoded) -> list[int]:
    """Texts whose gradients are not all 0."""
    some = gradient.tokens.any(dim=1).cpu().split_with_sizes(gradient.lengths)
    pairs = zip(gradient.places, gradient.vectors.any(dim=1).tolist(), some, strict=True)
    return sorted(place for place, vector, tokens in pairs if vector or tokens.any())


def _encode(model: TextModel, token_ids: Sequence[Sequence[int]], parts: Sequence[Sequence[int]]) -> Encoded:
    """Vectors of all parts. Only the encoder runs in the model's precision, as in `engine.learn`."""
    with autocast(model.device, model.precision):
        none = torch.empty(0, model.dimension, device=model.device)
        found = [(none, none), *(model.embed_ids_and_tokens([token_ids[place] for place in part]) for part in parts)]
    places = [place for part in parts for place in part]
    vectors, tokens = (torch.cat(kind) for kind in zip(*found, strict=True))
    return Encoded(vectors, tokens, places, [len(token_ids[place]) for place in places])
