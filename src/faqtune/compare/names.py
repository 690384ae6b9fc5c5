"""What tensors are called: the same ones in two models, and which layer and which part of it each belongs to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from itertools import product

EMBEDDINGS, OTHER = "embeddings", "other"

KINDS = ("query", "key", "value", "attention output", "intermediate", "output", "norms", "other parts")
"""The parts of a transformer layer, in the order of the data; the last for what has no name here."""

EMBEDDING_KINDS = ("words", "positions", "types", "norms", "other parts")

_LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
_EMBEDDING = re.compile(r"(?:^|\.)(?:\w*embeddings?|embed_tokens|wte|wpe)\.")

_KIND_OF = (
    ("norms", r"norm|(?:^|\.)ln_\d"),
    ("query", r"(?:^|\.)(?:query|q|q_proj|q_lin)\."),
    ("key", r"(?:^|\.)(?:key|k|k_proj|k_lin)\."),
    ("value", r"(?:^|\.)(?:value|v|v_proj|v_lin)\."),
    ("attention output", r"(?:attention|attn)\.(?:output|o|o_proj|out_lin|out_proj|Wo)\b"),
    ("intermediate", r"(?:^|\.)(?:intermediate|fc1|lin1|Wi|up_proj|gate_proj)\b"),
    ("output", r"(?:^|\.)(?:output|fc2|lin2|Wo|down_proj)\b"),
)
"""BERT, RoBERTa and XLM-R, and the names that other encoders have for the same."""

_EMBEDDING_KIND_OF = (
    ("norms", r"norm"),
    ("words", r"word|tok_|embed_tokens|wte"),
    ("positions", r"position|wpe"),
    ("types", r"type"),
)


def layer_of(name: str) -> str:
    """`embeddings`, `layer 0` and so on, or `other` (a pooler, heads).

    >>> layer_of("encoder.layer.11.output.dense.bias"), layer_of("embeddings.LayerNorm.weight"), layer_of("pooler.x")
    ('layer 11', 'embeddings', 'other')
    """
    if found := _LAYER.search(name):
        return f"layer {int(found[1])}"
    return EMBEDDINGS if _EMBEDDING.search(name) else OTHER


def kind_of(name: str) -> str:
    """One of KINDS for a tensor of a layer, one of EMBEDDING_KINDS for one of the embeddings.

    >>> [kind_of(f"encoder.layer.0.{part}.weight") for part in ("attention.self.key", "attention.output.dense")]
    ['key', 'attention output']
    """
    table = _EMBEDDING_KIND_OF if layer_of(name) == EMBEDDINGS else _KIND_OF
    return next((kind for kind, pattern in table if re.search(pattern, name, re.IGNORECASE)), KINDS[-1])


def in_order(layer: str) -> tuple[int, int]:
    """Sorts layers from the bottom to the top.

    >>> sorted(["other", "layer 10", "layer 9", "embeddings"], key=in_order)
    ['embeddings', 'layer 9', 'layer 10', 'other']
    """
    number = layer.removeprefix("layer ")
    return (1, int(number)) if number.isdigit() else (0 if layer == EMBEDDINGS else 2, 0)


def common_prefixes(first: Collection[str], second: Collection[str]) -> tuple[str, str]:
    """The prefixes of either side without which most tensors have the same names: `roberta.`, `0.auto_model.` ...

    Whatever program wrote a model put its own in front; the shortest that serve are taken.

    >>> common_prefixes(["encoder.w", "pooler.w"], ["model.encoder.w", "model.pooler.w", "head.w"])
    ('', 'model.')
    """

    def agreeing(pair: tuple[str, str]) -> int:
        stripped = ({name.removeprefix(pair[side]) for name in names} for side, names in enumerate((first, second)))
        return len(set.intersection(*stripped))

    pairs = sorted(product(_prefixes(first), _prefixes(second)), key=lambda pair: len(pair[0]) + len(pair[1]))
    return max(pairs, key=agreeing)


def _prefixes(names: Collection[str]) -> list[str]:
    """Dotted beginnings that at least half of the names have, and none."""
    found = Counter(name[: dot.end()] for name in names for dot in re.finditer(r"\.", name))
    return ["", *(prefix for prefix, count in found.items() if 2 * count >= len(names))]
