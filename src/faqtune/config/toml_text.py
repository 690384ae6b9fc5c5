"""TOML as people save it: what keeps it from being read, in their words."""

from __future__ import annotations

import codecs
import re
import tomllib
from typing import Any

from faqtune.encodings import encoding_of
from faqtune.errors import UserError

_EDITORS_NAMES = {"gb18030": "GB18030, “ANSI” in Windows' editor", "big5": "Big5, “ANSI” in Windows' editor"}
_PLAIN = {
    mark: plain
    for plain, marks in {
        '"': "“”„‟＂「」",
        "'": "‘’‚＇",
        ",": "，、",
        "=": "＝",
        "[": "［【",
        "]": "］】",
        "#": "＃",
    }.items()
    for mark in marks
}
"""Marks that editors and Chinese keyboards put where TOML wants plain ones."""


def toml_of(content: bytes, place: str, otherwise: str) -> dict[str, Any]:
    """The tables of a TOML file called `place`, from its bytes.

    Raises UserError that names its encoding if that is not UTF-8, or the line and the mark that is not TOML's, with
    the step that mends it; for any other fault `otherwise` is that step.
    """
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        encoding = encoding_of([content])
        if not encoding.startswith("utf-8"):
            named = _EDITORS_NAMES.get(encoding, encoding)
            raise UserError(f"{place} is not in UTF-8 but in {named}", "save it as UTF-8, with an editor") from None
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{place}, line {line}: not in UTF-8", "write that line anew, and save it as UTF-8") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if wrong := _wrong_mark(text, str(error)):
            line, mark = wrong
            kind = "quotes must be straight" if _PLAIN[mark] in "\"'" else "marks must be plain ones"
            raise UserError(
                f"{place}, line {line}: {mark} is no mark of TOML, {kind}", f"write {_PLAIN[mark]} in its place"
            ) from None
        raise UserError(f"{place}: {error}", otherwise) from None


def _wrong_mark(text: str, said: str) -> tuple[int, str] | None:
    """Line, from 1, and the mark at which reading ended, if it is one of `_PLAIN`."""
    found = re.search(r"at line (\d+), column (\d+)", said)
    if not found:
        return None
    line, column = int(found[1]), int(found[2])
    mark = text.split("\n")[line - 1][column - 1 : column]
    return (line, mark) if mark in _PLAIN else None
