"""How much memory a model needs, from its configuration alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PretrainedConfig, XLMRobertaConfig

from faqtune.errors import UserError

FLOAT_BYTES = 4
TRAINING_COPIES = 4
"""Weights, gradients and the two averages of Adam, each in float32."""

TRAINING_ACTIVATION_BYTES = 84
"""Per token, layer and unit of width. Measured on XLM-R in float32 with dropout: 82, at widths 384 and 1024."""

ROW_ACTIVATION_BYTES = 44
"""The same in half precision and without padding, on a GPU. Measured at the shape of BGE-M3 on an H200: 38."""

ENCODING_ACTIVATION_BYTES = 40
"""Per token and unit of width: one layer's inputs, outputs and feed-forward in float32."""

TRAINING_BATCH_TOKENS = 8192
"""Tokens of one micro-batch that the estimate is made for."""
LEAST_BATCH_TOKENS = 512
"""The same for the least that training takes: what does not fit at once goes through in such parts by itself."""

_E5_SMALL: dict[str, Any] = {
    "vocab_size": 250037,
    "hidden_size": 384,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 514,
    "type_vocab_size": 2,
}

KNOWN: dict[str, dict[str, Any]] = {
    "BAAI/bge-m3": {
        "vocab_size": 250002,
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "max_position_embeddings": 8194,
        "type_vocab_size": 1,
    },
    "builtin": _E5_SMALL,
    "intfloat/multilingual-e5-small": _E5_SMALL,
}
"""Configurations of models that may not be on this machine yet."""


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Bytes for one process, of the device that holds the model; `parameters` is a count.

    `training` is that of all weights with large micro-batches, `least` that with the token embeddings frozen, which
    is the default of a stage, and small ones.
    """

    parameters: int
    training: int
    least: int
    encoding: int

    @property
    def weights(self) -> int:
        """Also what a saved model takes on disk."""
        return self.parameters * FLOAT_BYTES


def need_of_folder(transformer: Path) -> MemoryNeed:
    """Of the model whose `config.json` lies in `transformer`; its weights are not read.

    Raises UserError if that cannot be read.
    """
    try:
        config = AutoConfig.from_pretrained(transformer, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{transformer / 'config.json'}: {said}", "get the folder anew") from error
    return need_of_config(config)


def need_of_known(name: str) -> MemoryNeed | None:
    """Of a model that we know without having it; None for others."""
    return need_of_config(XLMRobertaConfig.from_dict(KNOWN[name])) if name in KNOWN else None


def need_of_config(config: PretrainedConfig, batch_tokens: int = TRAINING_BATCH_TOKENS) -> MemoryNeed:
    """Parameters are exact; training and encoding are estimates for micro-batches of `batch_tokens`."""
    with torch.device("meta"):
        backbone = AutoModel.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    parameters = sum(parameter.numel() for parameter in backbone.parameters())
    frozen = backbone.get_input_embeddings().weight.numel()
    trained = parameters - frozen
    return MemoryNeed(
        parameters,
        training=parameters * FLOAT_BYTES * TRAINING_COPIES + batch_tokens * activation_bytes(config),
        least=(frozen + trained * TRAINING_COPIES) * FLOAT_BYTES + LEAST_BATCH_TOKENS * activation_bytes(config),
        encoding=parameters * FLOAT_BYTES + batch_tokens * config.hidden_size * ENCODING_ACTIVATION_BYTES,
    )


def activation_bytes(config: PretrainedConfig, in_rows: bool = False) -> int:
    """What training keeps of one token, from the forward to the backward pass; an estimate for float32, or for half
    precision `in_rows` without padding on a GPU."""
    of_each = ROW_ACTIVATION_BYTES if in_rows else TRAINING_ACTIVATION_BYTES
    return int(config.hidden_size * config.num_hidden_layers * of_each)
