"""A logistic regression over vectors of labelled texts, whose classes are the entries of a catalogue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from exchange import Part, Scores, Task
from sklearn.linear_model import LogisticRegression

NOISE = "\0noise"


def class_scores(
    encode: Callable[[list[str]], Scores], task: Task, part: Part, strength: float, steps: int = 1000
) -> Scores:
    """Probability of every entry for every text of a part.

    Fitted on the labels and the part's own standard questions; with the option `noise` also on the training noise
    as a class of its own, whose probability is nobody's.
    """
    examples = [(text, name) for text, name in task.labels if name in set(part.ids)]
    examples += [(question, name) for name, asked in zip(part.ids, part.questions, strict=True) for question in asked]
    if "noise" in task.options:
        examples += [(text, NOISE) for text in task.noise]
    head = LogisticRegression(C=strength, max_iter=steps)
    head.fit(encode([text for text, _ in examples]), [name for _, name in examples])
    found = head.predict_proba(encode(part.texts))
    column = {name: place for place, name in enumerate(head.classes_)}
    return found[:, [column[name] for name in part.ids]].astype(np.float32)
