"""What the older workflow trains on, as pairs and as batches: the same labelled pairs on both sides.

A catalogue of 500 entries with one standard question each. Every query comes with its positive, 100
negatives and one noise sentence: 102 labelled pairs. Only lengths and the number of distinct texts
matter for the time of an encoder, but how far positives are apart decides how many pairs are hard. A
query is therefore half of its standard question and half of another sentence, with typing errors: the
built-in model ranks 66 % of them first, and 56 % of a real shop's customers' queries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faqtune.train.batches import Batch

ENTRIES = 500
NEGATIVES = 100
PAIRS_PER_QUERY = NEGATIVES + 2
DISTURBED_SHARE = 0.1
"""Of a query's characters: doubled, deleted or swapped with the next."""


@dataclass(frozen=True, slots=True)
class Example:
    """A query with the numbers of its entry and its negatives, and its noise sentence."""

    query: str
    positive: int
    negatives: NDArray[np.int64]
    noise: str


@dataclass(frozen=True, slots=True)
class Workload:
    """Standard questions, and sentences that belong to none."""

    catalogue: tuple[str, ...]
    noise: tuple[str, ...]

    def examples(self, count: int, seed: int) -> list[Example]:
        """`count` queries over all entries in turn, each text new."""
        rng = np.random.default_rng(seed)
        entries = np.concatenate([rng.permutation(len(self.catalogue)) for _ in range(-(-count // ENTRIES))])
        return [self._example(int(entry), rng) for entry in entries[:count]]

    def _example(self, entry: int, rng: np.random.Generator) -> Example:
        others = rng.choice(len(self.catalogue) - 1, size=NEGATIVES, replace=False)
        noise, other = (self.noise[int(number)] for number in rng.integers(len(self.noise), size=2))
        question = self.catalogue[entry]
        query = disturbed(question[: len(question) // 2] + other[len(other) // 2 :], rng)
        return Example(query, entry, others + (others >= entry), noise)

    def pairs(self, examples: Sequence[Example]) -> Iterator[tuple[str, str, float]]:
        """The exploded form, as the older workflow stores it."""
        for example in examples:
            yield example.query, self.catalogue[example.positive], 1.0
            for number in example.negatives.tolist():
                yield example.query, self.catalogue[number], 0.0
            yield example.query, example.noise, 0.0

    def batch(self, examples: Sequence[Example]) -> Batch:
        """The same pairs on one score matrix: 1, 0, and NaN for what is no pair."""
        columns = [*self.catalogue, *dict.fromkeys(example.noise for example in examples)]
        place_of = {text: place for place, text in enumerate(columns)}
        labels = np.full((len(examples), len(columns)), np.nan, dtype=np.float32)
        is_used = np.arange(len(columns)) >= len(self.catalogue)
        for row, example in zip(labels, examples, strict=True):
            row[example.negatives] = 0
            row[place_of[example.noise]] = 0
            row[example.positive] = 1
            is_used[example.negatives] = is_used[example.positive] = True
        used = np.flatnonzero(is_used)
        if len(used) < len(columns):
            labels, columns = labels.take(used, axis=1), [columns[number] for number in used]
        texts = {text: place for place, text in enumerate(dict.fromkeys([*(e.query for e in examples), *columns]))}
        return Batch(
            texts=tuple(texts),
            queries=np.array([texts[example.query] for example in examples]),
            columns=np.array([texts[text] for text in columns]),
            noise=np.array([], dtype=np.int64),
            labels=labels,
            weights=np.ones(len(examples), dtype=np.float32),
            is_question=used < len(self.catalogue),
            is_answered=np.zeros(len(examples), dtype=np.bool_),
        )


def load_workload(data: Path) -> Workload:
    """From the questions of `data`/parsed_data.json: 500 are the catalogue, the others the noise."""
    entries = json.loads((data / "parsed_data.json").read_text(encoding="utf-8"))
    problems = [entry["problems"] for entry in entries]
    texts = sorted({text for found in problems for text in ([found] if isinstance(found, str) else found)})
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = [texts[place] for place in order]
    return Workload(tuple(shuffled[:ENTRIES]), tuple(shuffled[ENTRIES:]))


def disturbed(text: str, rng: np.random.Generator) -> str:
    """The text with some of its characters doubled, deleted or swapped with the next, one at least."""
    characters = list(text)
    for place in rng.choice(len(characters), size=max(1, round(DISTURBED_SHARE * len(text))), replace=False):
        match int(rng.integers(3)):
            case 0:
                characters[place] *= 2
            case 1:
                characters[place] = ""
            case _:
                after = (place + 1) % len(characters)
                characters[place], characters[after] = characters[after], characters[place]
    return "".join(characters) or text
