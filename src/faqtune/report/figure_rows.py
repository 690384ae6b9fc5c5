"""The rows of the table of figures, each cell with its place in the scorecards."""

from __future__ import annotations

from dataclasses import replace

from faqtune.evaluate import format_comparison
from faqtune.evaluate.wording import Language, figure_name
from faqtune.report.sheet import Cell, FigureRow, p_value, pointer
from faqtune.report.verdict import headline, judged, mark_of
from faqtune.scorecard import Comparison, Difference

SIDES = ("before", "after")
OF_THE_PAGE = ("comparison",)


def figure_rows(
    comparison: Comparison, language: Language, scope: str = "", at: tuple[str, ...] = OF_THE_PAGE
) -> list[FigureRow]:
    """The rows of the shared table, value and interval apart, so that a phone can set them in two lines.

    `scope` is the kind of noise that `comparison` has been narrowed to, `at` where it stands in the report's data. The
    figure of the page's headline was named before anything was measured: its p is its own, while those of all others
    are corrected for each other.
    """
    lead = None if scope or at != OF_THE_PAGE else headline(comparison)
    known = {*comparison.differences, *comparison.before.means, *comparison.after.means, "threshold"}
    names = {figure_name(name, language): name for name in known}
    rows = []
    for said, *cells, word in format_comparison(comparison, language).rows:
        sources = _sources(names[said], comparison, scope, at)
        parts = [cell.partition(" [") for cell in cells]
        values = tuple(
            Cell(value, f"[{rest}" if rest else "", source)
            for (value, _, rest), source in zip(parts, sources, strict=True)
        )
        moved = comparison.differences.get(names[said])
        if moved and lead and names[said] == lead.name and moved.p_holm is not None:
            moved = moved.model_copy(update={"p_holm": moved.p})
        verdict = judged(mark_of(word), moved.p_holm if moved else None, language)
        rows.append(FigureRow(said, (*values[:2], _with_p(values[2], moved)), *verdict))
    return rows


def _with_p(cell: Cell, difference: Difference | None) -> Cell:
    """The difference with its p, where that has been corrected for all that was looked at together."""
    if difference is None or difference.p_holm is None:
        return cell
    said = p_value(difference.p_holm, "").text
    return replace(cell, interval=f"{cell.interval} p {said}")


def _sources(name: str, comparison: Comparison, scope: str, at: tuple[str, ...]) -> tuple[str, str, str]:
    """Where before, after and difference stand. The difference of means is that of the two, and stands nowhere."""
    full = f"{name}/{scope}" if scope else name
    if name in comparison.differences:
        before, after = (pointer(*at, side, "figures", full) for side in SIDES)
        return before, after, pointer(*at, "differences", full)
    place = ("threshold_cosine",) if name == "threshold" else ("means", full)
    before, after = (pointer(*at, side, *place) for side in SIDES)
    return before, after, f"{after} - {before}"
