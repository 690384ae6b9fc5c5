"""Items to messages: data between marks that no customer can guess, entries in another order under other ids each time.

Order, ids and mark follow from a secret of the project, the item's content and the number of the vote: the same
question is the same request after a restart (and need not be paid again), and no customer can foresee it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from faqtune.label.llm.answer import NONE, judge_schema
from faqtune.label.llm.mask import Masker
from faqtune.label.llm.question import Candidate, Item, Line
from faqtune.label.llm.wording import JUDGE, JUDGE_ASK, PROMPT_VERSION, WORDS

LONGEST_TEXT, LONGEST_ANSWER, LONGEST_QUESTION = 600, 300, 120
MOST_QUESTIONS = 4
ID_ALPHABET = "bcdfghjkmnpqrtvwxyz"
"""Letters that make no words. No digits: nothing that looks like a number to the mask."""
ID_LENGTH = 4
MARK = "»"


@dataclass(frozen=True)
class Prompt:
    """A request's messages and schema. `ids`: id of each offered entry. `images` are addresses or data URLs."""

    messages: list[dict[str, str]]
    schema: dict[str, Any]
    ids: dict[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ()

    def sent(self) -> list[dict[str, Any]]:
        """Messages as the API has them, pictures with the last one."""
        if not self.images:
            return [dict(message) for message in self.messages]
        *before, last = self.messages
        parts: list[dict[str, Any]] = [{"type": "text", "text": last["content"]}]
        parts += [{"type": "image_url", "image_url": {"url": image}} for image in self.images]
        return [*before, {"role": last["role"], "content": parts}]

    def key(self, model: str, settings: str, vote: int) -> str:
        """What an answer is kept under: everything that it depends on."""
        content = json.dumps([PROMPT_VERSION, model, settings, vote, self.schema, self.sent()], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def seeded(secret: bytes, vote: int, *content: str) -> random.Random:
    """Chance that follows from a secret and a content, and from nothing a customer knows."""
    text = "\x1f".join([str(vote), *content]).encode("utf-8", "surrogatepass")
    return random.Random(hmac.new(secret, text, hashlib.sha256).digest())


def nonce_of(chance: random.Random) -> str:
    return "".join(chance.choices(ID_ALPHABET, k=12))


def judge_prompt(
    item: Item, vote: int, secret: bytes, language: str, *, masked: bool, images: Sequence[str] = ()
) -> Prompt:
    """The question which of an item's entries its marked turns belong to, as vote number `vote` puts it."""
    chance = seeded(secret, vote, json.dumps(asdict(item), ensure_ascii=False))
    candidates = list(item.candidates)
    chance.shuffle(candidates)
    clean = cleaner_of(language, masked)
    lines = [_line(line, clean, language) for line in item.lines]
    ids = _ids(chance, candidates, " ".join(lines))
    nonce = nonce_of(chance)
    words = WORDS[language]
    entries = [_entry(name, candidate, clean, language) for name, candidate in zip(ids, candidates, strict=True)]
    user = "\n".join(
        [
            block(nonce, words["conversation"], lines, words["end"]),
            block(nonce, words["entries"], entries, words["end"]),
            JUDGE_ASK[language].format(ids=", ".join(ids)),
        ]
    )
    system = JUDGE[language].format(nonce=nonce)
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return Prompt(messages, judge_schema(list(ids)), ids, tuple(images))


def block(nonce: str, title: str, lines: Sequence[str], end: str) -> str:
    """Data between two lines with the mark."""
    return "\n".join([f"--- {nonce} {title}", *lines, f"--- {nonce} {end}"])


class cleaner_of:  # noqa: N801 - used as a function
    """Texts of one prompt made safe to stand in a line of it: one line, no mark, not too long, masked."""

    def __init__(self, language: str, masked: bool) -> None:
        self.mask = Masker(language) if masked else None

    def __call__(self, text: str, longest: int = LONGEST_TEXT) -> str:
        # Masked before it is cut: half a number is a number that nothing finds.
        text = self.mask(text) if self.mask else text
        if not text.isprintable():
            text = "".join(c if c.isprintable() else " " for c in text)
        line = " ".join(text.replace(MARK, ">").split())
        line = line.encode("utf-8", "replace").decode()
        return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _line(line: Line, clean: cleaner_of, language: str) -> str:
    return f"{MARK if line.marked else ' '} {WORDS[language][line.speaker]}: {clean(line.text)}"


def _entry(name: str, candidate: Candidate, clean: cleaner_of, language: str) -> str:
    return f"{name} {entry_text(candidate, clean, language)}"


def entry_text(candidate: Candidate, clean: cleaner_of, language: str) -> str:
    words = WORDS[language]
    questions = " | ".join(clean(question, LONGEST_QUESTION) for question in candidate.questions[:MOST_QUESTIONS])
    return f"{words['questions']}: {questions} {words['answer']}: {clean(candidate.answer, LONGEST_ANSWER)}"


def _ids(chance: random.Random, candidates: Sequence[Candidate], conversation: str) -> dict[str, str]:
    """An id for each candidate, in their order; none of them stands in the conversation already."""
    ids: dict[str, str] = {}
    said = conversation.casefold()
    for candidate in candidates:
        name = NONE
        while name in ids or name in said or name == NONE:
            name = "".join(chance.choices(ID_ALPHABET, k=ID_LENGTH))
        ids[name] = candidate.entry
    return ids
