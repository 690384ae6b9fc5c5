"""The models: find one (built in, in a folder, on the hub), load it as a `TextModel` that turns texts into
unit vectors, freeze parts of it, save it as a sentence-transformers folder, and say whether this machine
can train it. A torch room, but for finding a model: what is behind a name is imported when it is asked for, torch
(seconds, 400 MB) with what needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faqtune.model.card import ModelCard
    from faqtune.model.device import (
        EXACT,
        FLOAT16_WARNING,
        Precision,
        autocast,
        free_memory,
        pick_device,
        pick_precision,
    )
    from faqtune.model.doctor import Check, diagnose
    from faqtune.model.freezing import ParameterCounts, count_parameters, freeze, layers_above, unfreeze
    from faqtune.model.heads import HEADS, TokenHeads
    from faqtune.model.loading import load
    from faqtune.model.lora import (
        adapted,
        attach_lora,
        drop_lora,
        effective_weights,
        merge_lora,
        put_weights,
        stored_weights,
        train_adapters_only,
    )
    from faqtune.model.merge import Line, line_between, refuse_coefficient
    from faqtune.model.saving import base_name, save
    from faqtune.model.source import ModelSource, resolve
    from faqtune.model.text_model import TextModel
    from faqtune.model.tokens import attach_heads, lexical_weights, token_vectors

_HOMES = {
    "card": ("ModelCard",),
    "device": (
        "EXACT", "FLOAT16_WARNING", "Precision", "autocast", "free_memory", "pick_device", "pick_precision",
    ),
    "doctor": ("Check", "diagnose"),
    "freezing": ("ParameterCounts", "count_parameters", "freeze", "layers_above", "unfreeze"),
    "heads": ("HEADS", "TokenHeads"),
    "loading": ("load",),
    "lora": (
        "adapted", "attach_lora", "drop_lora", "effective_weights", "merge_lora", "put_weights", "stored_weights",
        "train_adapters_only",
    ),
    "merge": ("Line", "line_between", "refuse_coefficient"),
    "saving": ("base_name", "save"),
    "source": ("ModelSource", "resolve"),
    "text_model": ("TextModel",),
    "tokens": ("attach_heads", "lexical_weights", "token_vectors"),
}  # fmt: skip
"""Module to the names that live in it. No module is called like a name: it would stand in its place."""

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "EXACT",
    "FLOAT16_WARNING",
    "HEADS",
    "Check",
    "Line",
    "ModelCard",
    "ModelSource",
    "ParameterCounts",
    "Precision",
    "TextModel",
    "TokenHeads",
    "adapted",
    "attach_heads",
    "attach_lora",
    "autocast",
    "base_name",
    "count_parameters",
    "diagnose",
    "drop_lora",
    "effective_weights",
    "free_memory",
    "freeze",
    "layers_above",
    "lexical_weights",
    "line_between",
    "load",
    "merge_lora",
    "pick_device",
    "pick_precision",
    "put_weights",
    "refuse_coefficient",
    "resolve",
    "save",
    "stored_weights",
    "token_vectors",
    "train_adapters_only",
    "unfreeze",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'faqtune.model' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"faqtune.model.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
