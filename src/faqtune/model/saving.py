"""Write a model as a sentence-transformers folder, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from faqtune.errors import UserError
from faqtune.model.card import BUILTIN_BASE, ModelCard, ModelFacts, read_base, read_licence, render
from faqtune.model.folders import atomic_folder
from faqtune.model.heads import write_heads
from faqtune.model.layout import transformer_folder, write_config, write_layout
from faqtune.model.quiet import quiet_transformers
from faqtune.model.source import ModelSource
from faqtune.model.text_model import TextModel

HEADS_NOTE = "faqtune_heads.json"

TOKENIZER_FILES = frozenset(
    {
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "sentencepiece.bpe.model",
        "spiece.model",
        "tokenizer.model",
    }
)
"""Copied as they are: to write them anew would tie them to the version of transformers here."""

WRITTEN_ANEW = frozenset(
    {
        "README.md",
        "config.json",
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        HEADS_NOTE,
    }
)

BASE_WEIGHTS = (".safetensors", ".bin", ".index.json", ".h5", ".msgpack", ".ot", ".onnx", ".gguf", ".ckpt")
"""Ends of file names that hold the base's weights: stale beside the tuned ones."""


WriteTokenizer = Callable[[Path, Path], None]
"""Puts the tokenizer's files of a folder (the first) into another one (the second)."""


def copy_tokenizer(source: Path, target: Path) -> None:
    """The files as they are."""
    for path in source.iterdir():
        if path.name in TOKENIZER_FILES:
            shutil.copyfile(path, target / path.name)


def save(model: TextModel, folder: Path, card: ModelCard, *, write_tokenizer: WriteTokenizer = copy_tokenizer) -> None:
    """Write `model` to `folder`; what was there is replaced at the very end, and untouched if anything fails.

    Attached heads that training has moved are written as `sparse_linear.pt` and `colbert_linear.pt`.
    The base's other files on its top level (these two of BGE-M3 among them, if they were not
    trained) are carried along and named in the card and in `faqtune_heads.json` as not trained
    again. Code and hidden files are left behind.

    Raises UserError when the disk is full, the place cannot be written, or the files of the base
    have gone.
    """
    base = model.source.folder
    if not (transformer := transformer_folder(base)).is_dir():
        raise UserError(f"{base}, which the tokenizer is copied from, has gone", "put it back and save again")
    with atomic_folder(folder, replace=True) as part:
        with quiet_transformers():
            model.backbone.save_pretrained(part)
        write_tokenizer(transformer, part)
        trained, random = write_heads(model.heads, part)
        carried = sorted(path.name for path in base.iterdir() if _is_extra(path) and path.name not in trained)
        for name in carried:
            shutil.copyfile(base / name, part / name)
        if note := _heads_note(carried, trained, random):
            write_config(part / HEADS_NOTE, note)
        write_layout(part, model.layout, model.dimension)
        (part / "README.md").write_text(render(card, _facts(model, card, carried, trained, random)), encoding="utf-8")


def _is_extra(path: Path) -> bool:
    return (
        path.is_file()
        and not path.name.startswith(".")
        and not path.name.endswith((*BASE_WEIGHTS, ".py"))
        and path.name not in TOKENIZER_FILES | WRITTEN_ANEW
    )


def _heads_note(carried: Sequence[str], trained: Sequence[str], random: Sequence[str]) -> dict[str, object]:
    """What became of the base's other files, for programs; empty where there is nothing to say."""
    note: dict[str, object] = {}
    if carried:
        note["not_retrained"] = carried
        note["note"] = "from the base model, not trained again; they may not fit the tuned vectors"
    if trained:
        note["trained"] = trained
    if random:
        note["random"] = random
    return note


def _facts(
    model: TextModel, card: ModelCard, carried: Sequence[str], trained: Sequence[str], random: Sequence[str]
) -> ModelFacts:
    return ModelFacts(
        base=card.base or base_name(model.source),
        base_on_hub=_base_on_hub(model.source, card),
        licence=read_licence(model.source.folder / "README.md"),
        dimension=model.dimension,
        pooling=model.pooling,
        prompt=model.prompt,
        max_length_tokens=model.max_length_tokens,
        not_retrained=carried,
        retrained=trained,
        random=random,
    )


def _base_on_hub(source: ModelSource, card: ModelCard) -> str:
    """What is merged or trimmed is not trained again: its base is that of the folder it came from."""
    if source.kind == "folder":
        return "" if card.made == "tuned" else read_base(source.folder / "README.md")
    return BUILTIN_BASE if source.kind == "builtin" else source.name


def base_name(source: ModelSource) -> str:
    """A folder goes by its last part: a card is given away, and paths are nobody's business."""
    if source.kind == "builtin":
        return BUILTIN_BASE
    return source.folder.name if source.kind == "folder" else source.name
