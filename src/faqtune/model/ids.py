"""Texts to the numbers of their tokens, by the tokenizer itself: the wrapping of transformers takes longer than it."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length_tokens: int) -> list[list[int]]:
    """Of each text its ids, special tokens included, cut to `max_length_tokens`, without padding.

    `tokenizer` has to be a fast one. The ids are those that calling it gives.
    """
    if not texts:
        return []
    backend = tokenizer.backend_tokenizer
    wanted = {"max_length": max_length_tokens, "direction": tokenizer.truncation_side}
    # Set only where it differs: meanwhile no other thread may use the tokenizer.
    if backend.padding is not None:
        backend.no_padding()
    if backend.truncation != {"stride": 0, "strategy": "longest_first", **wanted}:
        backend.enable_truncation(**wanted)
    return [found.ids for found in backend.encode_batch_fast(texts)]
