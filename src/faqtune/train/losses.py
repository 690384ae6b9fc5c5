"""Every loss is a pure function of scores and labels. No model, no texts, no state.

Labels are a float matrix aligned with the scores: 1 (belongs), 0 (does not), NaN (unknown,
takes no part). All scores are cosines.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


def ranking(scores: Tensor, labels: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """InfoNCE with several positives per row: minus log of the positives' share of the softmax.

    `scores` and `labels` (q, c); `weights` (q,) of the rows. Rows without both a positive and a
    negative take no part; the result is the weighted mean over the others, 0 if there are none.
    The positives are summed inside the logarithm, so it is enough that one question of the entry
    is near: just as an entry scores with its best question. InfoNCE: arXiv 1807.03748; with
    the sum inside: L_in of arXiv 2004.11362, equation 3, less a constant.
    """
    positive, negative = labels == 1, labels == 0
    rows = positive.any(dim=1) & negative.any(dim=1)
    if not rows.any():
        return scores.sum() * 0
    logits = scores[rows] / temperature
    nothing = torch.finfo(logits.dtype).min
    known = (positive | negative)[rows]
    own = logits.masked_fill(~positive[rows], nothing).logsumexp(dim=1)
    every = logits.masked_fill(~known, nothing).logsumexp(dim=1)
    return weighted_mean(every - own, weights[rows])


def online_contrastive(scores: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Contrastive loss over the hard pairs of the batch only, summed.

    `scores` and `labels` of equal shape, any. Distance is 1 - cosine. Hard are the positives
    farther apart than the nearest negative and the negatives nearer than the farthest positive
    (where one kind is missing, the mean of the other decides, as in the original). Negatives
    beyond `margin` give nothing. Numerically equal to sentence-transformers >= 6.2
    `OnlineContrastiveLoss` with cosine distance on the same pairs. Contrastive loss: Hadsell,
    Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006.
    """
    distances = 1 - scores
    positives, negatives = distances[labels == 1], distances[labels == 0]
    farthest = positives.max() if len(positives) else negatives.mean()
    nearest = negatives.min() if len(negatives) else positives.mean()
    hard_negatives, hard_positives = negatives[negatives < farthest], positives[positives > nearest]
    return hard_positives.square().sum() + relu(margin - hard_negatives).square().sum()


def noise_ceiling(noise_best: Tensor, ceiling_cosine: float, *, of_the_mean: bool = False) -> Tensor:
    """Mean square of what the best score of each noise sentence has above the ceiling.

    `noise_best` (n,), n at least 1. Noise below the ceiling gives neither loss nor gradient. `of_the_mean`: the square
    of what the mean of the scores has above it, the older workflow's penalty, which presses on every sentence alike.
    """
    if of_the_mean:
        return relu(noise_best.mean() - ceiling_cosine).square()
    return relu(noise_best - ceiling_cosine).square().mean()


def positive_floor(own_best: Tensor, weights: Tensor, floor_cosine: float) -> Tensor:
    """Mean square of what the best own score of each query lacks to the floor.

    `own_best` and `weights` (q,), q at least 1. Ranking is content when a query is nearer to its entry
    than to others, however low both lie; a floor keeps answered queries from sinking with the noise.
    """
    return weighted_mean(relu(floor_cosine - own_best).square(), weights)


def stay_near(vectors: Tensor, before: Tensor) -> Tensor:
    """Mean square of how much the cosines among general texts have changed.

    `vectors` and `before` (n, d), n at least 2: unit vectors of the same texts now and under the base
    model. Their mutual cosines are what general ability consists of; where the texts lie as a whole
    may change, as it must when noise is to be kept away from the catalogue. Relational
    distillation: Park et al., "Relational Knowledge Distillation", 2019, arXiv 1904.05068.
    """
    others = ~torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    return (vectors @ vectors.T - before @ before.T)[others].square().mean()


def near_other_entries(scores: Tensor, labels: Tensor, columns: Tensor, near_cosine: float) -> Tensor:
    """bool (q, c): columns of entries that ask nearly the same as the query's own entry does.

    `scores` and `labels` (q, c), `columns` (c, d) unit vectors. A column is near if it lies at or above
    `near_cosine` to one of the query's positives. Has no gradient.
    """
    with torch.no_grad():
        alike = ((columns @ columns.T) >= near_cosine).to(scores.dtype)
        return ((labels == 1).to(scores.dtype) @ alike) > 0


def rejection(own_best: Tensor, noise_best: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """How often noise scores higher than a query does, softened: softplus of the differences, averaged.

    `own_best` (q,): best score of each query among its own positives; `noise_best` (n,): best score of
    each noise sentence; `weights` (q,). Divided by log 2 it is an upper bound of 1 - AUROC, whatever the
    temperature. It compares scores with each other, so it needs no absolute threshold and serves models
    whose cosines all lie between 0.8 and 1. Pairwise logistic loss: RankNet, Burges et al. 2005.

    As `near_rejection` it gets for noise the queries themselves, each with its best score among *other*
    entries: what it would score if its own entry did not exist. Ranking compares such a score with the
    same query's own entry only; here it must stay below every query's, which is what a threshold asks.
    """
    differences = noise_best[None, :] - own_best[:, None]
    return weighted_mean(softplus(differences / temperature).mean(dim=1), weights)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of `values` (n,) with `weights` (n,); 0 if they are all 0."""
    return (values * weights).sum() / weights.sum().clamp_min(torch.finfo(values.dtype).tiny)
