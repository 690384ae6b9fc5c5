"""How training labels are spread over the entries."""

from __future__ import annotations

from collections.abc import Sequence

from faqtune.evaluate.wording import Language
from faqtune.report.axes import Axis, Box, count_axis
from faqtune.report.chart_words import CHARTS
from faqtune.report.charts import LEFT, RIGHT, WIDTH, Chart
from faqtune.report.data import EntryLabels
from faqtune.report.plot import frame
from faqtune.report.svg import document, element, text

BINS = ((0, 0), (1, 2), (3, 5), (6, 10), (11, 20), (21, 50), (51, None))
GAP_PX = 10.0


def label_chart(entries: Sequence[EntryLabels], language: Language) -> Chart:
    """Bars: how many entries have no label, one or two, and so on."""
    words = CHARTS[language]
    counts = [sum(low <= e.labels and (high is None or e.labels <= high) for e in entries) for low, high in BINS]
    y_axis = count_axis(max(counts), "")
    box = Box(LEFT, 40, WIDTH - LEFT - RIGHT, 130)
    parts = [text(words["entry_count"], LEFT - 22, 16), frame(box, Axis(0.0, 1.0, (), words["label_count"]), y_axis)]
    slot = box.width / len(BINS)
    for place, (count, (low, high)) in enumerate(zip(counts, BINS, strict=True)):
        left, y = box.left + place * slot + GAP_PX / 2, box.y(y_axis, count)
        kind = "bar none" if high == 0 else "bar"
        parts.append(element("rect", x=left, y=y, width=slot - GAP_PX, height=box.bottom - y, class_=kind))
        centre = box.left + (place + 0.5) * slot
        parts.append(text(_bin_name(low, high), centre, box.bottom + 17, anchor="middle"))
        if count:
            parts.append(text(str(count), centre, y - 4, "strong", "middle"))
    alternative = words["labels_alt"].format(entries=len(entries), without=counts[0])
    return Chart(words["labels_title"], words["labels_reading"], document(WIDTH, box.bottom + 42, alternative, *parts))


def _bin_name(low: int, high: int | None) -> str:
    if high is None:
        return f"{low}+"
    return str(low) if low == high else f"{low}–{high}"
