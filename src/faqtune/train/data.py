"""What a stage may learn from: only what the split gave to training."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faqtune.digests import digest
from faqtune.records import Catalogue, normalise

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Example:
    """A customer's query and the row of its entry. `weight` is the confidence of the label, 0 to 1.

    `trusted`: a person said so, or it is a standard question; nothing is held for a likelier entry then.
    """

    text: str
    row: int
    weight: float = 1.0
    trusted: bool = False


@dataclass(frozen=True)
class TrainingData:
    """Texts of the training part, and what follows from them.

    `catalogue` comes without held-out entries; `dialogues` are (customer's turn, reply that
    followed); `noise` are sentences that no entry answers, the last `near_noise` of them chosen: named by
    people, or written to be near an entry. `measured` are the keys of the texts that measure, none of which a
    disturbed copy may become. Texts are compared by their key, the form that `normalise` gives them.
    """

    catalogue: Catalogue
    labels: tuple[Example, ...] = ()
    dialogues: tuple[tuple[str, str], ...] = ()
    noise: tuple[str, ...] = ()
    near_noise: int = 0
    measured: tuple[str, ...] = ()

    def digest(self) -> str:
        """Changes whenever anything that training sees changes, but for `measured`, which only keeps disturbed copies
        from becoming one of these: a query more in the test is no reason to train anew."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return digest(json.dumps(asdict(replace(self, measured=()))))

    def numbers_of(self, source: str) -> NDArray[np.int64]:
        """What a source of queries draws from: rows of `examples`, or numbers of `dialogues`."""
        if source not in self._numbers:
            self._numbers[source] = self._numbers_of(source)
        return self._numbers[source]

    def order_of(self, source: str, seed: tuple[int, ...]) -> NDArray[np.int64]:
        """These numbers in a random order. The last order of each source is remembered: most steps ask for it again."""
        if source not in self._orders or self._orders[source][0] != seed:
            self._orders[source] = seed, np.random.default_rng(seed).permutation(self.numbers_of(source))
        return self._orders[source][1]

    @cached_property
    def _numbers(self) -> dict[str, NDArray[np.int64]]:
        return {}

    @cached_property
    def _orders(self) -> dict[str, tuple[tuple[int, ...], NDArray[np.int64]]]:
        return {}

    def _numbers_of(self, source: str) -> NDArray[np.int64]:
        if source == "dialogues":
            return np.arange(len(self.dialogues))
        if source == "catalogue":
            return len(self.labels) + np.flatnonzero(self._has_pair)
        trusted = self._trusted
        chosen = {"labels": trusted | ~trusted, "human_labels": trusted, "weak_labels": ~trusted}[source]
        return np.flatnonzero(chosen)

    @cached_property
    def _has_pair(self) -> NDArray[np.bool_]:
        """Of each standard question: whether its entry has another in other words, or an answer.

        One that has neither has no positive. As a query it would only take the place of one that teaches.
        """
        answered = [bool(entry.answer) for entry in self.catalogue]
        differing = [len({self.question_keys[n] for n in self.questions_of(row)}) > 1 for row in range(len(answered))]
        return np.array([answered[row] or differing[row] for row in self.catalogue.owners], dtype=np.bool_)

    @cached_property
    def _trusted(self) -> NDArray[np.bool_]:
        return np.array([label.trusted for label in self.labels], dtype=np.bool_)

    def sizes(self) -> dict[str, int]:
        """How many there are of each source of queries, and of noise."""
        return {
            "labels": len(self.labels),
            "catalogue": len(self.catalogue.questions),
            "dialogues": len(self.dialogues),
            "noise": len(self.noise),
        }

    def confident(self, of_machines: float, of_people: float = 0.0) -> TrainingData:
        """The same without the labels that are less sure."""
        kept = (label for label in self.labels if label.weight >= (of_people if label.trusted else of_machines))
        return replace(self, labels=tuple(kept))

    def at_most(self, count: int, among: NDArray[np.int64], seed: int) -> TrainingData:
        """The same with so many of the labels `among` (their numbers), drawn without looking at them, and all others.

        They stay in their order.
        """
        if len(among) <= count:
            return self
        left_out = set(np.random.default_rng([seed, len(among)]).permutation(among)[count:].tolist())
        kept = (label for number, label in enumerate(self.labels) if number not in left_out)
        return replace(self, labels=tuple(kept))

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """The labels, then every standard question as a query for its own entry: the rows of `Mined`."""
        questions = zip(self.catalogue.questions, self.catalogue.owners, strict=True)
        return self.labels + tuple(Example(question, row, trusted=True) for question, row in questions)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Keys of `examples`."""
        return tuple(normalise(example.text) for example in self.examples)

    @cached_property
    def usable_noise(self) -> NDArray[np.int64]:
        """Numbers of the noise sentences that are neither a standard question nor a query a person gave an entry."""
        answered = {key for example, key in zip(self.examples, self.keys, strict=True) if example.trusted}
        return np.array([n for n, text in enumerate(self.noise) if normalise(text) not in answered], dtype=np.int64)

    @cached_property
    def question_keys(self) -> tuple[str, ...]:
        """Keys of `catalogue.questions`."""
        return self.keys[len(self.labels) :]

    def questions_of(self, row: int) -> range:
        """Numbers of an entry's questions in `catalogue.questions`."""
        return range(self._first_questions[row], self._first_questions[row + 1])

    @cached_property
    def _first_questions(self) -> tuple[int, ...]:
        return tuple(accumulate((len(entry.questions) for entry in self.catalogue), initial=0))

    @cached_property
    def rows_of_question(self) -> dict[str, frozenset[int]]:
        """Key to the rows of every entry that has such a question."""
        return _grouped(zip(self.question_keys, self.catalogue.owners, strict=True))

    @cached_property
    def answer_keys(self) -> tuple[str, ...]:
        """Key of each entry's answer."""
        return tuple(normalise(entry.answer) for entry in self.catalogue)

    @cached_property
    def rows_of_answer(self) -> dict[str, frozenset[int]]:
        """Key to the rows of every entry that has such an answer."""
        return _grouped((key, row) for row, key in enumerate(self.answer_keys))

    @cached_property
    def claimed_rows(self) -> dict[str, frozenset[int]]:
        """Key to the rows of every entry that some label or the catalogue itself puts such a query to."""
        return _grouped(zip(self.keys, (example.row for example in self.examples), strict=True))

    @cached_property
    def said_elsewhere(self) -> frozenset[str]:
        """Keys that a disturbed copy of a label must not have: it would be what others ask, noise, or measured."""
        return frozenset(self.measured).union(self.claimed_rows, map(normalise, self.noise))

    @cached_property
    def dialogue_keys(self) -> tuple[tuple[str, str], ...]:
        """Keys of `dialogues`."""
        return tuple((normalise(asked), normalise(reply)) for asked, reply in self.dialogues)

    @cached_property
    def replies_to(self) -> dict[str, frozenset[str]]:
        """Key of a customer's turn to the keys of all replies that ever followed such a turn."""
        return _grouped(self.dialogue_keys)


def _grouped(pairs: Iterable[tuple[str, Value]]) -> dict[str, frozenset[Value]]:
    groups: dict[str, set[Value]] = defaultdict(set)
    for key, value in pairs:
        groups[key].add(value)
    return {key: frozenset(values) for key, values in groups.items()}
