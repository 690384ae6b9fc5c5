"""Models to measure with: the built-in one, and random ones of the exact shape of BGE-M3."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from faqtune.model.builtin import builtin_folder
from faqtune.model.layout import Layout, write_layout
from faqtune.model.memory import KNOWN

BUILTIN, BGE_M3 = "builtin", "bge-m3"
SHAPES = (BUILTIN, BGE_M3)

TRIMMED_PIECES = 27_354
"""What is left of the vocabulary when it is cut to a Chinese corpus and all single characters."""


def model_folder(shape: str, work: Path) -> Path:
    """The built-in model's own folder, or a random model of BGE-M3's shape made in `work`, unless it is there."""
    if shape == BUILTIN:
        return builtin_folder()
    folder = work / shape
    if not (folder / "modules.json").exists():
        make_bge_m3(folder)
    return folder


def make_bge_m3(folder: Path, pieces: int | None = None) -> None:
    """Random weights in float32, as BGE-M3 is published, the tokenizer of the built-in model, CLS pooling.

    The tokenizer is that of BGE-M3 but for its `<mask>`. `pieces` shortens the table of tokens.
    """
    shape = {**KNOWN["BAAI/bge-m3"], **({"vocab_size": pieces} if pieces else {})}
    config = XLMRobertaConfig(**shape, pad_token_id=1, bos_token_id=0, eos_token_id=2, layer_norm_eps=1e-5)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(builtin_folder() / name, folder / name)
    # Written last: a folder that has it is whole.
    write_layout(folder, Layout("cls", "", 8192), config.hidden_size)
