"""Which tokens' embeddings moved most, by name where the model folder has a vocabulary that can be read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faqtune.compare.sums import finite
from faqtune.compare.weights import weights_file

SHOWN = 20


@dataclass(frozen=True, slots=True)
class MovedToken:
    """A row of the token embeddings. `token` is what the vocabulary calls it (`▁` is a blank in front), None if
    nothing does; `relative` is the length of the row's change by the row's length, None for a row of zeros."""

    row: int
    token: str | None
    relative: float | None


def moved_tokens(relative: NDArray[np.float64], folder: Path) -> tuple[MovedToken, ...]:
    """The rows that moved most, farthest first, equal ones by number; those that did not move are left out.

    `relative` float64 (vocabulary,).
    """
    order = np.argsort(-relative, kind="stable")[:SHOWN]
    rows = [int(row) for row in order if relative[row] > 0]
    names = token_names(folder, rows) if rows else {}
    return tuple(MovedToken(row, names.get(row), finite(float(relative[row]))) for row in rows)


def token_names(folder: Path, rows: list[int]) -> dict[int, str]:
    """Row to token, of the rows that have one.

    The vocabulary is read as plain JSON or text: the tokenizer itself would take 300 MB for 250,000 tokens.
    """
    place = weights_file(folder).parent
    try:
        if (path := place / "tokenizer.json").is_file():
            return _of_tokenizer(json.loads(path.read_text(encoding="utf-8")), set(rows))
        if (path := place / "vocab.txt").is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            return {row: lines[row] for row in rows if row < len(lines)}
    # A vocabulary in a form of its own costs the names, never the comparison.
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        pass
    return {}


def _of_tokenizer(tokenizer: dict[str, Any], rows: set[int]) -> dict[int, str]:
    vocabulary = tokenizer["model"]["vocab"]
    if isinstance(vocabulary, dict):
        names = {row: token for token, row in vocabulary.items() if row in rows}
    else:
        names = {row: str(vocabulary[row][0]) for row in rows if row < len(vocabulary)}
    return names | {added["id"]: added["content"] for added in tokenizer.get("added_tokens", []) if added["id"] in rows}
