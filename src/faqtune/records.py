"""The nouns of faqtune as plain, frozen records. No logic that needs a library.

The data's way: Catalogue, Conversation and Noise come in; Claims say which entry a
Query belongs to; Pairs are decided from Claims; a Split says what may be trained on.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

SCHEMA = 1
"""Version of the JSONL forms written by `faqtune.workspace`."""

PARTS = ("train", "selection", "calibration", "test")
"""What a query, an entry or a noise source may be used for; each belongs to one part only."""

TRAIN, SELECTION, CALIBRATION, TEST = PARTS

SLIP_CHARACTERS = 4
"""In shorter texts another character is another question."""
COMPARED_CHARACTERS = 200
"""Longer texts are looked at for slips so far: whatever begins alike for so long says nearly the same."""

HUMAN = "human:"
"""Every `by` that names a person begins with it: "human:gold", "human:王敏"."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One standard answer with the standard question(s) that lead to it.

    `source` says where it came from ("base2.xlsx, sheet 常见问题, row 14").
    """

    id: str
    questions: tuple[str, ...]
    answer: str
    category: str = ""
    source: str = ""


@dataclass(frozen=True)
class Catalogue:
    """All entries, in the order of the spreadsheet.

    >>> c = Catalogue((Entry("a", ("何时发货", "几天发货"), "48小时"), Entry("b", ("能退吗",), "能")))
    >>> c.questions, c.owners
    (('何时发货', '几天发货', '能退吗'), (0, 0, 1))
    """

    entries: tuple[Entry, ...]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    @cached_property
    def questions(self) -> tuple[str, ...]:
        """Every standard question, entry by entry; `owners` is aligned with it."""
        return tuple(q for entry in self.entries for q in entry.questions)

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """Row of the entry that each of `questions` belongs to; ascending."""
        return tuple(row for row, entry in enumerate(self.entries) for _ in entry.questions)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Entry id to row."""
        return {entry.id: row for row, entry in enumerate(self.entries)}

    def without(self, ids: Iterable[str]) -> Catalogue:
        """The same catalogue with the named entries left out."""
        gone = frozenset(ids)
        return Catalogue(tuple(e for e in self.entries if e.id not in gone))


@dataclass(frozen=True, slots=True)
class Turn:
    """What the customer typed and what the agent answered; either may be empty, not both.

    `images`: addresses or file names of the customer's pictures, as the logs have them.
    """

    customer: str
    agent: str
    time: str = ""
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """One session of the chat system, its turns in order."""

    id: str
    turns: tuple[Turn, ...]
    source: str = ""


@dataclass(frozen=True, slots=True)
class Noise:
    """A sentence that no entry answers. `source` groups sentences that must not be torn apart by a split.

    `stratum` is what kind of noise it is, as in `faqtune.scorecard.STRATA`.
    """

    text: str
    source: str = ""
    stratum: str = "chatter"


@dataclass(frozen=True, slots=True)
class Query:
    """What a customer asked: the text of one or more turns of a conversation, joined.

    `reply` is the agent's text that followed the last of `turns`.
    """

    id: str
    text: str
    conversation: str
    turns: tuple[int, ...]
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Someone says that a query belongs to an entry, or to none (`entry` is None).

    `by` is "reply_rules", "llm:<model>" or "human:<name>"; `confidence` is in 0 to 1;
    `reason` names why there is no entry (chitchat, unclear, unsupported, several).
    `act` is the id of one decision, made by the client that made it: a query that asks for several
    entries gets one Claim for each, with the same act and the reason "several". Abstaining makes no Claim.
    """

    query: str
    entry: str | None
    by: str
    confidence: float
    why: str = ""
    when: str = ""
    reason: str = ""
    act: str = ""

    @property
    def is_human(self) -> bool:
        return self.by.startswith(HUMAN)


@dataclass(frozen=True, slots=True)
class Pair:
    """A training example: `text` belongs (label 1) or does not belong (label 0) to `partner`.

    `entry` is the entry of the partner ("" for a noise sentence); `group` is what must not
    be torn apart by a split (a conversation id); `claims` names the sources behind the label.
    """

    text: str
    partner: str
    label: float
    weight: float = 1.0
    entry: str = ""
    group: str = ""
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnPair:
    """A text and an entry that it asks for, from a file of labelled pairs that the user brought along.

    It is trained on and never measured. `by_people`: a person said so, otherwise a program; `source` is its place.
    """

    text: str
    entry: str
    by_people: bool
    source: str


@dataclass(frozen=True)
class Split:
    """Which part each conversation and noise source belongs to, and which entries are held out.

    `held_out` maps entries to the part for which they are removed from the catalogue: their
    queries are then questions of the own domain that nobody answers (near noise). No held-out
    entry is trained on.
    """

    seed: int
    conversations: dict[str, str] = field(default_factory=dict)
    noise: dict[str, str] = field(default_factory=dict)
    held_out: dict[str, str] = field(default_factory=dict)

    def part_of(self, conversation: str) -> str:
        """Part of a conversation. Raises KeyError if the split has never seen it."""
        return self.conversations[conversation]


def normalise(text: str) -> str:
    """Canonical form of a text for comparing: NFKC, case folded, white space collapsed. Idempotent.

    >>> normalise("  Ｈello　 World ")
    'hello world'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Folding can take composed letters apart again.
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def letters(text: str) -> str:
    """Letters and digits of a text, in its canonical form.

    >>> letters("几天 能到？！")
    '几天能到'
    """
    return "".join(filter(str.isalnum, normalise(text)))


def slips(text: str) -> Iterator[str]:
    """The beginning of a text, then, unless it is very short, what is left of that without any one character.

    Texts that have one of these in common differ by a character swapped, replaced, left out or doubled, or in one
    that each has and the other has not.

    >>> list(slips("几天能到")), list(slips("在吗"))
    (['几天能到', '天能到', '几能到', '几天到', '几天能'], ['在吗'])
    """
    text = text[:COMPARED_CHARACTERS]
    yield text
    if len(text) >= SLIP_CHARACTERS:
        yield from (text[:place] + text[place + 1 :] for place in range(len(text)))


def content_id(*parts: str, length: int = 10) -> str:
    """Short id that depends on content only, so that it survives re-ordering of the source.

    Any text will do, even half a surrogate pair.

    >>> content_id("何时发货") == content_id("何时发货"), len(content_id("a"))
    (True, 10)
    """
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:length]
