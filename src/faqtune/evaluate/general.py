"""How well a model still tells paraphrases from other sentences on everyday topics: what tuning may cost.

The pairs are shipped (`general/pairs.jsonl`) and belong to no project: half Chinese, half
English, half paraphrases, the rest about the same topic or in nearly the same words with another
meaning.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faqtune.encoder import Encoder
from faqtune.errors import UserError
from faqtune.evaluate.intervals import RESAMPLES, Plan, bootstrap, holm, interval, paired, plan
from faqtune.evaluate.metrics import auroc
from faqtune.evaluate.tallies import Counts, Figures, once, tally
from faqtune.scorecard import Difference, Figure

LANGUAGES = ("zh", "en")
ALL = "all"
SCOPES = (ALL, *LANGUAGES)


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
            "get its files anew; if it was trained, that has diverged: train with a lower learning rate",
        )
    one, other = ([row[text] for text in side] for side in zip(*((pair.a, pair.b) for pair in pairs), strict=True))
    cosines = np.einsum("nd,nd->n", vectors[one], vectors[other])
    found = _aurocs(cosines, once(len(pairs)))
    return GeneralAbility(
        model=encoder.name,
        auroc=float(found[ALL][0]),
        by_language={name: float(found[name][0]) for name in LANGUAGES},
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


def general_figures(
    abilities: Sequence[GeneralAbility], *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[list[dict[str, Figure]], list[dict[str, Difference]]]:
    """AUROC of every model over all pairs (`all`) and within each language, with 95 % intervals; and every other
    model's minus the first's on the same resamples, `p_holm` corrected for all of these together."""
    spreads = [
        bootstrap(partial(_aurocs, each.cosines), _sharing_plan(), resamples=resamples, seed=seed) for each in abilities
    ]
    values = [{ALL: each.auroc, **each.by_language} for each in abilities]
    figures = [
        {name: _figure(value[name], spread[name], name) for name in SCOPES}
        for value, spread in zip(values, spreads, strict=True)
    ]
    found = [
        {name: paired(value[name] - values[0][name], spreads[0][name], spread[name]) for name in SCOPES}
        for value, spread in zip(values[1:], spreads[1:], strict=True)
    ]
    corrected = iter(holm([each.p for differences in found for each in differences.values()]))
    return figures, [
        {name: each.model_copy(update={"p_holm": next(corrected)}) for name, each in differences.items()}
        for differences in found
    ]


def _figure(value: float, spread: Figures, scope: str) -> Figure:
    low, high = interval(spread)
    return Figure(value=value, low=low, high=high, n=sum(scope in (ALL, pair.language) for pair in general_pairs()))


def _aurocs(cosines: NDArray[np.float32], counts: Counts) -> dict[str, Figures]:
    languages = np.array([pair.language for pair in general_pairs()])
    within = {name: _auroc(cosines, counts * (languages == name)[:, None]) for name in LANGUAGES}
    return {ALL: _auroc(cosines, counts), **within}


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
