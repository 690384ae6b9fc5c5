"""Three or more models side by side, where `evaluate` has measured the run, its base and others on the same data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from faqtune.evaluate import difference_mark
from faqtune.evaluate.wording import Language, figure_name, reading_order
from faqtune.report.axes import Axis, Box, fitted_share_axis
from faqtune.report.charts import SIDE, WIDTH, Chart, figure_row
from faqtune.report.data import Models
from faqtune.report.general import ALL, general_mark
from faqtune.report.general import WORDS as GENERAL
from faqtune.report.limits import clipped
from faqtune.report.plot import frame
from faqtune.report.sheet import Cell, FigureRow, FigureTable, Section, change, figure, p_value, pointer
from faqtune.report.svg import document, text, text_width
from faqtune.report.verdict import HEADLINES, judged
from faqtune.report.words import PAGE
from faqtune.scorecard import Difference, Figure, short_names

ROW_HEIGHT = 36.0
MOST_MODEL_ROWS = 60
KEY = ("oscr@5", "recall@1", "auroc", "fpr95", "augrc", "answered", "precision", "accepted")
"""What one decides by; the other figures of all models are there, but folded."""

NAME_PX = 12.0

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "All models side by side",
        "reading": "{count} models on the same texts, in percent with 95 % intervals; each is compared with {base}."
        " p is corrected for all figures of all models (Holm); where it is above 0.05, the verdict has a star: by"
        " itself it is clear, but among so many figures one such may be chance.",
        "chart_reading": "Dots are figures, bars their 95 % intervals.",
        "overall": "Figures of all models",
        "others": "All other figures of these models, by kind of noise too",
        "model": "model",
        "value": "value",
        "p": "p (Holm)",
        "base": "{model} (the original)",
        "run": "{model} (this run)",
        "this": "this run",
    },
    "zh": {
        "title": "全部模型对比",
        "reading": "{count} 个模型在同样的文本上，单位为百分比，括号内为 95% 置信区间；各模型均与 {base} 比较。"
        "p 已按所有模型的全部指标校正 (Holm)；超过 0.05 时判断带星号：单看是明确的，但在这么多指标中可能出于偶然。",
        "chart_reading": "圆点为数值，横线为 95% 置信区间。",
        "overall": "全部模型的指标",
        "others": "这些模型的其余指标（含各类噪声）",
        "model": "模型",
        "value": "数值",
        "p": "校正 p (Holm)",
        "base": "{model}（原模型）",
        "run": "{model}（本次运行）",
        "this": "本次运行",
    },
}


def models(found: Models, run: str, language: Language) -> Section:
    """A chart of the headline, one table of all models, and the same by kind of noise; `run`: the model that the page
    is about."""
    say, cards = WORDS[language], found.scorecards
    short = short_names([card.model for card in cards])
    names = [
        _named(name, place, say, is_run=card.model == run)
        for place, (card, name) in enumerate(zip(cards, short, strict=True))
    ]
    known = sorted(set().union(*(card.figures for card in cards)), key=reading_order)
    groups = _groups(found, [name for name in known if name in KEY], names, language)
    if found.general:
        groups.append((GENERAL[language]["title"], _general_rows(found, names, language)))
    others = _groups(found, [name for name in known if name not in KEY], names, language)
    header = (say["model"], say["value"], PAGE[language]["difference"], say["p"], PAGE[language]["mark"])
    chart = _chart(found, names, run, language)
    return Section(
        "models",
        say["title"],
        say["reading"].format(count=len(cards), base=clipped(short[0])),
        charts=[chart] if chart else [],
        sheets=[_cut(say["overall"], header, groups)],
        folded=[_cut(say["others"], header, others)] if others else [],
    )


def _cut(caption: str, header: tuple[str, ...], groups: Sequence[tuple[str, list[FigureRow]]]) -> FigureTable:
    """The first figures, each with all its models, so that a page about many models stays small."""
    shown: list[tuple[str, list[FigureRow]]] = []
    for group in groups:
        if shown and sum(len(rows) for _, rows in shown) + len(group[1]) > MOST_MODEL_ROWS:
            break
        shown.append(group)
    return FigureTable(caption, header, shown, total=sum(len(rows) for _, rows in groups))


def _named(model: str, place: int, say: dict[str, str], *, is_run: bool) -> str:
    if place == 0:
        return say["base"].format(model=clipped(model))
    return say["run"].format(model=clipped(model)) if is_run else clipped(model)


def _groups(
    found: Models, figures: Sequence[str], names: Sequence[str], language: Language
) -> list[tuple[str, list[FigureRow]]]:
    return [(figure_name(name, language), _rows(found, name, names, language)) for name in figures]


def _rows(found: Models, name: str, names: Sequence[str], language: Language) -> list[FigureRow]:
    def differing(place: int) -> tuple[Difference | None, str]:
        source = pointer("models", "comparisons", place, "differences", name)
        return found.comparisons[place].differences.get(name), source

    values = [
        (card.figures.get(name), pointer("models", "scorecards", place, "figures", name))
        for place, card in enumerate(found.scorecards)
    ]
    return _of_models(values, differing, lambda moved: difference_mark(name, moved), names, language)


def _general_rows(found: Models, names: Sequence[str], language: Language) -> list[FigureRow]:
    measured = found.general or {}

    def differing(place: int) -> tuple[Difference | None, str]:
        source = pointer("models", "general", "differences", place, "figures", ALL)
        return Difference(**measured["differences"][place]["figures"][ALL]), source

    values = [
        (Figure(**each["figures"][ALL]), pointer("models", "general", "models", place, "figures", ALL))
        for place, each in enumerate(measured["models"])
    ]
    return _of_models(values, differing, lambda moved: general_mark(moved.model_dump()), names, language)


def _of_models(
    values: Sequence[tuple[Figure | None, str]],
    differing: Callable[[int], tuple[Difference | None, str]],
    mark_of: Callable[[Difference], str],
    names: Sequence[str],
    language: Language,
) -> list[FigureRow]:
    """One row per model that has the figure; the first has nothing to differ from."""
    rows = []
    for place, ((value, source), name) in enumerate(zip(values, names, strict=True)):
        if value is None:
            continue
        shown = figure(value.model_dump(), source)
        moved, where = differing(place - 1) if place else (None, "")
        if moved is None:
            rows.append(FigureRow(name, (shown, Cell(""), Cell("")), "", ""))
            continue
        cells = (shown, change(moved.model_dump(), where), p_value(moved.p_holm, where if moved.p_holm else ""))
        rows.append(FigureRow(name, cells, *judged(mark_of(moved), moved.p_holm, language)))
    return rows


def _chart(found: Models, names: Sequence[str], run: str, language: Language) -> Chart | None:
    """The headline of every model as a dot with its interval."""
    cards = found.scorecards
    lead = next((name for name in HEADLINES if all(name in card.figures for card in cards)), "")
    if not lead:
        return None
    figures = [card.figures[lead] for card in cards]
    box = Box(SIDE, 4, WIDTH - 2 * SIDE, ROW_HEIGHT * len(cards))
    x_axis = fitted_share_axis([end for f in figures for end in (f.low, f.high)], "", intervals=4)
    parts: list[Markup] = [frame(box, x_axis, Axis(0.0, 1.0, ()))]
    told = []
    for place, (card, name, value) in enumerate(zip(cards, names, figures, strict=True)):
        top, shown = box.top + place * ROW_HEIGHT, f"{100 * value.value:.1f} %"
        side = "before" if place == 0 else "after" if card.model == run else "second"
        name = WORDS[language]["this"] if side == "after" else name
        parts += [
            text(_fitting(name, box.width - 60), box.left, top + 14, "strong"),
            text(shown, box.right, top + 14, anchor="end"),
            figure_row(box, x_axis, top + 26, value, side),
        ]
        told.append(f"{name}: {shown}")
    title = figure_name(lead, language)
    drawing = document(WIDTH, box.bottom + 26, f"{title}. {'; '.join(told)}", *parts)
    return Chart(title, WORDS[language]["chart_reading"], drawing)


def _fitting(name: str, width: float) -> str:
    """A name cut at its beginning, since folders differ at their ends."""
    if text_width(name, NAME_PX) <= width:
        return name
    while name and text_width(f"…{name}", NAME_PX) > width:
        name = name[1:]
    return f"…{name}"
