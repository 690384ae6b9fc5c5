"""The XLM-R tokenizer of the built-in model, from its vocabulary and its own normaliser table."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

from faqtune.model.pack import Vocabulary

NODE_UNITS = 256
HAS_VALUE, IS_VALUE, DISTANCE_SHIFT = 1 << 8, 1 << 31, 10
"""Bits of a unit of the double array, see `character_map`."""


def build_tokenizer(vocabulary: Vocabulary, replacements: Mapping[str, str]) -> Tokenizer:
    """Unigram over Metaspace, `<s> text </s>`: the ids of the package's own engine.

    One difference is meant: neighbouring unknown characters become one `<unk>`, as in
    sentencepiece and in the training of the model, where the engine writes one for each.
    """
    tokenizer = Tokenizer(
        Unigram(list(zip(vocabulary.pieces, vocabulary.scores, strict=True)), vocabulary.unk, byte_fallback=False)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(character_map(replacements)), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    bos, eos = vocabulary.pieces[vocabulary.bos], vocabulary.pieces[vocabulary.eos]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)],
    )
    special = {bos, eos, vocabulary.pieces[vocabulary.pad], vocabulary.pieces[vocabulary.unk]}
    tokenizer.add_special_tokens(
        [AddedToken(piece, normalized=False) for piece in vocabulary.pieces if piece in special]
        + [AddedToken("<mask>", lstrip=True, normalized=False)]
    )
    return tokenizer


def character_map(replacements: Mapping[str, str]) -> bytes:
    """The replacements in sentencepiece's precompiled form, which `normalizers.Precompiled` reads.

    The form: u32 bytes of the trie; the trie; the replacements, each ended by NUL. The trie
    is a double array of u32 units over UTF-8 bytes (darts-clone, github.com/s-yata/darts-clone):
    a unit holds its byte in the low 8 bits, bit 8 if a value follows, and from bit 10 on the XOR
    distance to the block of its children or to its value. darts packs the blocks into each
    other; here each node has 256 units of its own: more bytes, but nothing to search for.

    Raises ValueError for a key that is not a single character: only between single characters
    is no key the beginning of another one.
    """
    if any(len(character) != 1 for character in replacements):
        raise ValueError("only single characters can be replaced")
    keys = [character.encode() for character in replacements]
    prefixes = dict.fromkeys(key[:end] for key in keys for end in range(len(key)))
    blocks = {prefix: number * NODE_UNITS for number, prefix in enumerate(prefixes)}

    # A reader that follows a value XORs the next byte to it, so the values fill whole blocks too.
    values_start = len(blocks) * NODE_UNITS
    units = np.zeros(values_start + -(-len(keys) // NODE_UNITS) * NODE_UNITS, dtype="<u4")
    for prefix, block in blocks.items():
        if prefix:
            unit = blocks[prefix[:-1]] ^ prefix[-1]
            units[unit] = prefix[-1] | (unit ^ block) << DISTANCE_SHIFT
    texts = bytearray()
    for number, (key, text) in enumerate(zip(keys, replacements.values(), strict=True)):
        unit, value = blocks[key[:-1]] ^ key[-1], values_start + number
        units[unit] = key[-1] | HAS_VALUE | (unit ^ value) << DISTANCE_SHIFT
        units[value] = IS_VALUE | len(texts)
        texts += text.encode() + b"\0"
    return struct.pack("<I", units.nbytes) + units.tobytes() + bytes(texts)
