"""How well a model still tells paraphrases from other sentences on everyday topics: what tuning may cost.

The pairs are shipped (`general/pairs.jsonl`) and belong to no project: half Chinese, half
English, half paraphrases, the rest about the same topic or in nearly the same words with another
meaning.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Encoder
from faqtune.errors import UserError
from faqtune.evaluate.intervals import RESAMPLES, Plan, bootstrap, paired, plan
from faqtune.evaluate.metrics import Counts, Figures, auroc, once, tally
from faqtune.scorecard import Difference

LANGUAGES = ("zh", "en")


@dataclass(frozen=True, slots=True)
class GeneralPair:
    """Two sentences; `label` 1: they say the same, 0: they do not."""

    a: str
    b: str
    label: int
    language: Literal["zh", "en"]


@dataclass(frozen=True, eq=False, slots=True)
class GeneralAbility:
    """One model on the shipped pairs.

    `auroc`: chance that a paraphrase has a higher cosine than another pair, a tie counting one
    half; `by_language` the same within `zh` and `en`; `cosines` float32 (pairs,), in the order
    of `general_pairs`.
    """

    model: str
    auroc: float
    by_language: dict[str, float]
    pairs: int
    cosines: NDArray[np.float32]


@cache
def general_pairs() -> tuple[GeneralPair, ...]:
    """The shipped pairs."""
    text = resources.files("faqtune").joinpath("general", "pairs.jsonl").read_text(encoding="utf-8")
    return tuple(GeneralPair(**json.loads(line)) for line in text.splitlines())


def general_ability(encoder: Encoder) -> GeneralAbility:
    """Measure a model on the shipped pairs; each distinct sentence is encoded once.

    Give an encoder that computes in float32. Raises UserError if the model gives NaN.
    """
    pairs = general_pairs()
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.a, pair.b)))
    row = {text: number for number, text in enumerate(texts)}
    vectors = encoder.encode(texts)
    if not np.isfinite(vectors).all():
        raise UserError(
            f"the model {encoder.name} gives vectors that are not numbers",
            "its training has diverged: use another model or a lower learning rate",
        )
    one, other = ([row[text] for text in side] for side in zip(*((pair.a, pair.b) for pair in pairs), strict=True))
    cosines = np.einsum("nd,nd->n", vectors[one], vectors[other])
    counts = once(len(pairs))
    languages = np.array([pair.language for pair in pairs])
    return GeneralAbility(
        model=encoder.name,
        auroc=float(_auroc(cosines, counts)[0]),
        by_language={name: float(_auroc(cosines, counts * (languages == name)[:, None])[0]) for name in LANGUAGES},
        pairs=len(pairs),
        cosines=cosines,
    )


def forgetting(
    before: GeneralAbility, after: GeneralAbility, *, resamples: int = RESAMPLES, seed: int = 0
) -> Difference:
    """AUROC of `before` minus that of `after`, with its 95 % interval: above zero, general ability was lost.

    Pairs that share a sentence are resampled together.
    """

    def both(counts: Counts) -> dict[str, Figures]:
        return {"before": _auroc(before.cosines, counts), "after": _auroc(after.cosines, counts)}

    spread = bootstrap(both, _sharing_plan(), resamples=resamples, seed=seed)
    return paired(before.auroc - after.auroc, spread["after"], spread["before"])


def _auroc(cosines: NDArray[np.float32], counts: Counts) -> Figures:
    """AUROC in each resample, float64 (b,); `counts` float64 (pairs, b)."""
    same = np.array([pair.label == 1 for pair in general_pairs()])
    return auroc(tally(cosines[same], counts[same]), tally(cosines[~same], counts[~same]))


@cache
def _sharing_plan() -> Plan:
    group: dict[str, str] = {}
    for pair in general_pairs():
        group[pair.a] = group[pair.b] = group.get(pair.a) or group.get(pair.b) or pair.a
    return plan([group[pair.a] for pair in general_pairs()], [0] * len(general_pairs()))
