"""The frozen encoder and a logistic regression over its vectors; an entry is a class, its probability the score.

The standard questions of the catalogue that is measured are examples too: a classifier knows no other way to
learn of an entry. The strength of regularisation is chosen on the selection part.
Option: `noise` (training noise as one more class, which answers nothing).
"""

from __future__ import annotations

import numpy as np
from exchange import begin, encoded, figures, load_model, merit
from heads import class_scores

STRENGTHS = (1.0, 10.0, 100.0, 1000.0)


def main() -> None:
    task, progress = begin()
    model = load_model(task)
    known: dict[str, np.ndarray] = {}

    def encode(texts: list[str]) -> np.ndarray:
        """Each text once: the model never changes."""
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, encoded(model, new), strict=True) if new else ())
        return np.stack([known[text] for text in texts])

    best, chosen = (), STRENGTHS[0]
    for strength in STRENGTHS:
        found = figures(class_scores(encode, task, task.selection, strength), task.selection.own)
        progress.measured(strength, found)
        if merit(found) > best:
            best, chosen = merit(found), strength
    seconds = progress.seconds()
    np.save(progress.folder / "scores.npy", class_scores(encode, task, task.test, chosen))
    progress.done(seconds=round(seconds, 1), strength=chosen)


if __name__ == "__main__":
    main()
