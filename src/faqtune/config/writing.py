"""Write single values into a `faqtune.toml` that people have laid out."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from faqtune.config.schema import CONFIG_NAME
from faqtune.errors import UserError


def toml_value(value: Any) -> str:
    """A text, number, truth value or list of them as TOML. A JSON string is a TOML string, but for one character.

    >>> toml_value(["发货", "a\x7f"])
    '["发货", "a\\\\u007f"]'
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def with_value(text: str, section: str, key: str, value: str | float) -> str:
    """The text of a `faqtune.toml` with one more value in it, everything else as the user has it.

    It takes the place of the comment that shows the default, else the top of its table. Raises UserError
    where the text is laid out in a way that has no such place.
    """
    line = f"{key} = {toml_value(value)}"
    lines = text.splitlines()
    heads = [number for number, head in enumerate(lines) if head.strip().startswith("[")]
    start = next((head for head in heads if re.match(rf"\s*\[{section}\]", lines[head])), None)
    if start is None:
        lines += ["", f"[{section}]", line]
    else:
        end = next((head for head in heads if head > start), len(lines))
        shown = [at for at in range(start + 1, end) if re.match(rf"#\s*{key}\s*=", lines[at])]
        lines[slice(shown[0], shown[0] + 1) if shown else slice(start + 1, start + 1)] = [line]
    made = "\n".join(lines) + "\n"
    wanted = tomllib.loads(text)
    wanted.setdefault(section, {})[key] = value
    if not _says(made, wanted):
        raise UserError(f"{CONFIG_NAME} has no place for {section}.{key}", f"write {line} under [{section}] there")
    return made


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False
