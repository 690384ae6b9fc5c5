"""The picture of a README: what tuning changed, at one glance. It brings its own paper, for dark pages too."""

from __future__ import annotations

from markupsafe import Markup

from faqtune.errors import UserError
from faqtune.evaluate.wording import Language, figure_name
from faqtune.report.axes import Box
from faqtune.report.chart_words import CHARTS
from faqtune.report.charts import curves_in, densities_in, has_densities, score_axis
from faqtune.report.plot import LINE_PX, card, legend
from faqtune.report.svg import document, spans, text, text_width
from faqtune.report.theme import file_css
from faqtune.report.verdict import Change, change
from faqtune.report.words import PAGE
from faqtune.scorecard import Comparison, short_names

WIDTH, HEIGHT = 840.0, 424.0
TOP = 96.0
MARGIN = 30.0
CHART_WIDTH = 440.0
KEY_LEFT = MARGIN + CHART_WIDTH + 44
KEY_FIGURES = ("oscr@5", "recall@1", "fpr95")


def before_after_svg(comparison: Comparison, language: Language = "en") -> str:
    """Distributions of scores before and after where the scorecards hold them, else the OSCR curves, with the key
    figures beside. A whole SVG file with fixed light colours. Raises UserError if no noise was measured."""
    words = CHARTS[language]
    if "oscr" not in comparison.before.curves:
        raise UserError(
            f"{comparison.after.part}: no noise was measured, so that there is no change in rejection to draw",
            "add chatter under [noise] in faqtune.toml",
        )
    has_scores = has_densities(comparison.before) and has_densities(comparison.after)
    kind = "scores" if has_scores else "oscr"
    drawn = _scores(comparison, language) if has_scores else _curves(comparison, language)
    subtitle = words[f"{kind}_title"]
    key, told = _key_figures(comparison, language)
    heading = [text(PAGE[language]["title"], MARGIN, 44, "title"), text(subtitle, MARGIN, 66)]
    return document(WIDTH, HEIGHT, f"{subtitle}. {told}", card(WIDTH, HEIGHT), *heading, drawn, key, css=file_css())


def _scores(comparison: Comparison, language: Language) -> Markup:
    words = CHARTS[language]
    cards = {"before": comparison.before, "after": comparison.after}
    x_axis = score_axis(list(cards.values()), words["cosine"])
    names = [("after", words["questions"]), ("noise", words["noise"])]
    parts = [legend(names, MARGIN, TOP, CHART_WIDTH)[0]]
    top = TOP + 18
    for side, measured in cards.items():
        box = Box(MARGIN, top, CHART_WIDTH, 114)
        parts += [
            densities_in(box, x_axis, measured, x_labels=side == "after"),
            text(words[side], box.left, box.top + 14, "strong"),
        ]
        top = box.bottom + 18
    return Markup("").join(parts)


def _curves(comparison: Comparison, language: Language) -> Markup:
    words = CHARTS[language]
    names = [("before", words["before"]), ("after", words["after"])]
    box = Box(MARGIN + 24, TOP + 38, CHART_WIDTH - 24, 232)
    return Markup("").join(
        [
            legend(names, MARGIN, TOP, CHART_WIDTH)[0],
            text(words["answered_right"], MARGIN, TOP + 24),
            curves_in(box, comparison, "oscr", language),
        ]
    )


def _key_figures(comparison: Comparison, language: Language) -> tuple[Markup, str]:
    """Each key figure with its name above, before → after in large type, intervals below; and the same in words."""
    found = [c for name in KEY_FIGURES if (c := change(comparison, name))]
    parts: list[Markup] = []
    told: list[str] = []
    top = TOP
    for c in found:
        name = figure_name(c.name, language)
        lines = _wrapped(name, WIDTH - MARGIN - KEY_LEFT)
        parts += [text(line, KEY_LEFT, top + row * LINE_PX) for row, line in enumerate(lines)]
        top += (len(lines) - 1) * LINE_PX
        parts += [_large(c, top + 32), text(_intervals(c, language), KEY_LEFT, top + 52)]
        told.append(f"{name}: {_rate(c.before.value)} → {_rate(c.after.value)}.")
        top += 94
    model = f"{PAGE[language]['model_before']}: {short_names([comparison.before.model])[0]}"
    parts.append(text(_shortened(model, WIDTH - MARGIN - KEY_LEFT), KEY_LEFT, HEIGHT - MARGIN + 8))
    return Markup("").join(parts), " ".join(told)


def _large(c: Change, y: float) -> Markup:
    values = (_rate(c.before.value), "value-before"), ("\u2002→\u2002", "tick"), (_rate(c.after.value), "value-after")
    return spans(KEY_LEFT, y, "big", *values)


def _intervals(c: Change, language: Language) -> str:
    old, new = ((f"{100 * f.low:.0f}–{100 * f.high:.0f}") for f in (c.before, c.after))
    return f"[{old}] → [{new}]" + (" 95 % interval" if language == "en" else " 95% 区间")


def _rate(share: float) -> str:
    return f"{100 * share:.1f} %"


def _wrapped(words: str, width: float) -> list[str]:
    """Lines of at most `width` pixels, broken at spaces."""
    lines = [""]
    for word in words.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, 12) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _shortened(words: str, width: float) -> str:
    """The start of `words` that fits, with … where something is missing."""
    if text_width(words, 12) <= width:
        return words
    kept = words
    while kept and text_width(kept + "…", 12) > width:
        kept = kept[:-1]
    return kept + "…"
