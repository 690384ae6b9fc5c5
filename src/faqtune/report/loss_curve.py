"""`loss_curve.svg`: the picture of a training that is kept with every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from faqtune.evaluate.wording import Language
from faqtune.report.axes import Box
from faqtune.report.history import training
from faqtune.report.plot import LINE_PX, card
from faqtune.report.svg import document, text
from faqtune.report.theme import file_css
from faqtune.report.training_charts import (
    Panel,
    loss_panel,
    marks_height,
    noise_panel,
    panel_legend,
    plot,
    selection_panel,
    told,
)

WIDTH = 760.0
LEFT, RIGHT = 60.0, 28.0
TOP = 34.0
HEIGHTS = {"loss": 190.0, "figure": 90.0}


def loss_curve_svg(history: Sequence[Mapping[str, Any]], language: Language = "en") -> str:
    """Loss per step and smoothed; below it recall@1, OSCR@5%, AUROC and noise similarity over the same steps, with the
    best step and the stages marked.

    `history` are the events of `log.jsonl`, maybe none. A whole SVG file with fixed light colours.
    """
    run = training(history)
    selection = selection_panel(run, language)
    single = [
        Panel(f"{line.name}, %", "", (replace(line, kind="after"),), is_share=True)
        for line in reversed(selection.lines)
    ]
    panels = [panel for panel in (loss_panel(run, language), *single, noise_panel(run, language)) if panel.lines]
    parts: list[Markup] = []
    top = TOP
    for panel in panels:
        parts.append(text(panel.title, LEFT, top, "strong"))
        names, rows = panel_legend(panel, LEFT, top + LINE_PX + 4, WIDTH - LEFT) if len(panel.lines) > 1 else ("", 0)
        height = HEIGHTS["loss" if panel.from_zero else "figure"]
        box = Box(LEFT, top + 4 + (rows + 0.5) * LINE_PX + marks_height(run), WIDTH - LEFT - RIGHT, height)
        parts += [Markup(names), plot(box, run, panel, language, x_labels=panel is panels[-1])]
        top = box.bottom + 2 * LINE_PX
    bottom = top + LINE_PX
    alternative = " ".join(told(panel, language) for panel in panels)
    return document(WIDTH, bottom, alternative, card(WIDTH, bottom), *parts, css=file_css())
