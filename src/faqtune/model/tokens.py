"""What a model with heads says of single tokens: their weights in lexical matching, and their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from faqtune.encoder import Vectors, as_texts
from faqtune.errors import UserError
from faqtune.model.device import autocast
from faqtune.model.heads import FILES, TokenHeads, load_heads
from faqtune.model.text_model import TextModel


def attach_heads(model: TextModel, seed: int = 0) -> TokenHeads:
    """Give a model the heads of its folder, or fresh ones made from `seed`; those it has already stay.

    Raises UserError where a head's file does not fit, and where texts do not begin with a special token and
    end with another: what a token vector stands for would then be another matter than in BGE-M3.
    """
    if model.heads is None:
        special = special_ids(model)
        empty = model.tokenizer("")["input_ids"]
        if len(empty) < 2 or not special.issuperset(empty):
            raise UserError(
                f"{model.name}: its texts are not put between special tokens, so it cannot have BGE-M3's heads",
                "train without [stages.heads], or choose an encoder such as BAAI/bge-m3",
            )
        model.heads = load_heads(model.source.folder, model.dimension, seed).to(model.device)
    return model.heads


def special_ids(model: TextModel) -> frozenset[int]:
    """Tokens that stand for no word: those of beginning and end, padding, unknown."""
    tokenizer = model.tokenizer
    ids = (
        tokenizer.cls_token_id, tokenizer.bos_token_id, tokenizer.sep_token_id, tokenizer.eos_token_id,
        tokenizer.pad_token_id, tokenizer.unk_token_id,
    )  # fmt: skip
    return frozenset(number for number in ids if number is not None)


def lexical_weights(model: TextModel, texts: Sequence[str]) -> list[dict[int, float]]:
    """Of each text its tokens (ids) with their weights: the highest where one stands more than once, none that is 0.

    The score of two texts is the sum over their common tokens of the product. Attaches the model's heads. Raises
    UserError for a model without this head.
    """
    heads, special = _own_heads(model, "sparse"), special_ids(model)
    found: list[dict[int, float]] = []
    for ids, tokens in _tokens(model, texts):
        weights: dict[int, float] = {}
        for number, weight in zip(ids, heads.token_weights(tokens).tolist(), strict=True):
            if number not in special and weight > weights.get(number, 0.0):
                weights[number] = weight
        found.append(weights)
    return found


def token_vectors(model: TextModel, texts: Sequence[str]) -> list[Vectors]:
    """Of each text the unit vectors of its tokens, float32 (tokens - 1, k): of all but the first, which stands for
    the whole text. Attaches the model's heads. Raises UserError for a model without this head."""
    heads = _own_heads(model, "multi_vector")
    return [heads.token_vectors(tokens[1:]).detach().cpu().numpy() for _, tokens in _tokens(model, texts)]


def _own_heads(model: TextModel, needed: str) -> TokenHeads:
    """The model's heads, unless the needed one would have to be made for it: random numbers that look like weights.
    Who attaches such heads to train them may look at them."""
    if model.heads is not None:
        return model.heads
    heads = attach_heads(model)
    if needed in heads.fresh:
        model.heads = None
        raise UserError(
            f"{model.name} has no {needed.replace('_', '-')} head: there is no {FILES[needed]} in its folder",
            "train one ([stages.heads] in a recipe), or take a model that has it, such as BAAI/bge-m3",
        )
    return heads


def _tokens(model: TextModel, texts: Sequence[str]) -> list[tuple[list[int], Tensor]]:
    """Of each text the ids of its tokens and their vectors, float32 (l, d). One text at a time: for a few texts."""
    was_training = model.training
    model.eval()
    with torch.no_grad(), autocast(model.device, model.precision):
        found = [(ids, model.embed_ids_and_tokens([ids])[1]) for ids in model.tokenise(as_texts(texts))]
    model.train(was_training)
    return found
