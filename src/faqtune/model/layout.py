"""How sentence-transformers lays out a model folder: what of it we read, and how we write it.

A folder that does not say how it pools is loaded only by a known convention or by the user's
word, never by a default: mean pooling on a model trained for CLS gives plausible nonsense.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from faqtune.errors import UserError

Pooling = Literal["cls", "mean"]

T = TypeVar("T", list[Any], dict[str, Any])

MODULES = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
"""Kinds and subfolders, in the order of the data."""

LEGACY_POOLING_KEYS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""How sentence-transformers before 5.4 wrote `pooling_mode`; every version reads it."""

VERSIONS = {"sentence_transformers": "sentence-transformers", "transformers": "transformers", "pytorch": "torch"}
"""What `config_sentence_transformers.json` calls the packages it was written with."""

CONVENTIONS: dict[str, Pooling] = {"bge": "cls", "e5": "mean"}
"""How all encoders of a family pool, by their model pages."""

E5_PROMPT = "query: "
"""What e5 wants before both sides of a symmetric match, by its model page."""

OFFICIAL_E5 = re.compile(r"(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?")
"""The models which that page speaks of. They do not record their prompt; their tuned offspring may go without."""

OTHER_MODEL = "choose an encoder with CLS or mean pooling, such as BAAI/bge-m3"

NO_LIMIT = 10**9
"""Tokens of a text, from which on it is no limit."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What turns texts into tokens, and the vectors of a text's tokens into one vector.

    `prompt` is put before every text; `max_length_tokens` counts special tokens, None: the
    transformer's own limit; `lower_case` folds the case before the tokenizer does anything.
    """

    pooling: Pooling
    prompt: str = ""
    max_length_tokens: int | None = None
    lower_case: bool = False


def read_layout(folder: Path, name: str, pooling: Pooling | None = None) -> Layout:
    """The layout of a model folder. `name` is what the user calls it; `pooling` overrides what the folder says.

    Raises UserError where the folder has a module or a pooling that we do not support, or where
    it does not say how to pool and no convention is known.
    """
    if pooling is not None and pooling not in get_args(Pooling):
        raise UserError(f"pooling {pooling!r} is not supported", "pass cls or mean")
    transformer = read_config(transformer_folder(folder) / "sentence_bert_config.json", {})
    return Layout(
        _pooling(folder, name, pooling),
        _prompt(folder, name),
        _length(folder, transformer),
        bool(transformer.get("do_lower_case")),
    )


def write_layout(folder: Path, layout: Layout, dimension: int) -> None:
    """Write what makes a folder with a transformer and a tokenizer a sentence-transformers one.

    The module names and pooling keys are the old ones, which every version reads. The prompt
    stands under `query` and `document` and as the default: whichever way of encoding a user of
    sentence-transformers takes, the vectors are those that were trained.
    """
    types = [(f"sentence_transformers.models.{kind}", path) for kind, path in MODULES]
    write_config(
        folder / "modules.json",
        [{"idx": i, "name": str(i), "path": path, "type": kind} for i, (kind, path) in enumerate(types)],
    )
    write_config(
        folder / "sentence_bert_config.json",
        {"max_seq_length": layout.max_length_tokens, "do_lower_case": layout.lower_case},
    )
    write_config(
        folder / "config_sentence_transformers.json",
        {
            "__version__": {key: metadata.version(package) for key, package in VERSIONS.items()},
            "prompts": {"query": layout.prompt, "document": layout.prompt},
            "default_prompt_name": "query",
            "similarity_fn_name": "cosine",
        },
    )
    modes = {key: mode == layout.pooling for key, mode in LEGACY_POOLING_KEYS.items()}
    for _, path in MODULES[1:]:
        (folder / path).mkdir()
    write_config(
        folder / "1_Pooling" / "config.json", {"word_embedding_dimension": dimension, **modes, "include_prompt": True}
    )


def transformer_folder(folder: Path) -> Path:
    """Where the transformer and its tokenizer lie in a model folder; before sentence-transformers 2, in a subfolder."""
    return folder / _places(folder).get("Transformer", "")


