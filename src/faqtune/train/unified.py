"""Unified fine-tuning of BGE-M3's three ways of scoring, with self-distillation: pure functions.

The formulas are those of section 3.2 of arXiv 2402.03216, the weights those of FlagEmbedding 1.4; for the
softmax over in-batch columns stands `losses.ranking` on the batch's labels, so that unknown columns take no part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from faqtune.train.losses import ranking, weighted_mean

SCORE_WEIGHTS = {"dense": 1.0, "sparse": 0.3, "multi_vector": 1.0}
"""w1, w2, w3 of the common score."""

LOSS_WEIGHTS = {"dense": 1.0, "sparse": 0.1, "multi_vector": 1.0}
"""λ1, λ2, λ3 of the losses; that of the common score is 1."""

MOST_PRODUCTS = 1 << 24
"""Cosines of tokens that are held at once, 64 MB: a batch of long texts has thousands of tokens on either side."""


def lexical_scores(
    weights: Tensor,
    ids: Sequence[Sequence[int]],
    queries: Sequence[int],
    columns: Sequence[int],
    special: Collection[int],
) -> Tensor:
    """Float (q, c): sum over the tokens that two texts have in common of the product of their weights.

    `ids` are the tokens of each text; `weights` (n,) theirs, text after text, none below 0; `queries` (q,) and
    `columns` (c,) places of texts. A token that stands twice in a text counts with its higher weight;
    `special` ones do not count. s_lex of arXiv 2402.03216, section 3.1.
    """
    flat = np.concatenate([np.asarray(text) for text in ids])
    # A column for each token that the batch has: those of the whole vocabulary would be a hundred times as many.
    words, places = np.unique(flat, return_inverse=True)
    rows = np.repeat(np.arange(len(ids)), [len(text) for text in ids])
    cells = torch.from_numpy(rows * len(words) + places).to(weights.device)
    counted = torch.from_numpy(~np.isin(flat, sorted(special))).to(weights.device)
    table = weights.new_zeros(len(ids) * len(words)).scatter_reduce(0, cells, weights * counted, "amax")
    table = table.view(len(ids), len(words))
    return table[list(queries)] @ table[list(columns)].T


def multi_vector_scores(vectors: Sequence[Tensor], queries: Sequence[int], columns: Sequence[int]) -> Tensor:
    """Float (q, c): mean over a query's tokens of the highest cosine with any token of the column.

    `vectors` has of each text its tokens' unit vectors (tokens, k), one at least. s_mul of arXiv 2402.03216,
    section 3.1; late interaction: arXiv 2004.12832.
    """
    asked = torch.cat([vectors[place] for place in queries])
    if not columns:
        return asked[: len(queries), :0]  # a part of the graph, so that the head gets a gradient of 0
    order: list[int] = []
    found: list[Tensor] = []
    for group in _of_like_length([len(vectors[place]) for place in columns], MOST_PRODUCTS // len(asked)):
        tokens = torch.stack([vectors[columns[number]] for number in group])
        cosines = asked @ tokens.flatten(0, 1).T
        found.append(cosines.view(len(asked), *tokens.shape[:2]).max(dim=2).values)
        order += group
    best = torch.cat(found, dim=1)[:, torch.tensor(order).argsort()]
    return torch.stack([rows.mean(dim=0) for rows in best.split_with_sizes([len(vectors[place]) for place in queries])])


def unified(
    scores: Mapping[str, Tensor], labels: Tensor, weights: Tensor, temperature: float, distillation: float
) -> dict[str, Tensor]:
    """Weighted parts of the loss, which add up to it.

    `scores`: "dense" and one or both of "sparse" and "multi_vector", each (q, c); `labels` (q, c) and `weights`
    (q,) as for `losses.ranking`. L is the mean of the weighted ranking losses of each kind of score and of
    the common score, "together"; L' the mean of the weighted cross entropies of each with the softmax of the
    common score, which is not trained by it. The loss is (L + distillation x L') / (1 + distillation): with
    all scores and 1, that of arXiv 2402.03216, equations 8 to 11.
    """
    together = torch.stack([SCORE_WEIGHTS[name] * value for name, value in scores.items()]).sum(dim=0)
    parts = {name: LOSS_WEIGHTS[name] * ranking(value, labels, weights, temperature) for name, value in scores.items()}
    parts["together"] = ranking(together, labels, weights, temperature)
    share = 1 / (1 + distillation)
    parts = {name: share * value / len(parts) for name, value in parts.items()}
    if distillation:
        taught = [
            LOSS_WEIGHTS[name] * soft_ranking(value, together.detach(), labels, weights, temperature)
            for name, value in scores.items()
        ]
        parts["distillation"] = share * distillation * torch.stack(taught).mean()
    return parts


def soft_ranking(scores: Tensor, teacher: Tensor, labels: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """Cross entropy between a teacher's softmax over a row and that of `scores`, over the columns that are known.

    All (q, c), `weights` (q,). The rows are those of `losses.ranking`: with a positive and a negative. The
    weighted mean over them, 0 if there are none. Distillation: arXiv 1503.02531.
    """
    known = ~labels.isnan()
    rows = (labels == 1).any(dim=1) & (labels == 0).any(dim=1)
    if not rows.any():
        return scores.sum() * 0
    unknown, nothing = ~known[rows], torch.finfo(scores.dtype).min
    wanted = (teacher[rows] / temperature).masked_fill(unknown, nothing).softmax(dim=1)
    given = (scores[rows] / temperature).masked_fill(unknown, nothing).log_softmax(dim=1)
    # Beyond the lowest number lies -inf, and 0 times that is no number.
    return weighted_mean(-(wanted * given.masked_fill(unknown, 0)).sum(dim=1), weights[rows])


def _of_like_length(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Places in groups of one length, none of more than `most` in sum (but for a single place): no padding.

    >>> _of_like_length([3, 2, 3, 3], most=6)
    [[1], [0, 2], [3]]
    """
    groups: list[list[int]] = []
    for length, same in groupby(sorted(range(len(lengths)), key=lambda place: lengths[place]), lambda p: lengths[p]):
        places, size = list(same), max(1, most // length)
        groups += [places[start : start + size] for start in range(0, len(places), size)]
    return groups
