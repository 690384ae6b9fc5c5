"""The stand-in's learning curve over what has been annotated, beside the labels that machines gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faqtune.annotate.answers import Answer, labels_by_query
from faqtune.annotate.curve import Point
from faqtune.annotate.material import Material
from faqtune.annotate.standin import UNLABELLED, Labelled, stand_in_curve

LEAST_MEASURED = 20
"""Labels with an entry among those that measure; with fewer the curve moves by more than it tells."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What a curve needs: `what` is "share" (no hand label may train), "train" or "measure", of which there are
    `have`, and `need` are needed."""

    what: str
    have: int = 0
    need: int = 0


def learning_points(material: Material, answers: Sequence[Answer]) -> tuple[list[Point], Missing | None]:
    """The stand-in's curve over the labels that train, measured on those that do not; or what it needs."""
    if material.trains is None:
        return [], Missing("share")
    rows: dict[bool, list[int]] = {True: [], False: []}
    entries: dict[bool, list[int]] = {True: [], False: []}
    answered = labels_by_query(answers)
    for query, said in answered.items():
        last = said[-1]
        stands = query in material.queue.rows and material.catalogue.rows.keys() >= set(last.entries)
        if not stands or len(last.entries) > 1 or last.reason == "several":
            continue
        row = material.queue.rows[query]
        trains = material.trains(material.pool.queries[row].conversation)
        rows[trains].append(row)
        entries[trains].append(material.catalogue.rows[last.entries[0]] if last.entries else -1)
    if not rows[True]:
        return [], Missing("train", 0, 1)
    if (measured := sum(entry >= 0 for entry in entries[False])) < LEAST_MEASURED:
        return [], Missing("measure", measured, LEAST_MEASURED)
    known, test = (_labelled(material, rows[side], entries[side]) for side in (True, False))
    if material.measured_noise is not None:
        # What people call small talk or unsupported is too little to tell 5 % of it.
        more = np.full(len(material.measured_noise), -1, dtype=np.int64)
        test = Labelled(np.concatenate([test.vectors, material.measured_noise]), np.concatenate([test.entries, more]))
    queries, questions = material.pool.queries, material.meanings.questions
    noise = material.noise if material.noise is not None else np.empty((0, questions.shape[1]), dtype=np.float32)
    machines = np.array([material.weak.get(queries[row].id, UNLABELLED) for row in rows[True]], dtype=np.int64)
    return stand_in_curve(
        questions, material.catalogue.owners, noise, known, test, weak=_weak(material, set(answered)),
        machines=machines, seed=material.seed,
    ), None  # fmt: skip


def _weak(material: Material, answered: set[str]) -> Labelled:
    """Labels of machines of what people have not answered, in the conversations that train."""
    assert material.trains is not None
    weak = {
        row: material.weak[query.id]
        for row, query in enumerate(material.pool.queries)
        if query.id in material.weak and query.id not in answered and material.trains(query.conversation)
    }
    return _labelled(material, list(weak), list(weak.values()))


def _labelled(material: Material, rows: Sequence[int], entries: Sequence[int]) -> Labelled:
    return Labelled(material.meanings.queries[np.array(rows, dtype=np.int64)], np.array(entries, dtype=np.int64))
