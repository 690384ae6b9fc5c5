"""Step to batch: a pure function of the data, the stage, what was mined last, the seed and the step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faqtune.recipe import Stage
from faqtune.records import normalise
from faqtune.train.data import TrainingData
from faqtune.train.draws import noise_of_step, queries_of_step
from faqtune.train.mined import Mined
from faqtune.train.owners import Owners

Kind = Literal["question", "answer", "query", "reply"]

KINDS: tuple[Kind, ...] = ("question", "answer", "query", "reply")

COMPARED: dict[str, tuple[Kind, ...]] = {
    "labels": ("question", "query"),
    "catalogue": ("question", "answer"),
    "answered": ("answer",),
    "dialogues": ("reply",),
}
"""Kinds of columns that a source's queries (all kinds of labels are one here) are compared with. Nobody knows
whether a reply belongs to an entry, and a customer's query is to be told from other entries' questions and
from queries that ask for those, not from answers. `answered` are standard questions that only their answer is right
for: told from other questions too, they would come nearer to answers than to questions, which is what customers'
words are compared with."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Each distinct text once; everything else points into `texts`.

    `queries` (q,), `columns` (c,), `noise` (n,): places in `texts`. `labels` float32 (q, c): 1, 0
    or NaN (unknown). `weights` float32 (q,). `is_question` bool (c,): columns that are standard
    questions, the only ones noise is measured against. `is_answered` bool (q,): standard questions of which only the
    answer is right.
    """

    texts: tuple[str, ...]
    queries: NDArray[np.int64]
    columns: NDArray[np.int64]
    noise: NDArray[np.int64]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]
    is_question: NDArray[np.bool_]
    is_answered: NDArray[np.bool_]
    noise_numbers: NDArray[np.int64] = field(default_factory=lambda: np.arange(0))
    """Which of `TrainingData.noise` the noise is; only `stay_near` asks."""


@dataclass(frozen=True, slots=True)
class _Query:
    """`number`: row of `Mined`, or number of the dialogue; `chosen`: column picked as its positive."""

    source: str
    number: int
    text: str
    key: str
    weight: float = 1.0
    chosen: int | None = None


@dataclass(frozen=True, slots=True)
class _Column:
    text: str
    kind: Kind
    rows: frozenset[int]
    """Every entry that has this text, whichever of them brought it in; empty for a reply."""


@dataclass(slots=True)
class _Draft:
    """A batch in the making. A column stands once per kind and key, so no text is both right and wrong for a query."""

    data: TrainingData
    queries: list[_Query] = field(default_factory=list)
    columns: list[_Column] = field(default_factory=list)
    places: dict[tuple[Kind, str], int] = field(default_factory=dict)

    def question(self, number: int) -> int:
        key = self.data.question_keys[number]
        return self._column("question", key, self.data.catalogue.questions[number], self.data.rows_of_question[key])

    def answer(self, row: int) -> int:
        key, text = self.data.answer_keys[row], self.data.catalogue.entries[row].answer
        return self._column("answer", key, text, self.data.rows_of_answer[key])

    def is_answer(self, column: int | None) -> bool:
        return column is not None and self.columns[column].kind == "answer"

    def query(self, number: int) -> int:
        """Another label as a column."""
        key, text = self.data.keys[number], self.data.labels[number].text
        return self._column("query", key, text, self.data.claimed_rows[key])

    def reply(self, number: int) -> int:
        return self._column("reply", self.data.dialogue_keys[number][1], self.data.dialogues[number][1], frozenset())

    def _column(self, kind: Kind, key: str, text: str, rows: frozenset[int]) -> int:
        place = self.places.setdefault((kind, key), len(self.columns))
        if place == len(self.columns):
            self.columns.append(_Column(text, kind, rows))
        return place


def batch_at(data: TrainingData, stage: Stage, mined: Mined, seed: int, stage_number: int, step: int) -> Batch:
    """The batch of one step (from 0) of a stage (from 1). `mined` comes from the same `data`."""
    rng = np.random.default_rng([seed, stage_number, step])
    draft = _Draft(data)
    for source, numbers in queries_of_step(stage, data, seed, stage_number, step).items():
        for number in numbers.tolist():
            if source == "dialogues":
                _add_dialogue(draft, number)
            else:
                _add_example(draft, source, number, mined, stage, rng)
    noise = noise_of_step(mined, stage, rng)
    for number in noise:
        draft.question(int(mined.noise_best[number]))
    labels = _labels(draft, mined)
    if stage.data.most_negatives:
        contrastive = stage.losses.online_contrastive
        _leave_out(
            labels, stage.data.most_negatives, len(noise) if contrastive.weight and contrastive.noise else 0, rng
        )
    return _finish(draft, labels, noise)


def _add_dialogue(draft: _Draft, number: int) -> None:
    draft.reply(number)
    asked, key = draft.data.dialogues[number][0], draft.data.dialogue_keys[number][0]
    draft.queries.append(_Query("dialogues", number, asked, key))


def _add_example(draft: _Draft, source: str, number: int, mined: Mined, stage: Stage, rng: np.random.Generator) -> None:
    """Add a label or a standard question with one positive and its mined negatives."""
    data = draft.data
    example, key, kind = data.examples[number], data.keys[number], "catalogue" if source == "catalogue" else "labels"
    chosen = _choose_positive(draft, kind, example.row, key, rng)
    text = example.text
    if kind == "labels" and stage.data.disturbed and rng.random() < stage.data.disturbed:
        text = _slipped(draft, text, rng)
    draft.queries.append(_Query(kind, number, text, key, example.weight, chosen))
    for question in _drawn(mined.hard[number], stage.mining.negatives_per_query, rng):
        if not draft.is_answer(chosen):
            draft.question(question)
        elif data.catalogue.entries[row := data.catalogue.owners[question]].answer:
            draft.answer(row)
    if kind == "labels":
        for label in mined.near_queries[number].tolist():
            if label >= 0:
                draft.query(label)


def _drawn(hard: NDArray[np.int32], count: int, rng: np.random.Generator) -> list[int]:
    """`count` of the mined questions: all of them, or drawn where more were mined than are wanted."""
    usable = hard[hard >= 0]
    if len(usable) > count:
        usable = rng.choice(usable, size=count, replace=False)
    return usable.tolist()  # type: ignore[no-any-return]


def _slipped(draft: _Draft, text: str, rng: np.random.Generator) -> str:
    """The text `disturbed`; as it is where that would be what somebody else says."""
    slipped = disturbed(text, rng)
    return text if normalise(slipped) in draft.data.said_elsewhere else slipped


def disturbed(text: str, rng: np.random.Generator) -> str:
    """The text with one character swapped with the next, left out or doubled, as fingers do.

    >>> disturbed("发货", np.random.default_rng(0))
    '发发货'
    """
    if len(text) < 2:
        return text
    place = int(rng.integers(len(text) - 1))
    here, following = text[place], text[place + 1]
    changed = (following + here, following, here + here + following)[int(rng.integers(3))]
    return text[:place] + changed + text[place + 2 :]


def _choose_positive(draft: _Draft, source: str, row: int, key: str, rng: np.random.Generator) -> int | None:
    """A question of the entry in other words; where there is none, what still teaches something."""
    own = draft.data.questions_of(row)
    others = [number for number in own if draft.data.question_keys[number] != key]
    if others:
        return draft.question(others[int(rng.integers(len(others)))])
    if source == "labels":
        return draft.question(own[0])  # word for word the same: it still says what must stay farther away
    return draft.answer(row) if draft.data.catalogue.entries[row].answer else None


def _finish(draft: _Draft, labels: NDArray[np.float32], noise_numbers: NDArray[np.int64]) -> Batch:
    noise = [draft.data.noise[number] for number in noise_numbers]
    texts = [*(query.text for query in draft.queries), *(column.text for column in draft.columns), *noise]
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return Batch(
        texts=tuple(places),
        queries=np.array([places[query.text] for query in draft.queries], dtype=np.int64),
        columns=np.array([places[column.text] for column in draft.columns], dtype=np.int64),
        noise=np.array([places[text] for text in noise], dtype=np.int64),
        labels=labels,
        weights=np.array([query.weight for query in draft.queries], dtype=np.float32),
        is_question=np.array([column.kind == "question" for column in draft.columns], dtype=np.bool_),
        is_answered=np.array([draft.is_answer(query.chosen) for query in draft.queries], dtype=np.bool_),
        noise_numbers=noise_numbers,
    )


def _labels(draft: _Draft, mined: Mined) -> NDArray[np.float32]:
    """float32 (q, c): 1, 0, or NaN where nobody knows."""
    owners = Owners([column.rows for column in draft.columns])
    compared_by = {
        source: np.array([column.kind in kinds for column in draft.columns], dtype=np.bool_)
        for source, kinds in COMPARED.items()
    }
    labels = np.full((len(draft.queries), len(draft.columns)), np.nan, dtype=np.float32)
    for row, query in zip(labels, draft.queries, strict=True):
        compared = compared_by["answered" if draft.is_answer(query.chosen) else query.source]
        row[compared] = 0
        if query.source == "dialogues":
            replies = (draft.places.get(("reply", key)) for key in draft.data.replies_to[query.key])
            row[[place for place in replies if place is not None]] = 1
        else:
            row[compared & owners.any_in(mined.suspects[query.number])] = np.nan
            row[compared & owners.have(draft.data.examples[query.number].row)] = 1
        row[[draft.places[kind, query.key] for kind in KINDS if (kind, query.key) in draft.places]] = np.nan
        if query.chosen is not None:
            row[query.chosen] = 1
    return labels


def _leave_out(labels: NDArray[np.float32], most: int, noise: int, rng: np.random.Generator) -> None:
    """Of a row's zeros leave so many, `noise` included, as `most` for each of its positives; others become NaN."""
    for row in labels:
        zeros = np.flatnonzero(row == 0)
        left = max(0, most * max(1, int((row == 1).sum())) - noise)
        row[rng.permutation(zeros)[left:]] = np.nan
