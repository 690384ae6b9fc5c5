"""Cut a model's vocabulary: fewer rows of the embedding matrix, a tokenizer with fewer pieces, the same vectors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from faqtune.errors import UserError
from faqtune.model.layout import read_config, transformer_folder, write_config
from faqtune.model.pieces import cut_tokenizer, kept_ids, refuse_other_tokenizers, special_ids
from faqtune.model.saving import WriteTokenizer
from faqtune.model.text_model import TextModel

Texts = Callable[[], Iterator[list[str]]]
"""Texts in blocks, from the beginning every time it is called: they need not fit into memory."""

TOKENIZER = "tokenizer.json"
COPIED = ("tokenizer_config.json", "special_tokens_map.json")
"""Not `sentencepiece.bpe.model` and its kin: they hold the whole vocabulary."""


def read_pieces(model: TextModel) -> dict[str, Any]:
    """The content of the model's `tokenizer.json`. Raises UserError for tokenizers that cannot be cut."""
    path = transformer_folder(model.source.folder) / TOKENIZER
    content = read_config(path, {}) if path.is_file() else pieces_in_use(model)
    refuse_other_tokenizers(content, model.name)
    return content


def pieces_in_use(model: TextModel) -> dict[str, Any]:
    """The same of the tokenizer as transformers has set it up: its class may change parts of it."""
    content: dict[str, Any] = json.loads(model.tokenizer.backend_tokenizer.to_str())
    return content


def token_table(model: TextModel) -> nn.Embedding:
    """The token embeddings. Raises UserError where they are no plain table."""
    table = model.backbone.get_input_embeddings()
    if not isinstance(table, nn.Embedding):
        raise UserError(f"{model.name}: its token embeddings are no plain table", "use this model as it is")
    return table


def choose_pieces(
    model: TextModel, content: dict[str, Any], used: Iterable[int], characters: set[str], scripts: tuple[str, ...]
) -> list[int]:
    """`kept_ids`, with those that the model's config names.

    Raises UserError if padding would get another id, since XLM-R counts its positions from there,
    and if there are more pieces than embeddings.
    """
    padding = int(model.tokenizer.pad_token_id)
    needed = {*used, padding, *special_ids(content), *_config_ids(model).values()}
    kept = kept_ids(content, needed, characters, scripts)
    if kept[-1] >= token_table(model).num_embeddings:
        raise UserError(f"{model.name}: piece {kept[-1]} has no embedding", "get the model folder anew")
    if kept.index(padding) != padding:
        raise UserError(f"{model.name}: its padding piece would get another number", "use this model as it is")
    return kept


def ids_of(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Ids of whole texts, however long, with special tokens."""
    return [encoding.ids for encoding in whole(tokenizer.backend_tokenizer).encode_batch(texts)]


def whole(tokenizer: Tokenizer) -> Tokenizer:
    """A tokenizer that neither cuts nor fills texts."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def cut_of(content: dict[str, Any], kept: list[int]) -> Tokenizer:
    """A tokenizer with the pieces `kept` only."""
    return whole(Tokenizer.from_str(json.dumps(cut_tokenizer(content, kept))))


def different_tokens(one: Tokenizer, other: Tokenizer, texts: Sequence[str]) -> list[tuple[int, int]]:
    """Per text the number of `one`'s tokens, special ones left out, and how many of them `other` does not make.

    A token is the same if it is the same piece in the same place.
    """
    encoded = (_placed_pieces(tokenizer, texts) for tokenizer in (one, other))
    return [(len(mine), sum(piece not in set(theirs) for piece in mine)) for mine, theirs in zip(*encoded, strict=True)]


def _placed_pieces(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[tuple[str, tuple[int, int]]]]:
    """Pieces of each text with their places; what is unknown is the unknown piece, not the text it stands for."""
    return [
        [(tokenizer.id_to_token(number) or "", place) for number, place in zip(text.ids, text.offsets, strict=True)]
        for text in tokenizer.encode_batch(texts, add_special_tokens=False)
    ]


def trim_embeddings(model: TextModel, kept: list[int]) -> None:
    """Leave only the rows `kept` of the token embeddings, as they are, and give the config the new numbers."""
    table = token_table(model)
    place = {old: new for new, old in enumerate(kept)}
    rows = table.weight.detach()[torch.tensor(kept)]
    cut = nn.Embedding(len(kept), table.embedding_dim, table.padding_idx, _weight=rows)
    model.backbone.set_input_embeddings(cut)
    for name, number in _config_ids(model).items():
        setattr(model.backbone.config, name, place[number])
    model.backbone.config.vocab_size = len(kept)


def tokenizer_writer(model: TextModel, content: dict[str, Any], kept: list[int], texts: Texts) -> WriteTokenizer:
    """Writes the tokenizer with the pieces `kept`, and reads it back: every one of `texts` must be as before.

    Raises UserError if one is not.
    """
    place = {old: new for new, old in enumerate(kept)}

    def write(source: Path, target: Path) -> None:
        write_config(target / TOKENIZER, cut_tokenizer(content, kept))
        for name in COPIED:
            if (source / name).is_file():
                shutil.copyfile(source / name, target / name)
        _renumber_config(target / "tokenizer_config.json", place)
        written = AutoTokenizer.from_pretrained(target, local_files_only=True, trust_remote_code=False)
        for block in texts():
            before = [[place.get(number, -1) for number in ids] for ids in ids_of(model.tokenizer, block)]
            for text, old, new in zip(block, before, ids_of(written, block), strict=True):
                if old != new:
                    raise UserError(
                        f"{model.name}: {text[:40]!r} would be cut into other pieces", "use this model as it is"
                    )

    return write


def _config_ids(model: TextModel) -> dict[str, int]:
    """Numbers of special pieces in the config, by their names."""
    rows = token_table(model).num_embeddings
    found = {name: value for name, value in model.backbone.config.to_dict().items() if name.endswith("_token_id")}
    return {name: value for name, value in found.items() if isinstance(value, int) and 0 <= value < rows}


def _renumber_config(path: Path, place: dict[int, int]) -> None:
    """Transformers keeps added tokens by their number here as well."""
    config = read_config(path, {})
    if "added_tokens_decoder" in config:
        decoder = config["added_tokens_decoder"]
        config["added_tokens_decoder"] = {str(place[int(number)]): token for number, token in decoder.items()}
        write_config(path, config)
