"""Garbage and very short texts, made by rule: what people's logs hold little of and nobody labels.

A customer's cat on the keyboard, a lone 嗯, a row of dots, an order number without a word. They measure how a model
takes texts that ask nothing; they are a stratum of their own and no part of figures over all noise, for nobody knows
how often such texts come. Chatter that happens to be short stays chatter.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

from faqtune.evaluate.examples import EvaluationSet, Negative
from faqtune.records import normalise

GENERATED = 200

ENOUGH_WRITTEN = 20
"""With so many garbage texts that people wrote, none are made."""

SHORT: tuple[str, ...] = (
    *"嗯哦啊呃额诶哎喔呀哈好行是？1ak",
    *("嗯嗯", "哦哦", "啊啊啊", "额额额", "...", "11", "666", "ok", "hm", "uh", "eh", "mmm"),
)
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qazwsxedc", "1234567890")
MARKS = "。，！？、…~@#%&*^=+-_/|.,!?;:"
FACES = "😀😂🙃😭😡👍🙏🌹🎉❤🐶☕"
HANZI = (0x4E00, 0x9FA5)


def garbage(count: int = GENERATED, seed: int = 0) -> list[str]:
    """`count` distinct texts, the same for the same seed: short ones and six kinds of junk in turn.

    >>> garbage(3) == garbage(3), len(set(garbage(300)))
    (True, 300)
    """
    chance = random.Random(seed)
    kinds: tuple[Callable[[random.Random], str], ...] = (_short, _keys, _marks, _digits, _faces, _hanzi, _repeated)
    made: dict[str, None] = {}
    turn = 0
    while len(made) < count:
        made.setdefault(kinds[turn % len(kinds)](chance))
        turn += 1
    return list(made)


def with_garbage(data: EvaluationSet, seed: int = 0) -> EvaluationSet:
    """`data` with generated garbage, unless it holds enough that people wrote. None of it is a text of `data`."""
    if len(data.noise_rows.get("garbage", ())) >= ENOUGH_WRITTEN:
        return data
    known = _normalised(
        [*(p.text for p in data.positives), *(n.text for n in data.negatives), *data.catalogue.questions]
    )
    made = [text for text in garbage(seed=seed) if normalise(text) not in known]
    return replace(data, negatives=(*data.negatives, *(Negative(text, "garbage", generated=True) for text in made)))


def _normalised(texts: Iterable[str]) -> set[str]:
    return {normalise(text) for text in texts}


def _short(chance: random.Random) -> str:
    return chance.choice(SHORT)


def _keys(chance: random.Random) -> str:
    """Neighbouring keys, as hit by accident."""
    row = chance.choice(ROWS)
    start, length = chance.randrange(len(row) - 2), chance.randint(3, 9)
    return "".join(row[(start + step) % len(row)] for step in range(length))


def _marks(chance: random.Random) -> str:
    return "".join(chance.choices(MARKS, k=chance.randint(1, 6)))


def _digits(chance: random.Random) -> str:
    return "".join(chance.choices("0123456789", k=chance.randint(2, 18)))


def _faces(chance: random.Random) -> str:
    return "".join(chance.choices(FACES, k=chance.randint(1, 4)))


def _hanzi(chance: random.Random) -> str:
    """Any characters, which make no word together."""
    return "".join(chr(chance.randint(*HANZI)) for _ in range(chance.randint(2, 8)))


def _repeated(chance: random.Random) -> str:
    one: str = chance.choice("啊哈的是我a1.6x")
    return one * chance.randint(3, 15)
