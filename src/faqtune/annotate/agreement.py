"""Do people agree with each other, where do they not, and does the page lead them?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faqtune.annotate.answers import FLAG, PICK, Answer, labels_by_query, standing
from faqtune.label.proportion import Proportion, proportion

SETTLED = "settled"
"""`Answer.why` of whoever decided between others."""
RESAMPLES = 2000
CHUNK = 200


@dataclass(frozen=True, slots=True)
class Agreement:
    """Krippendorff's alpha with its 95 % interval: 1 agreement, 0 no more than by chance. NaN where nobody was asked
    the same, or where everything got one and the same label, of which chance is as good as people.

    `items`: queries that two or more people labelled; `agreed`: those on which all say the same.
    """

    alpha: float
    low: float
    high: float
    items: int
    agreed: int


def agreement(answers: Iterable[Answer], *, seed: int = 0) -> Agreement:
    """Of all queries with labels of several people; whoever settled a disagreement knew what others said, and is left
    out. The interval is the percentile bootstrap over queries."""
    independent = [answer for answer in standing(answers) if answer.why != SETTLED]
    found = [said for said in labels_by_query(independent).values() if len(said) > 1]
    counts, _ = label_counts([[answer.label for answer in said] for said in found])
    agreed = sum(len({answer.label for answer in said}) == 1 for said in found)
    if not found:
        return Agreement(math.nan, math.nan, math.nan, 0, 0)
    rng = np.random.default_rng(seed)
    spread = np.concatenate(
        [alpha(counts, rng.multinomial(len(found), np.full(len(found), 1 / len(found)), CHUNK).T.astype(float))
         for _ in range(RESAMPLES // CHUNK)]
    )  # fmt: skip
    value = float(alpha(counts, np.ones((len(found), 1)))[0])
    defined = spread[~np.isnan(spread)]
    low, high = np.percentile(defined, (2.5, 97.5)) if len(defined) and not math.isnan(value) else (math.nan, math.nan)
    return Agreement(value, float(low), float(high), len(found), agreed)


def label_counts(said: Iterable[Iterable[str]]) -> tuple[NDArray[np.float64], list[str]]:
    """How many people gave each label to each query: float64 (queries, labels), and the labels."""
    said = [list(labels) for labels in said]
    names = sorted({label for labels in said for label in labels})
    column = {name: number for number, name in enumerate(names)}
    counts = np.zeros((len(said), len(names)))
    for row, labels in enumerate(said):
        for label in labels:
            counts[row, column[label]] += 1
    return counts, names


def alpha(counts: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Krippendorff's alpha for nominal data with missing values, float64 (b,): `counts` as of `label_counts`, each row
    with two labels or more; `weights` (queries, b), how often each row counts.

    1 - (n - 1) D / E, where a row with m labels adds (m² - Σ n_c²) / (m - 1) to the observed disagreement D, and
    E = n² - Σ n_c² over all n labels. Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011.
    """
    people = counts.sum(axis=1)
    torn = (people**2 - (counts**2).sum(axis=1)) / (people - 1)
    observed = torn @ weights
    totals = counts.T @ weights
    number = totals.sum(axis=0)
    expected = number**2 - (totals**2).sum(axis=0)
    ratio = np.divide(observed, expected, out=np.full(weights.shape[1], np.nan), where=expected > 0)
    found: NDArray[np.float64] = 1 - (number - 1) * ratio
    return found


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A query on which people differ, with what each says, in the order in which they said it."""

    query: str
    said: tuple[Answer, ...]


def disagreements(answers: Iterable[Answer]) -> list[Disagreement]:
    """Queries to settle, in the order of their first label. One that somebody settled is no longer among them."""
    found = []
    for query, said in labels_by_query(answers).items():
        if len({answer.label for answer in said}) > 1 and not any(answer.why == SETTLED for answer in said):
            found.append(Disagreement(query, tuple(said)))
    return found


def still_flagged(answers: Iterable[Answer]) -> list[Answer]:
    """Flags for somebody else that nobody has dealt with: no label of anybody came after. Oldest first.

    >>> flag = Answer("flag", "q", by="王敏", note="?")
    >>> still_flagged([flag]) == [flag], still_flagged([flag, Answer("pick", "q", ("e",), by="李雷")])
    (True, [])
    """
    open_flags: dict[tuple[str, str], Answer] = {}
    for answer in standing(answers):
        if answer.is_label:
            open_flags = {key: flag for key, flag in open_flags.items() if flag.query != answer.query}
        elif answer.act == FLAG:
            open_flags[answer.query, answer.by] = answer
    return list(open_flags.values())


@dataclass(frozen=True, slots=True)
class Lead:
    """How far suggestions lead people: how often the machine's first suggestion is picked where scores and order are
    shown, and where they are hidden (audited items); their difference with its 95 % interval (Newcombe's, from
    Wilson's). NaN where one side has nothing.

    `first_place`: of audited items, how often the candidate is picked that stood first by chance;
    `first_place_by_chance`: how often that would be if places did not matter.
    """

    shown: Proportion
    hidden: Proportion
    difference: float
    low: float
    high: float
    first_place: Proportion
    first_place_by_chance: float


def lead(answers: Iterable[Answer]) -> Lead:
    """From all standing labels of items with a suggestion. Which items are audited is decided by chance, so that the
    two sides differ in nothing else."""
    asked = [a for a in standing(answers) if a.is_label and a.suggested and a.why != SETTLED]
    shown, hidden = (
        proportion([a.suggested in a.entries for a in side], [a.query for a in side])
        for side in ([a for a in asked if not a.audit], [a for a in asked if a.audit])
    )
    audited = [a for a in asked if a.audit and a.act == PICK and set(a.entries) & set(a.candidates)]
    first = proportion([a.candidates[0] in a.entries for a in audited], [a.query for a in audited])
    offered = [len(set(a.entries) & set(a.candidates)) / len(a.candidates) for a in audited]
    by_chance = float(np.mean(offered)) if offered else math.nan
    difference = shown.share - hidden.share
    if math.isnan(difference):
        return Lead(shown, hidden, math.nan, math.nan, math.nan, first, by_chance)
    low = difference - math.hypot(shown.share - shown.low, hidden.high - hidden.share)
    high = difference + math.hypot(shown.high - shown.share, hidden.share - hidden.low)
    return Lead(shown, hidden, difference, low, high, first, by_chance)
