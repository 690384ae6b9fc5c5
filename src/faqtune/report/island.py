"""The data that the page's script shows: points of the slider, texts beside it, texts of the map."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from faqtune.evaluate.wording import Language
from faqtune.report.limits import MOST_CHARACTERS
from faqtune.report.maps import KINDS, kind_name, map_texts
from faqtune.report.operating import MOST_LISTED, TILES, WORDS, kinds
from faqtune.report.svg import printable
from faqtune.report.words import PAGE

MAP_CHARACTERS = 50
LANGUAGES: tuple[Language, ...] = ("zh", "en")
SAID = ("nothing", "found", "expected")


def island(details: Mapping[str, Any] | None) -> Markup:
    """JSON that can stand within a script element; nothing in it can end that, or be taken for markup."""
    operating = (details or {}).get("operating") or [{}, {}]
    points = operating[-1]
    shares = points.get("shares") or {}
    data = {
        "listed": MOST_LISTED,
        "thresholds": points.get("thresholds_cosine") or [],
        "shares": {name: shares[name] for name in TILES if name in shares},
        "texts": [_text(found) for found in points.get("texts") or []],
        "map": {kind: [_clipped(t, MAP_CHARACTERS) for t in texts] for kind, texts in map_texts(details).items()},
        "words": {language: _words(language) for language in LANGUAGES},
    }
    said = printable(json.dumps(data, ensure_ascii=False, separators=(",", ":")))
    return Markup(said.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _text(found: Mapping[str, Any]) -> list[Any]:
    """Text, kind, score, entry that it is answered with, and the right one where that is another."""
    expected = found["expected"] if found["kind"] == "wrong" else ""
    clipped = (_clipped(found[name], MOST_CHARACTERS) for name in ("text", "found"))
    text, entry = clipped
    return [text, found["kind"], found["score"], entry, _clipped(expected, MOST_CHARACTERS)]


def _words(language: Language) -> dict[str, Any]:
    said = {name: WORDS[language][name] for name in SAID}
    page = {name: PAGE[language][name] for name in ("filter", "filtered")}
    return {**said, **page, "kinds": kinds(language), "map": {kind: kind_name(kind, language) for kind in KINDS}}


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
