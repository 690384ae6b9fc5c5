"""Read `faqtune.toml`, and refuse keys of language models in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from faqtune.config.checking import validated
from faqtune.config.schema import Config, LlmConfig
from faqtune.config.toml_text import toml_of
from faqtune.errors import UserError


def load_config(path: Path) -> Config:
    """Read `faqtune.toml`. Raises UserError naming the key, the problem and the nearest valid key."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"there is no {path}", "run `faqtune init FILES…` in the project first") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "check what it is, and its permissions") from None
    data = toml_of(content, str(path), "mend it there, or write a new one with `faqtune init --force FILES…`")
    _refuse_keys(data.get("llm"), path.name)
    return validated(Config, data, path.name)


def _refuse_keys(llm: Any, place: str) -> None:
    """Raises UserError where [llm] holds a key, without showing it: the file is shared, kept and printed."""
    if not isinstance(llm, dict):
        return
    variable = llm.get("key_variable", "")
    named = _secret_names(llm)
    if isinstance(variable, str) and variable and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,60}", variable):
        named = ["key_variable"]
    if named:
        raise UserError(
            f"{place}: `llm.{named[0]}` holds a key, or what looks like one; this file is shared and kept, and "
            "no place for it",
            "remove it, take another key if the file has left your hands, and put it into the environment: "
            f"export {LlmConfig().key_variable}=…",
        )


def _secret_names(table: dict[str, Any], above: str = "") -> list[str]:
    found: list[str] = []
    for name, value in table.items():
        if isinstance(value, dict):
            found += _secret_names(value, f"{above}{name}.")
        elif re.search(r"api.?key|^key$|secret|password|authori[sz]ation|(?<!s)_token$|^token$", name, re.IGNORECASE):
            found.append(f"{above}{name}")
    return found
