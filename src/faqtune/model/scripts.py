"""Which script a character belongs to, told by its Unicode name."""

from __future__ import annotations

import unicodedata

from faqtune.errors import UserError

SCRIPTS = {
    "han": ("CJK UNIFIED", "CJK COMPATIBILITY", "IDEOGRAPHIC"),
    "latin": ("LATIN",),
    "kana": ("HIRAGANA", "KATAKANA"),
    "bopomofo": ("BOPOMOFO",),
    "hangul": ("HANGUL",),
    "cyrillic": ("CYRILLIC",),
    "greek": ("GREEK",),
    "arabic": ("ARABIC",),
    "hebrew": ("HEBREW",),
    "thai": ("THAI",),
    "lao": ("LAO",),
    "khmer": ("KHMER",),
    "myanmar": ("MYANMAR",),
    "tibetan": ("TIBETAN",),
    "mongolian": ("MONGOLIAN",),
    "devanagari": ("DEVANAGARI",),
    "bengali": ("BENGALI",),
    "tamil": ("TAMIL",),
    "georgian": ("GEORGIAN",),
    "armenian": ("ARMENIAN",),
}
"""How the names of a script's characters begin."""

ON_OTHERS = ("COMBINING", "VARIATION SELECTOR", "ZERO WIDTH")
"""Marks that go with characters of any script, and with emoji."""


def parse_scripts(text: str) -> tuple[str, ...]:
    """Names out of a list with commas. Raises UserError for a script that is not known.

    >>> parse_scripts("Han, kana")
    ('han', 'kana')
    """
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.replace("，", ",").split(",") if part.strip()))
    check_scripts(names)
    return names


def check_scripts(names: tuple[str, ...]) -> None:
    """Raises UserError for a script that is not known."""
    for name in names:
        if name not in SCRIPTS:
            raise UserError(f"there is no script `{name}` to keep", f"choose from {', '.join(SCRIPTS)}")


def is_wanted(character: str, scripts: tuple[str, ...]) -> bool:
    """Whether a character is of one of the scripts, or of none: a digit, punctuation, a symbol, a mark.

    >>> [is_wanted(character, ("han",)) for character in "退a7，☕"]
    [True, False, True, True, True]
    """
    if unicodedata.category(character)[0] in "NPSZ":
        return True
    # Wide and narrow forms are of their letter's script.
    name = unicodedata.name(character, "").removeprefix("HALFWIDTH ").removeprefix("FULLWIDTH ")
    return name.startswith(ON_OTHERS) or any(name.startswith(SCRIPTS[script]) for script in scripts)
