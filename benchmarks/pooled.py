"""Intervals of means over seeds whose test parts share texts.

Five trainings that are measured on the same queries do not make these five times as many. A conversation therefore
gets one weight in a resample, whichever seeds it is a test of, and a mean over seeds is as sure as its distinct
conversations allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import accumulate, pairwise
from typing import TypeVar

from faqtune.evaluate import EvaluationSet
from faqtune.evaluate.examples import Negative, Positive
from faqtune.evaluate.intervals import RESAMPLES, Plan, bootstrap, plan
from faqtune.evaluate.score import kinds_of
from faqtune.evaluate.tallies import Counts, Figures

Key = TypeVar("Key")
Spread = dict[str, Figures]
Statistic = Callable[[Counts], Spread]


def pooled(
    statistics: Mapping[Key, tuple[int, Statistic]], tests: Mapping[int, EvaluationSet], resamples: int = RESAMPLES
) -> dict[Key, Spread]:
    """Each figure of each statistic (with its seed) in each resample, the same ones for all methods and seeds."""
    seeds = sorted(tests)
    sizes = [len(tests[seed].positives) + len(tests[seed].negatives) for seed in seeds]
    rows = {seed: slice(*ends) for seed, ends in zip(seeds, pairwise([0, *accumulate(sizes)]), strict=True)}
    names = [(key, seed, statistic) for key, (seed, statistic) in statistics.items()]

    def all_of_them(counts: Counts) -> Spread:
        found = (statistic(counts[rows[seed]]) for _, seed, statistic in names)
        return {f"{number}\0{name}": figures for number, one in enumerate(found) for name, figures in one.items()}

    spreads: dict[Key, Spread] = {key: {} for key in statistics}
    for name, figures in bootstrap(all_of_them, plan_over(tests), resamples=resamples).items():
        number, _, figure = name.partition("\0")
        spreads[names[int(number)][0]][figure] = figures
    return spreads


def plan_over(tests: Mapping[int, EvaluationSet]) -> Plan:
    """Over the rows of all test parts, in the order of their seeds.

    What is one row by itself is known by its text: its conversation may have another name with each seed.
    """
    groups: list[str] = []
    kinds: list[int] = []
    rows_of: Counter[str] = Counter()
    for data in tests.values():
        rows_of |= Counter(row.group for row in _rows(data))
    for _, data in sorted(tests.items()):
        groups += [
            f"text {row.text}" if not row.group or rows_of[row.group] == 1 else f"group {row.group}"
            for row in _rows(data)
        ]
        kinds += kinds_of(data)
    return plan(groups, kinds)


def _rows(data: EvaluationSet) -> list[Positive | Negative]:
    return [*data.positives, *data.negatives]
