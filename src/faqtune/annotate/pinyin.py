"""Match what is typed on a Latin keyboard with Chinese text: fahuo, fh, 发h and fhsj all find 发货时间."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

MOST_READINGS = 3
"""Of a character that is read in several ways (行: xing, hang, heng); rarer readings only find what nobody meant."""
LONGEST_SYLLABLE = 6
LONGEST = 63
"""Characters typed; more are no search by pinyin."""
PLACES = LONGEST + 1
"""A position times this, plus its distance from where the match began, is one number."""


class PinyinIndex:
    """Every character of many texts in one row, so that a search is a few passes over arrays.

    A text that is typed is cut into pieces, each the beginning of a character's reading or the character itself.
    All ways to cut are followed at once: after i typed letters, a set of places in the texts has been reached.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """`texts` are folded already (`faqtune.records.normalise`) and hold no white space."""
        number: dict[str, int] = {}
        # Nothing that is typed matches the end of a text.
        codes = [number.setdefault(c, len(number)) for text in texts for c in (*text, "")]
        self._codes = np.array(codes, dtype=np.int32)
        self._whole: dict[str, set[int]] = defaultdict(set)
        self._beginnings: dict[str, set[int]] = defaultdict(set)
        for character, code in number.items():
            self._whole[character].add(code)
            for reading in readings(character):
                self._whole[reading].add(code)
                for length in range(1, len(reading)):
                    self._beginnings[reading[:length]].add(code)
        self._characters = len(number)
        self._lengths = np.array([len(text) + 1 for text in texts], dtype=np.int64)
        self._row = np.repeat(np.arange(len(texts)), self._lengths)
        self._start = np.cumsum(self._lengths) - self._lengths

    def find(self, typed: str, *, whole_syllables: bool = False) -> list[int]:
        """Rows of texts that hold it: those that begin with it first, the shorter first.

        `whole_syllables`: only the last one may be cut short, and not to a single letter. Nothing for a text
        without a Latin letter, which is plain text to look for, nor for one of more than `LONGEST` characters.
        """
        if not any("a" <= c <= "z" for c in typed) or not len(self._codes) or len(typed) > LONGEST:
            return []
        # The places reached after so many typed letters. A place is a position and how far it is from its beginning.
        reached: list[list[NDArray[np.int64]]] = [[] for _ in range(len(typed) + 1)]
        reached[0] = [np.arange(len(self._codes)) * PLACES]
        for at in range(len(typed)):
            if not reached[at]:
                continue
            places = reached[at][0] if len(reached[at]) == 1 else np.unique(np.concatenate(reached[at]))
            codes = self._codes[places // PLACES] if at else self._codes
            for length in range(1, min(LONGEST_SYLLABLE, len(typed) - at) + 1):
                cut = not whole_syllables or (at + length == len(typed) and length > 1)
                fits = self._fits(typed[at : at + length], cut=cut)
                if fits is not None and len(chosen := places[fits[codes]]):
                    reached[at + length].append(chosen + PLACES + 1)
        if not reached[-1]:
            return []
        ended = np.unique(np.concatenate(reached[-1]))
        begun = ended // PLACES - ended % PLACES
        rows = self._row[begun]
        order = np.lexsort((self._lengths[rows], begun != self._start[rows]))
        return list(dict.fromkeys(rows[order].tolist()))

    def _fits(self, piece: str, *, cut: bool) -> NDArray[np.bool_] | None:
        """Per distinct character whether the piece stands for it; None if it does for none."""
        codes = self._whole.get(piece, set()) | (self._beginnings.get(piece, set()) if cut else set())
        if not codes:
            return None
        found = np.zeros(self._characters, dtype=bool)
        found[list(codes)] = True
        return found


@cache
def readings(character: str) -> tuple[str, ...]:
    """How a Chinese character is read, without tones, the commonest first; nothing for other characters.

    >>> readings("货"), readings("行"), readings("女"), readings("a")
    (('huo',), ('xing', 'hang', 'heng'), ('nv', 'nu', 'ru'), ())
    """
    from pypinyin import Style, pinyin  # half a second to import

    if not character or character.isascii():
        return ()
    found: dict[str, None] = {}
    for reading in pinyin(character, style=Style.NORMAL, heteronym=True)[0][:MOST_READINGS]:
        if reading != character and reading.isascii():
            found[reading] = None
            # ü is typed as v or as u.
            found[reading.replace("v", "u")] = None
    return tuple(found)