def read_config(path: Path, default: T) -> T:
    """A JSON file of the same kind (object or list) as `default`, which stands for a missing file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error})", "get the model folder anew") from error
    if not isinstance(data, type(default)):
        raise UserError(f"{path}: expected a JSON {type(default).__name__}", "get the model folder anew")
    return data


def write_config(path: Path, data: list[Any] | dict[str, Any]) -> None:
    """Plain write: it is the folder around it that is atomic."""
    path.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _length(folder: Path, transformer: dict[str, Any]) -> int | None:
    """Most tokens of a text: earlier versions of sentence-transformers wrote it beside the transformer, version 6
    leaves it with the tokenizer. Tokenizers without a limit say a number of thirty digits."""
    length = transformer.get("max_seq_length")
    if length is None:
        length = read_config(transformer_folder(folder) / "tokenizer_config.json", {}).get("model_max_length")
    return length if isinstance(length, int) and 0 < length < NO_LIMIT else None


def _pooling(folder: Path, name: str, override: Pooling | None) -> Pooling:
    places = _places(folder)
    if unknown := sorted(places.keys() - dict(MODULES).keys()):
        raise UserError(
            f"{name}: its module {unknown[0]} is not supported (only {_listed(dict(MODULES))})", OTHER_MODEL
        )
    if override is not None:
        return override
    config = read_config(folder / places.get("Pooling", "1_Pooling") / "config.json", {})
    if not config:
        return _conventional_pooling(folder, name)
    modes = list(_modes(config))
    if config.get("include_prompt") is False:
        modes.append("prompt left out")
    for pooling in get_args(Pooling):
        if modes == [pooling]:
            return pooling  # type: ignore[no-any-return]
    raise UserError(f"{name}: its pooling ({_listed(modes)}) is not supported (only cls or mean)", OTHER_MODEL)


def _places(folder: Path) -> dict[str, str]:
    """Kind of each module to its subfolder; empty where there is no `modules.json`."""
    modules = read_config(folder / "modules.json", [])
    return {
        str(module.get("type")).rsplit(".", 1)[-1]: str(module.get("path", ""))
        for module in modules
        if isinstance(module, dict)
    }


def _modes(config: dict[str, Any]) -> Iterator[str]:
    """The pooling modes of a `1_Pooling/config.json`, of any version of sentence-transformers."""
    mode = config.get("pooling_mode")
    if mode is None:
        yield from (mode for key, mode in LEGACY_POOLING_KEYS.items() if config.get(key))
    else:
        yield from [mode] if isinstance(mode, str) else mode


def _conventional_pooling(folder: Path, name: str) -> Pooling:
    family = _family(folder, name)
    if family is None:
        raise UserError(
            f"{name}: it does not say how the vectors of its tokens become one (there is no 1_Pooling/config.json)",
            "get the whole folder, or set model.pooling in faqtune.toml to cls or mean, as the model's page says",
        )
    return CONVENTIONS[family]


def _prompt(folder: Path, name: str) -> str:
    config = read_config(folder / "config_sentence_transformers.json", {})
    prompts, default = config.get("prompts"), config.get("default_prompt_name")
    if default is not None and isinstance(prompts, dict):
        return str(prompts.get(default) or "")
    return E5_PROMPT if OFFICIAL_E5.fullmatch(Path(name).name) else ""


def _family(folder: Path, name: str) -> str | None:
    """`bge` or `e5` for the plain encoders of these families, told by name; their rerankers and LLMs are others."""
    config = read_config(transformer_folder(folder) / "config.json", {})
    if not {"BertModel", "XLMRobertaModel"}.intersection(config.get("architectures") or ()):
        return None
    for place in (name, folder.name, str(config.get("_name_or_path", ""))):
        # The last part only: what stands before it is a folder or an owner.
        if match := re.search(r"(?:^|[-_])(bge|e5)[-_]", Path(place).name.lower()):
            return match[1]
    return None


def _listed(names: dict[str, str] | list[str]) -> str:
    return ", ".join(names) or "none"
