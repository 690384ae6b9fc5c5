"""Texts that a language model writes to train on: other words for an entry, and near questions that nobody answers.

The writer sees the catalogue only, never what a customer typed: what it writes cannot be a memory of a test.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from faqtune.label.llm.answer import texts_schema
from faqtune.label.llm.mask import find_personal
from faqtune.label.llm.prompt import Prompt, block, cleaner_of, entry_text, nonce_of, seeded
from faqtune.label.llm.question import Candidate
from faqtune.label.llm.wording import NEAR_NOISE, PARAPHRASE, WORDS
from faqtune.records import letters

Kind = Literal["paraphrase", "near_noise"]
TEMPLATES = {"paraphrase": PARAPHRASE, "near_noise": NEAR_NOISE}

LONGEST = {"zh": 40, "en": 120}
SHORTEST = {"zh": 3, "en": 6}
TOKENS_PER_TEXT = 40
_PLACEHOLDER = re.compile(r"\[[^\]]{1,12}\d\]|[{}<>]|---")


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A text that no customer typed. `entry` is what a paraphrase asks; near noise has none, and is `near` one.

    `confidence` is that of the check by the same model; `by` is "llm:<model>". For training only.
    """

    text: str
    kind: Kind
    entry: str | None
    near: str
    confidence: float
    by: str


def write_prompt(
    kind: Kind,
    entry: Candidate,
    near: Sequence[Candidate],
    count: int,
    secret: bytes,
    language: str,
    *,
    masked: bool,
) -> Prompt:
    """Ask for `count` texts of a kind for an entry, to be told apart from the entries `near` it."""
    chance = seeded(secret, 0, kind, str(count), repr(entry), repr(near))
    nonce, words, clean = nonce_of(chance), WORDS[language], cleaner_of(language, masked)
    shown = [entry_text(entry, clean, language)]
    others = [entry_text(one, clean, language) for one in near]
    system = TEMPLATES[kind][language].format(count=count, longest=LONGEST[language], nonce=nonce)
    user = "\n".join(
        [block(nonce, words["entry"], shown, words["end"]), block(nonce, words["near"], others, words["end"])]
    )
    return Prompt([{"role": "system", "content": system}, {"role": "user", "content": user}], texts_schema())


def usable(texts: Iterable[str], taken: set[str], language: str, most: int, left_out: Counter[str]) -> list[str]:
    """The texts that are worth a check, tidied; at most so many. `taken` are the `letters` of texts that
    are there already, and grows by what is taken; `left_out` counts the others by reason."""
    kept: list[str] = []
    for text in texts:
        tidy = " ".join("".join(c if c.isprintable() else " " for c in text).split()).strip("\"'“”「」- ")
        why = "more than asked for" if len(kept) >= most else _why_not(tidy, taken, language)
        if why:
            left_out[why] += 1
            continue
        taken.add(letters(tidy))
        kept.append(tidy)
    return kept


def _why_not(text: str, taken: set[str], language: str) -> str:
    form = letters(text)
    if not SHORTEST[language] <= len(text) <= LONGEST[language] or not form:
        return "too short or too long"
    if form in taken:
        return "there already"
    if not is_in(text, language):
        return "in another language"
    if _PLACEHOLDER.search(text) or find_personal(text):
        return "a placeholder or a personal number"
    return ""


def is_in(text: str, language: str) -> bool:
    """Whether a text is in Chinese (a third of its letters are wide), or else in another script.

    >>> is_in("iPhone能开发票吗", "zh"), is_in("can I get an invoice", "zh"), is_in("can I get it", "en")
    (True, False, True)
    """
    found = [character for character in text if character.isalpha()]
    wide = sum(unicodedata.east_asian_width(letter) == "W" for letter in found)
    return bool(found) and ((3 * wide >= len(found)) == (language == "zh"))
