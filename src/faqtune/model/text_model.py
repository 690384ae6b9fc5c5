"""A transformer with its tokenizer and pooling: texts to unit vectors, for training and for encoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from faqtune.encoder import Vectors, as_texts
from faqtune.errors import is_out_of_memory
from faqtune.model.casting import casting, without_copies
from faqtune.model.device import Precision, autocast, free_memory, sent
from faqtune.model.heads import TokenHeads
from faqtune.model.ids import token_ids
from faqtune.model.layout import Layout, Pooling
from faqtune.model.pooling import places_with_padding, pooled, pooled_rows
from faqtune.model.room import KEPT_BATCHES, MOST_KEPT_BATCHES, Room, batches, padded
from faqtune.model.source import ModelSource
from faqtune.model.unpadded import Unpadded

Ids = Sequence[int]
"""The token ids of one text, special tokens included."""


class TextModel(nn.Module):
    """A backbone of transformers, a fast tokenizer, and how they are put together.

    Satisfies `faqtune.encoder.Encoder`. Made by `faqtune.model.load`. The prompt, the length and
    the tokenizer are fixed from then on: tokens are remembered by text.
    """

    def __init__(
        self,
        backbone: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        source: ModelSource,
        layout: Layout,
        max_length_tokens: int,
        precision: Precision,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.tokenizer = tokenizer
        self.source = source
        self.layout = replace(layout, max_length_tokens=max_length_tokens)
        self.max_length_tokens = max_length_tokens
        """Tokens of a text that are read, prompt and special tokens included."""
        self.precision = precision
        self.heads: TokenHeads | None = None
        """Only where a training asked for them (`faqtune.model.attach_heads`)."""
        self.adapters: tuple[int, float, int] | None = None
        """Rank, alpha and lower layers without, of adapters that are attached (`faqtune.model.attach_lora`)."""
        self.scale_halvings = 0
        """How often gradients turned out to be too large for their scale."""
        self.room = Room()
        """What memory holds when texts are encoded, and whom to tell."""
        self._unpadded = Unpadded(backbone.config)
        self._is_large = without_copies(backbone)
        self._remembered: dict[str, list[int]] = {}

    @property
    def name(self) -> str:
        """What the user calls the model: `builtin`, a folder or a hub name."""
        return self.source.name

    @property
    def dimension(self) -> int:
        return int(self.backbone.config.hidden_size)

    @property
    def pooling(self) -> Pooling:
        return self.layout.pooling

    @property
    def prompt(self) -> str:
        """Text in front of every text; it counts towards `max_length_tokens`."""
        return self.layout.prompt

    @property
    def device(self) -> torch.device:
        return next(self.backbone.parameters()).device

    @property
    def gradient_scale(self) -> float:
        """What gradients are multiplied by on their way into the backbone; 1 but for float16."""
        return max(1.0, self.precision.gradient_scale * 0.5**self.scale_halvings)

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, with prompt and special tokens, cut to `max_length_tokens`.

        Remembers every text for the life of the model: training sees the same texts hundreds of
        times. For a stream of new texts use `encode`, which remembers nothing. Do not change
        the lists.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._remembered]
        self._remembered.update(zip(new, self._tokenise(new), strict=True))
        return [self._remembered[text] for text in texts]

    def _tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        return token_ids(self.tokenizer, self.prompted(texts, self.prompt), self.max_length_tokens)

    def prompted(self, texts: Sequence[str], prompt: str) -> list[str]:
        """Texts as the tokenizer gets them."""
        # Half of a surrogate pair, left by a log that cut an emoji in two, is no text to the tokenizer.
        prompted = [(prompt + text).encode(errors="replace").decode() for text in texts]
        return [text.lower() for text in prompted] if self.layout.lower_case else prompted

    @property
    def pads(self) -> bool:
        """Whether texts that go through it together are padded to the longest: not on a CPU, nor where a GPU's kernel
        was seen to work, but for kinds of models that `faqtune.model.unpadded` does not know."""
        return not self._unpadded.is_for(self.device, self.precision.dtype)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Unit vectors, float32 (n, d), differentiable.

        `input_ids` int64 (n, l), padded on the right; `attention_mask` int64 (n, l), 1 where a
        token is. Pooling and length run in float32 whatever the backbone's precision.
        """
        return pooled(self._tokens(input_ids, attention_mask), attention_mask, self.pooling)

    def _tokens(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        with casting(is_large=self._is_large, device=input_ids.device):
            tokens = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self._scaled(tokens)

    def _rows(self, ids: Sequence[Ids]) -> Tensor | None:
        """Vectors of tokens without padding, (sum of lengths, d), text after text; None if the batch is padded."""
        with casting(is_large=self._is_large, device=self.device):
            rows = self._unpadded.token_vectors(self.backbone, ids, self.device)
        return None if rows is None else self._scaled(rows)

    def _scaled(self, tokens: Tensor) -> Tensor:
        """Gradients go on from here into the backbone multiplied by the precision's scale."""
        scale = self.gradient_scale
        if scale != 1 and tokens.requires_grad:
            tokens.register_hook(lambda gradient: gradient * scale)  # type: ignore[no-untyped-call]
        return tokens

    def embed_ids(self, ids: Sequence[Ids]) -> Tensor:
        """Unit vectors of tokenised texts, float32 (n, d), differentiable; one batch, padded here if it is at all."""
        if (rows := self._rows(ids)) is not None:
            return pooled_rows(rows, [len(text) for text in ids], self.pooling)
        return self(*self._padded(ids))  # type: ignore[no-any-return]

    def embed_ids_and_tokens(self, ids: Sequence[Ids]) -> tuple[Tensor, Tensor]:
        """Unit vectors of tokenised texts, float32 (n, d), and the vectors of all their tokens that they were made
        from, float32 (sum of lengths, d), text after text without padding; differentiable; one batch."""
        if (rows := self._rows(ids)) is not None:
            return pooled_rows(rows, [len(text) for text in ids], self.pooling), rows.float()
        input_ids, attention_mask = self._padded(ids)
        tokens = self._tokens(input_ids, attention_mask)
        places = places_with_padding([len(text) for text in ids], self.device)
        return pooled(tokens, attention_mask, self.pooling), tokens.flatten(0, 1).index_select(0, places).float()

    def embed_ids_by_layer(self, ids: Sequence[Ids]) -> Tensor:
        """Float32 (1 + layers, n, d): first of the embeddings, then of each layer, the unit vectors that the model
        would give if it ended there; one batch. Without a graph: nothing is trained on them."""
        input_ids, attention_mask = self._padded(ids)
        with torch.inference_mode(), self._evaluating(), autocast(self.device, self.precision):
            found = self.backbone(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
            return torch.stack([pooled(tokens, attention_mask, self.pooling) for tokens in found.hidden_states])

    def _padded(self, ids: Sequence[Ids]) -> tuple[Tensor, Tensor]:
        table, mask = padded(ids, self.tokenizer.pad_token_id)
        return sent(torch.from_numpy(table), self.device), sent(torch.from_numpy(mask), self.device)

    def encode(
        self,
        texts: Sequence[str],
        batch_tokens: int | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Vectors:
        """float32 (n, d), unit vectors in the order of `texts`; (0, d) for no texts.

        Every distinct text is encoded once, in batches of similar length of at most
        `batch_tokens` tokens, with padding if there is any (a longer text gets a batch of its own; None:
        what suits the device). Where memory does not hold a batch, half as many tokens go through at once
        from then on, which changes nothing but the time.
        `on_progress` gets the number of distinct texts done and in all. A text's vector does
        not depend on the order of the texts. Dropout is off meanwhile. Raises UserError where memory does not
        hold a single text.
        """
        texts = as_texts(texts)
        distinct = sorted(set(texts))
        ids = self._tokenise(distinct)
        vectors = np.empty((len(distinct), self.dimension), dtype=np.float32)
        left = dict.fromkeys(range(len(distinct)))

        def take(rows: Sequence[int], found: Vectors) -> None:
            self.room.went_through()
            vectors[rows] = found
            for row in rows:
                del left[row]
            if on_progress is not None:
                on_progress(len(distinct) - len(left), len(distinct))

        while left:
            budget = self.room.budget(self.device, batch_tokens)
            too_large = self._encode(ids, list(batches(ids, left, budget, self.pads)), take)
            if too_large:
                free_memory(self.device)
                self.room.shrink(too_large, budget, self.device, self.pads)
        row_of = {text: row for row, text in enumerate(distinct)}
        return vectors[[row_of[text] for text in texts]]

    def _encode(
        self, ids: Sequence[Ids], batches: Sequence[Sequence[int]], take: Callable[[Sequence[int], Vectors], None]
    ) -> list[int]:
        """Encode batches of rows of `ids` and hand them to `take`. Returns the lengths of the batch that memory does
        not hold, with which it ends; [] after the last."""
        kept: list[Tensor] = []
        rows: list[int] = []
        at_once = KEPT_BATCHES.get(self.device.type, MOST_KEPT_BATCHES)
        with torch.inference_mode(), self._evaluating(), autocast(self.device, self.precision):
            for number, batch in enumerate(batches, start=1):
                try:
                    kept.append(self.embed_ids([ids[row] for row in batch]))
                    rows += batch
                    if number % at_once and number < len(batches):
                        continue
                    found = torch.cat(kept).cpu().numpy()
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                    return [len(ids[row]) for row in batch]
                take(rows, found)
                kept, rows = [], []
        return []

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        was_training = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(was_training)
