"""What a company sees of a run: one self-contained page, and pictures.

Everything here is drawn from data that was measured elsewhere; nothing is computed. `report_html`
is the page for the service manager and the engineer, `report_markdown` and `report_json` the same for a
pull request and for a program, `loss_curve_svg` the picture kept with every
run, `before_after_svg` the one for a README, `heat_map_svg` that of a comparison layer by layer.
"""

from faqtune.report.data import (
    Checked,
    EntryLabels,
    Example,
    Examples,
    LabelSummary,
    Models,
    RunFacts,
    RunReport,
    Vectors,
)
from faqtune.report.export import report_json, report_markdown
from faqtune.report.heat_map import heat_map_svg
from faqtune.report.html import report_html
from faqtune.report.loss_curve import loss_curve_svg
from faqtune.report.picture import before_after_svg
from faqtune.report.promise_words import WORDS as PROMISE_WORDS

__all__ = [
    "PROMISE_WORDS",
    "Checked",
    "EntryLabels",
    "Example",
    "Examples",
    "LabelSummary",
    "Models",
    "RunFacts",
    "RunReport",
    "Vectors",
    "before_after_svg",
    "heat_map_svg",
    "loss_curve_svg",
    "report_html",
    "report_json",
    "report_markdown",
]
