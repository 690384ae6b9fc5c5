"""Find an entry in the whole catalogue: by meaning, by what stands in it, by pinyin and by initials."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from faqtune.annotate.pinyin import PinyinIndex
from faqtune.encoder import Encoder, Vectors
from faqtune.records import Catalogue, normalise

MEANING, SUBSTRING, PINYIN, INITIALS = HOWS = ("meaning", "substring", "pinyin", "initials")
RESERVED = 4
"""One of so many places is kept for what was found by meaning, however often the letters stand somewhere."""

Found = dict[int, tuple[int, str]]
"""Entry row to the row of the question that was found, and how."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry, the one of its questions that was found, its cosine with the text if a model is there, and how."""

    entry: str
    question: str
    similarity: float | None
    how: str


class Search:
    """An index of every question, made once; a search takes milliseconds, and the model's time for one text.

    `questions` (c, d) are the vectors of `Catalogue.questions`; without them or without `encoder`, letters only.
    """

    def __init__(self, catalogue: Catalogue, questions: Vectors | None = None, encoder: Encoder | None = None) -> None:
        self.catalogue = catalogue
        self._vectors, self._encoder = questions, encoder
        self._texts = [_squeezed(question) for question in catalogue.questions]
        self._answers = [_squeezed(entry.answer) for entry in catalogue]
        self._pinyin = PinyinIndex(self._texts)
        self._first = {owner: row for row, owner in reversed(list(enumerate(catalogue.owners)))}

    def find(self, text: str, top: int = 20) -> list[Hit]:
        """The best entries for what somebody typed, each once.

        What a question says comes first, then pinyin, initials, meaning, and what an answer says. Nothing for an
        empty text, or one of punctuation only.
        """
        wanted = _squeezed(text)
        if not wanted or not len(self.catalogue):
            return []
        scores = self._scores(text)
        meant = [] if scores is None else self._nearest(scores, top)
        found: Found = {}
        self._take(found, self._by_letters(wanted), top - min(len(meant), -(-top // RESERVED)))
        self._take(found, chain(((row, MEANING) for row in meant), self._in_answers(wanted)), top)
        return [
            Hit(self.catalogue.entries[entry].id, self.catalogue.questions[row], self._cosine(scores, entry), how)
            for entry, (row, how) in found.items()
        ]

    def _take(self, found: Found, rows: Iterable[tuple[int, str]], most: int) -> None:
        for row, how in rows:
            if len(found) >= most:
                return
            found.setdefault(self.catalogue.owners[row], (row, how))

    def _by_letters(self, wanted: str) -> Iterator[tuple[int, str]]:
        yield from ((row, SUBSTRING) for row in self._containing(wanted))
        yield from ((row, PINYIN) for row in self._pinyin.find(wanted, whole_syllables=True))
        yield from ((row, INITIALS) for row in self._pinyin.find(wanted))

    def _containing(self, wanted: str) -> list[int]:
        """Rows of questions with the text in them: those that begin with it first, the shorter first."""
        rows = [row for row, text in enumerate(self._texts) if wanted in text]
        return sorted(rows, key=lambda row: (not self._texts[row].startswith(wanted), len(self._texts[row])))

    def _in_answers(self, wanted: str) -> Iterator[tuple[int, str]]:
        return ((self._first[entry], SUBSTRING) for entry, text in enumerate(self._answers) if wanted in text)

    def _scores(self, text: str) -> NDArray[np.float32] | None:
        """float32 (c,): cosine of every question with the text."""
        if self._encoder is None or self._vectors is None:
            return None
        found: NDArray[np.float32] = self._vectors @ self._encoder.encode([text])[0]
        return found

    def _cosine(self, scores: NDArray[np.float32] | None, entry: int) -> float | None:
        if scores is None:
            return None
        first = self._first[entry]
        return float(scores[first : first + len(self.catalogue.entries[entry].questions)].max())

    def _nearest(self, scores: NDArray[np.float32], top: int) -> list[int]:
        """Rows of the questions nearest to the text; enough of them for `top` entries."""
        most = max(len(entry.questions) for entry in self.catalogue)
        return np.argsort(-scores, kind="stable")[: top * most].tolist()  # type: ignore[no-any-return]


def _squeezed(text: str) -> str:
    """As `normalise`, without any white space: nobody types blanks where the questions have them."""
    return "".join(normalise(text).split())
