"""Load an encoder, ready for training and encoding, or say why not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.import_utils import is_accelerate_available

from faqtune.errors import UserError
from faqtune.model.device import WantedPrecision, pick_device, pick_precision
from faqtune.model.layout import Layout, Pooling, read_layout, transformer_folder
from faqtune.model.machine import free_ram_bytes
from faqtune.model.quiet import quiet_transformers, settle_tokenizer_forks
from faqtune.model.source import ModelSource, resolve
from faqtune.model.text_model import TextModel

WEIGHTS = (".safetensors", ".bin")
SURELY_FITS = 3
"""Times the size of its files that a model takes at most while it is loaded as they hold it."""


def load(
    name_or_path: str | Path,
    *,
    max_length_tokens: int,
    prompt: str | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | Literal["auto"] = torch.float32,
    pooling: Pooling | None = None,
    precision: WantedPrecision = "auto",
) -> TextModel:
    """Load `builtin`, a model folder, or a hub name as a `TextModel`, in evaluation mode.

    `max_length_tokens` is lowered to what the model can read. `prompt`, `pooling` and `precision`
    override what the model and the device say. `dtype` is that of the weights: float32 for
    training, whatever the files hold; "auto" what they hold. No code of the model is run, no pickle but plain tensors
    is read.

    Raises UserError if the model is not found, has a part we do not support, lacks weights, is
    damaged, or does not say how to pool (then pass `pooling`).
    """
    source = resolve(name_or_path)
    layout = read_layout(source.folder, source.name, pooling)
    if prompt is not None:
        layout = replace(layout, prompt=prompt)
    place = pick_device(None if device is None else str(device))
    backbone = _load_backbone(source, dtype)
    tokenizer = _load_tokenizer(source)
    length = min(max_length_tokens, *_limits(backbone, layout))
    _refuse_no_room(tokenizer, layout, length, source.name)
    try:
        backbone.to(place)  # type: ignore[arg-type]
    except torch.OutOfMemoryError as error:
        raise UserError(f"{source.name} does not fit into the memory of {place}", "free some, or use cpu") from error
    model = TextModel(backbone, tokenizer, source, layout, length, pick_precision(place, precision))
    return model.eval()


def refuse_damaged_weights(source: ModelSource) -> None:
    """Raises UserError where `load` would because of the weights: of these only names and shapes are looked at.

    Without accelerate transformers has no way to do that; it then reads them, if they surely fit into memory.
    """
    if is_accelerate_available():
        _load_backbone(source, "auto", onto="meta")
        return
    files = [path for path in transformer_folder(source.folder).iterdir() if path.suffix in WEIGHTS]
    free = free_ram_bytes()
    if free is None or free > SURELY_FITS * sum(path.stat().st_size for path in files):
        _load_backbone(source, "auto")


def _load_backbone(
    source: ModelSource, dtype: torch.dtype | Literal["auto"], onto: str | None = None
) -> PreTrainedModel:
    folder = transformer_folder(source.folder)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if config.is_encoder_decoder:
            raise UserError(f"{source.name} is an encoder-decoder", "choose an encoder such as BAAI/bge-m3")
        with quiet_transformers():
            backbone, report = AutoModel.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                weights_only=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                device_map=onto,
            )
    except UserError:
        raise
    # transformers, torch, safetensors and pickle each raise their own kinds; to the user they mean one thing.
    except Exception as error:
        raise _damaged(source, "model", error) from error
    _settle_pooler(backbone, set(report["missing_keys"]))
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith("pooler.")):
        raise UserError(
            f"{source.folder}: {len(missing)} weights are missing, {missing[0]} among them",
            "get the model folder anew: without them the model would be partly random",
        )
    _refuse_layers_left_out(source, set(report["unexpected_keys"]), config.num_hidden_layers)
    return backbone  # type: ignore[no-any-return]


def _refuse_layers_left_out(source: ModelSource, unexpected: set[str], layers: int) -> None:
    """Raises UserError where the weights hold layers that the configuration does not name: they would be left out
    without a word, and another model than the one in the folder be measured and tuned."""
    numbers = [int(found[1]) for key in unexpected if (found := re.search(r"(?:^|\.)layers?\.(\d+)\.", key))]
    if numbers and max(numbers) >= layers:
        raise UserError(
            f"{source.folder}: its config.json names {layers} layers, but its weights hold {max(numbers) + 1}",
            "set num_hidden_layers in config.json, or get the folder anew",
        )


def _settle_pooler(backbone: PreTrainedModel, missing: set[str]) -> None:
    """The pooler stands behind the token vectors and is never used: keep it as it is, or drop a made-up one."""
    pooler = getattr(backbone, "pooler", None)
    if isinstance(pooler, nn.Module):
        pooler.requires_grad_(False)
        if any(key.startswith("pooler.") for key in missing):
            backbone.pooler = None  # type: ignore[assignment]


def _load_tokenizer(source: ModelSource) -> PreTrainedTokenizerBase:
    settle_tokenizer_forks()
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            transformer_folder(source.folder), local_files_only=True, trust_remote_code=False
        )
    # See _load_backbone; tokenizers raises bare Exception.
    except Exception as error:
        raise _damaged(source, "tokenizer", error) from error
    if not tokenizer.is_fast or tokenizer.pad_token_id is None:
        raise UserError(
            f"{source.folder}: its tokenizer has no fast form or no padding token",
            "get a folder that has a tokenizer.json, or choose an encoder such as BAAI/bge-m3",
        )
    return tokenizer


def _damaged(source: ModelSource, part: str, error: Exception) -> UserError:
    lines = str(error).splitlines() or [type(error).__name__]
    return UserError(
        f"{source.folder}: the {part} cannot be loaded ({lines[0]})",
        "get the folder anew, or choose another encoder such as BAAI/bge-m3",
    )


def _limits(backbone: PreTrainedModel, layout: Layout) -> list[int]:
    """Lengths in tokens that the model's makers and its position table allow."""
    limits = [] if layout.max_length_tokens is None else [layout.max_length_tokens]
    table = getattr(getattr(backbone, "embeddings", None), "position_embeddings", None)
    if isinstance(table, nn.Embedding):
        # RoBERTa and its kin number positions from behind the padding id.
        reserved = 0 if table.padding_idx is None else table.padding_idx + 1
        limits.append(table.num_embeddings - reserved)
    elif isinstance(positions := getattr(backbone.config, "max_position_embeddings", None), int):
        limits.append(positions)
    return limits


def _refuse_no_room(tokenizer: PreTrainedTokenizerBase, layout: Layout, length: int, name: str) -> None:
    taken = len(tokenizer(layout.prompt)["input_ids"])
    if length <= taken:
        raise UserError(
            f"{name}: max_length_tokens {length} leaves no room for a text: "
            f"the prompt {layout.prompt!r} and the special tokens take {taken}",
            "raise max_length_tokens, or shorten the prompt",
        )
