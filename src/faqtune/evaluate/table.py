"""One table for the terminal, the model card and the report, so that all print the same numbers.

Rates are in percent with one decimal; mean cosines, which have no interval, with three.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from faqtune.evaluate.notes import notes
from faqtune.evaluate.wording import TABLE, Language, figure_name, note_text, points_of, reading_order, separator
from faqtune.scorecard import Comparison, Difference, Figure, Scorecard, is_better_lower, short_names

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text; every row has as many as the header. `notes` belong below it."""

    header: Row
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def format_comparison(comparison: Comparison, language: Language = "en", *, details: bool = True) -> Table:
    """Rows: name in words, before, after, difference (each with its interval), mark.

    The mark says better or worse only where the interval of the difference leaves zero out.
    `details=False` keeps the figures over all noise and all queries only.
    """
    before, after = comparison.before, comparison.after
    words = TABLE[language]
    rows: list[Row] = []
    for name in _shown(comparison.differences, details):
        difference = comparison.differences[name]
        values = _rate(before.figures[name]), _rate(after.figures[name]), points_of(difference.model_dump())
        rows.append((figure_name(name, language), *values, words[difference_mark(name, difference)]))
    old, new = _cosines(before), _cosines(after)
    for name in _shown(old.keys() & new.keys(), details):
        values = f"{old[name]:.3f}", f"{new[name]:.3f}", f"{new[name] - old[name]:+.3f}"
        rows.append((figure_name(name, language), *values, ""))
    header = words["figure"], *short_names([before.model, after.model]), words["difference"], ""
    return Table(header, tuple(rows), _all_notes((before, after), language))


def format_scorecard(scorecard: Scorecard, language: Language = "en", *, details: bool = True) -> Table:
    """Rows: name in words, value with its interval, number of queries or noise sentences behind it."""
    figures, cosines = scorecard.figures, _cosines(scorecard)
    rows = [
        (figure_name(name, language), _rate(figures[name]), str(figures[name].n)) for name in _shown(figures, details)
    ]
    rows += [(figure_name(name, language), f"{cosines[name]:.3f}", "") for name in _shown(cosines, details)]
    header = TABLE[language]["figure"], *short_names([scorecard.model]), TABLE[language]["n"]
    return Table(header, tuple(rows), tuple(notes(scorecard, language)))


def format_models(comparisons: Sequence[Comparison], language: Language = "en", *, details: bool = True) -> Table:
    """Any number of models side by side: rows with the name in words, the first model's value with its interval, and
    each other's with its interval and a mark: + better than the first, - worse, ~ not clear, = the same."""
    cards = [comparisons[0].before, *(comparison.after for comparison in comparisons)]
    rows: list[Row] = []
    for name in _shown(comparisons[0].before.figures, details):
        values = [_rate(card.figures[name]) if name in card.figures else "" for card in cards]
        marks = ["", *(_sign(name, comparison.differences.get(name)) for comparison in comparisons)]
        cells = (f"{value} {mark}".strip() for value, mark in zip(values, marks, strict=True))
        rows.append((figure_name(name, language), *cells))
    cosines = [_cosines(card) for card in cards]
    for name in _shown(set().union(*cosines), details):
        values = [f"{each[name]:.3f}" if name in each else "" for each in cosines]
        rows.append((figure_name(name, language), *values))
    words = TABLE[language]
    names = short_names([card.model for card in cards])
    legend = words["marks"].format(model=names[0])
    header = words["figure"], *names
    return Table(header, tuple(rows), (legend, *_all_notes(cards, language)))


def plain_text(table: Table) -> str:
    """Aligned columns and the notes below; a Chinese character takes two columns of a terminal.

    >>> print(plain_text(Table(("", "甲"), (("命中", "90.0"), ("MRR", "8.0")), ("完",))))
          甲
    命中  90.0
    MRR   8.0
    <BLANKLINE>
    完
    """
    lines = [table.header, *table.rows]
    widths = [max(_columns(cell) for cell in column) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(_padded(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join([*text, "", *table.notes] if table.notes else text)


def markdown(table: Table) -> str:
    """The same as a Markdown table, the notes as a list below.

    >>> print(markdown(Table(("", "a|b"), (("x", "1"),), ())))
    |  | a\\|b |
    | --- | --- |
    | x | 1 |
    """
    lines = [table.header, ("---",) * len(table.header), *table.rows]
    text = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([*text, "", *(f"- {note}" for note in table.notes)] if table.notes else text)


def _shown(names: Iterable[str], details: bool) -> list[str]:
    return sorted((name for name in names if details or "/" not in name), key=reading_order)


def _cosines(card: Scorecard) -> dict[str, float]:
    threshold = {} if card.threshold_cosine is None else {"threshold": card.threshold_cosine}
    return card.means | threshold


def _all_notes(cards: Sequence[Scorecard], language: Language) -> tuple[str, ...]:
    """Notes on all models once; a note on some of them after the name of each."""
    found = [notes(card, language) for card in cards]
    common = [note for note in found[0] if all(note in other for other in found)]
    own = [
        f"{name}: {note}"
        for name, listed in zip(short_names([card.model for card in cards]), found, strict=True)
        for note in listed
        if note not in common
    ]
    return (*common, *own, *_two_rules(cards, language))


def _two_rules(cards: Sequence[Scorecard], language: Language) -> list[str]:
    """Where one model answers as a certificate promises and another where little noise passes."""
    named = zip(short_names([card.model for card in cards]), cards, strict=True)
    rules: dict[bool, list[str]] = {True: [], False: []}
    for name, card in named:
        if card.threshold_cosine is not None:
            rules[card.threshold_set_on is None].append(name)
    if not all(rules.values()):
        return []
    certified, usual = (separator(language).join(names) for names in (rules[True], rules[False]))
    return [note_text("two_rules", language, certified=certified, usual=usual)]


def _rate(figure: Figure) -> str:
    return f"{100 * figure.value:.1f} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def difference_mark(name: str, difference: Difference) -> str:
    """better, worse, same or unclear: whether the interval of a difference leaves zero out, and on which side."""
    if difference.value == difference.low == difference.high == 0:
        return "same"
    if not difference.is_clear:
        return "unclear"
    return "better" if (difference.value < 0) == is_better_lower(name) else "worse"


def _sign(name: str, difference: Difference | None) -> str:
    if difference is None:
        return ""
    return {"better": "+", "worse": "-", "same": "=", "unclear": "~"}[difference_mark(name, difference)]


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _columns(cell))


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
