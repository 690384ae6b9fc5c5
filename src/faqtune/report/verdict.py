"""What may be said about a comparison: the headline figure, and comparisons narrowed to one kind of noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar, get_args

from faqtune.evaluate import difference_mark
from faqtune.evaluate.wording import TABLE, Language
from faqtune.scorecard import Comparison, Difference, Figure, Stratum

HEADLINES = ("oscr@5", "oscr@10", "recall@1")
"""The first of these that was measured leads the report; OSCR@5% is the headline of SPEC §4."""

BY_STRATUM = ("oscr@5", "oscr@10", "auroc")
"""The first of these that was measured in any stratum is drawn by stratum."""

Value = TypeVar("Value", Figure, Difference, float)


@dataclass(frozen=True, slots=True)
class Change:
    """One figure before and after; `mark` is better, worse, unclear or same."""

    name: str
    before: Figure
    after: Figure
    difference: Difference
    mark: str


def change(comparison: Comparison, name: str) -> Change | None:
    """The change of a figure, or None if it was not measured for both models."""
    if name not in comparison.differences:
        return None
    before, after, moved = comparison.before.figures[name], comparison.after.figures[name], comparison.differences[name]
    return Change(name, before, after, moved, difference_mark(name, moved))


def headline(comparison: Comparison) -> Change | None:
    """The figure that leads the report; None if not even ranking was measured."""
    return next((found for name in HEADLINES if (found := change(comparison, name))), None)


def strata_of(comparison: Comparison) -> list[Stratum]:
    """Kinds of noise that any figure was measured for, in their usual order."""
    scopes = {name.partition("/")[2] for name in comparison.differences}
    return [stratum for stratum in get_args(Stratum) if stratum in scopes]


def scope_changes(comparison: Comparison) -> list[tuple[Stratum, Change]]:
    """The one figure that is shown by stratum, for each stratum that has it."""
    for name in BY_STRATUM:
        found = [(s, c) for s in strata_of(comparison) if (c := change(comparison, f"{name}/{s}"))]
        if found:
            return found
    return []


def overall(comparison: Comparison) -> Comparison:
    """The comparison without figures of single strata; averages per entry stay."""
    return _kept(comparison, lambda name: name if name.partition("/")[2] in ("", "macro") else None)


def narrowed(comparison: Comparison, stratum: str) -> Comparison:
    """The figures of one stratum, under their bare names; the threshold, which all share, is left out."""
    suffix = f"/{stratum}"
    bare = _kept(comparison, lambda name: name.removesuffix(suffix) if name.endswith(suffix) else None)
    before, after = (card.model_copy(update={"threshold_cosine": None}) for card in (bare.before, bare.after))
    return bare.model_copy(update={"before": before, "after": after})


def _kept(comparison: Comparison, rename: Callable[[str], str | None]) -> Comparison:
    before, after = (
        card.model_copy(update={"figures": _renamed(card.figures, rename), "means": _renamed(card.means, rename)})
        for card in (comparison.before, comparison.after)
    )
    return Comparison(before=before, after=after, differences=_renamed(comparison.differences, rename))


def _renamed(values: dict[str, Value], rename: Callable[[str], str | None]) -> dict[str, Value]:
    return {new: value for name, value in values.items() if (new := rename(name)) is not None}


def mark_of(word: str) -> str:
    """The mark behind its word in a table of any language; "" for a row without one."""
    marks: Iterable[tuple[str, str]] = ((words[mark], mark) for words in TABLE.values() for mark in MARKS)
    return dict(marks).get(word, "")


def judged(mark: str, p_holm: float | None, language: Language) -> tuple[str, str]:
    """Look and word of a verdict; with a star where it would not stand among all figures that were looked at."""
    word = TABLE[language].get(mark, "")
    if mark in CLEAR and p_holm is not None and p_holm > MOST_P:
        return f"{mark} alone", f"{word}*"
    return mark, word


CLEAR, MOST_P = ("better", "worse"), 0.05
MARKS = ("better", "worse", "same", "unclear")
