"""The models: find one (built in, in a folder, on the hub), load it as a `TextModel` that turns texts into
unit vectors, freeze parts of it, save it as a sentence-transformers folder, and say whether this machine
can train it. A torch room: importing it takes seconds."""

from faqtune.model.card import ModelCard
from faqtune.model.device import (
    EXACT,
    FLOAT16_WARNING,
    Precision,
    autocast,
    free_memory,
    is_out_of_memory,
    pick_device,
    pick_precision,
)
from faqtune.model.doctor import Check, diagnose
from faqtune.model.freeze import ParameterCounts, count_parameters, freeze, layers_above, unfreeze
from faqtune.model.heads import HEADS, TokenHeads
from faqtune.model.load import load
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
from faqtune.model.save import base_name, save
from faqtune.model.source import ModelSource, resolve
from faqtune.model.text_model import TextModel
from faqtune.model.tokens import attach_heads, lexical_weights, token_vectors

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
    "is_out_of_memory",
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
