"""The report in other forms: Markdown for a pull request or a wiki, JSON with the file behind every part."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from faqtune.evaluate import markdown
from faqtune.evaluate.table import Table
from faqtune.evaluate.wording import Language
from faqtune.report.article import article
from faqtune.report.data import LabelSummary, Models, RunReport, Vectors
from faqtune.report.sheet import FigureTable, Section, Sheet, sentences
from faqtune.report.svg import printable


def report_data(report: RunReport) -> dict[str, Any]:
    """All that the page is drawn from; the pointers of its `data-source` attributes lead into it.

    `sources` names the file behind each part, relative to the project.
    """
    return {
        "schema": 1,
        "sources": dict(report.sources),
        "comparison": report.comparison.model_dump(mode="json"),
        "models": _models(report.models) if report.models else None,
        "vectors": _vectors(report.vectors) if report.vectors else None,
        "general": report.general,
        "mteb": report.mteb,
        "details": report.details,
        "certificate": report.certificate,
        "compare": report.compared,
        "history": list(report.history),
        "recipe": dict(report.recipe),
        "run": asdict(report.run),
        "labels": _labels(report.labels) if report.labels else None,
        "examples": asdict(report.examples) if report.examples else None,
    }


def _labels(labels: LabelSummary) -> dict[str, Any]:
    return {
        "measured": dict(labels.measured),
        "training": dict(labels.training),
        "checked": {by: asdict(found) for by, found in labels.checked.items()},
        "entries": [asdict(entry) for entry in labels.entries],
    }


def _vectors(found: Vectors) -> dict[str, Any]:
    data = {name: getattr(found, name) for name in (field.name for field in fields(found))}
    return data | {"comparison": found.comparison.model_dump(mode="json") if found.comparison else None}


def _models(found: Models) -> dict[str, Any]:
    return {
        "scorecards": [card.model_dump(mode="json") for card in found.scorecards],
        "comparisons": [
            {
                "reference": each.before.model,
                "model": each.after.model,
                "differences": {name: moved.model_dump() for name, moved in each.differences.items()},
            }
            for each in found.comparisons
        ],
        "general": found.general,
    }


def report_json(report: RunReport) -> str:
    return json.dumps(report_data(report), ensure_ascii=False, indent=1) + "\n"


def report_markdown(report: RunReport, language: Language) -> str:
    """The page's sentences and tables; charts and the map stay on the page."""
    drawn = article(report, language)
    summed_up = drawn.summary
    say = drawn.words
    parts = [
        f"# {say['title']}: {_plain(report.run.name or report.comparison.after.model)}",
        f"**{_plain(summed_up.sentence.striptags())}** {summed_up.verdict}".rstrip(),
        _list(sentence.striptags() for _, sentence in summed_up.facts),
        *map(_plain, summed_up.measured),
        f"## {say['care']}" if summed_up.warnings else "",
        _list(summed_up.warnings),
        _operating(drawn),
        f"## {say['figures']}",
        sentences(language, say["figures_reading"], say["means_reading"]),
        _sheet(drawn.figures),
    ]
    for section in (drawn.models, drawn.vectors, drawn.general):
        parts += _section(section)
    if drawn.strata:
        parts += [f"## {drawn.strata.caption}", _sheet(drawn.strata)]
    for section in (drawn.promises, drawn.missing, *drawn.more, drawn.layers):
        parts += _section(section)
    tables = [*drawn.training_tables, *([drawn.labels.sources] if drawn.labels and drawn.labels.sources else [])]
    for found in tables:
        parts += [f"## {found.caption}", _sheet(found)]
    parts.append(f"## {say['run']}")
    for caption, named in drawn.facts:
        parts += [f"### {caption}", _table(("", ""), tuple(named))]
    if drawn.recipe:
        fence = "`" * 3 if "```" not in drawn.recipe else "`" * 8
        parts += [f"### {say['recipe']}", f"{fence}toml\n{drawn.recipe}\n{fence}"]
    return printable("\n\n".join(part for part in parts if part) + "\n")


def _operating(drawn: Any) -> str:
    """What the model's own threshold does."""
    if not drawn.dial:
        return ""
    rows = tuple((tile.words, f"{tile.value} {tile.interval}".rstrip()) for tile in drawn.dial.tiles)
    say = drawn.dial.words
    return "\n\n".join([f"## {say['title']}", _table((say["threshold"], drawn.dial.threshold), rows), drawn.dial.care])


def _section(section: Section | None) -> list[str]:
    if section is None or not (section.sheets or section.folded):
        return []
    parts = [f"## {section.title}", section.reading]
    for found in (*section.sheets, *section.folded):
        parts += [f"### {found.caption}" if found.caption != section.title else "", _sheet(found)]
    for caption, facts in section.facts:
        parts += [f"### {caption}", _table(("", ""), tuple((name, cell.whole) for name, cell in facts))]
    return parts


def _sheet(found: Sheet | FigureTable) -> str:
    """Rows of a group begin with its name, where groups have any."""
    if isinstance(found, FigureTable):
        first = ("",) if any(name for name, _ in found.groups) else ()
        rows = tuple(
            (*(name for _ in first), row.name, *(cell.whole for cell in row.cells), row.verdict)
            for name, group in found.groups
            for row in group
        )
        return _table((*first, *found.header), rows)
    return _table(found.header, tuple(tuple(cell.whole for cell in row) for row in found.rows))


def _table(header: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    return markdown(Table(tuple(map(_plain, header)), tuple(tuple(map(_plain, row)) for row in rows), ()))


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {_plain(sentence)}" for sentence in sentences)


def _plain(text: str) -> str:
    """One line, in which a customer's text is neither markup nor a link.

    >>> _plain("<b>[a](b)</b>\\n# x")
    '&lt;b>\\\\[a\\\\](b)&lt;/b> # x'
    """
    line = " ".join(text.split())
    return re.sub(r"([\[\]*`])", r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;"))
