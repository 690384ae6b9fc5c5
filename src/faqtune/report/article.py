"""Everything that one language's half of the page shows, as plain data for the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faqtune.evaluate.wording import Language, stratum_name
from faqtune.report.chart_words import CHARTS
from faqtune.report.charts import Chart, curve_chart, scores_chart, strata_chart
from faqtune.report.data import Example, LabelSummary, RunReport
from faqtune.report.figure_rows import figure_rows
from faqtune.report.general import general
from faqtune.report.history import training
from faqtune.report.label_chart import label_chart
from faqtune.report.layers import layers
from faqtune.report.limits import Listing, clipped, listing
from faqtune.report.maps import maps
from faqtune.report.missing import missing
from faqtune.report.models import models
from faqtune.report.operating import Dial, dial, risk_chart
from faqtune.report.probability_charts import reliability_chart, similarity_chart
from faqtune.report.promises import promises
from faqtune.report.provenance import Rows, facts, outline
from faqtune.report.sheet import Cell, FigureRow, FigureTable, Row, Section, Sheet, count, pointer, sheet
from faqtune.report.sheet import words as say
from faqtune.report.slices import by_entry, mistakes
from faqtune.report.summary import Summary, summary
from faqtune.report.training_charts import training_charts
from faqtune.report.training_tables import measured, mining
from faqtune.report.vectors import vectors
from faqtune.report.verdict import narrowed, overall, strata_of
from faqtune.report.words import PAGE
from faqtune.scorecard import Comparison


@dataclass(frozen=True, slots=True)
class Labels:
    """`sources`: labels by who gave them, and how many people found right; `without` the entries without labels."""

    sources: Sheet | None
    covered: str
    without: Listing[str]
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class Article:
    """`examples` are (title, rows of text, expected, before, after); `facts` (caption, rows)."""

    language: Language
    words: dict[str, str]
    sides: dict[str, str]
    summary: Summary
    dial: Dial | None
    missing: Section | None
    map: Section | None
    figures: FigureTable
    models: Section | None
    vectors: Section | None
    general: Section | None
    charts: list[Chart]
    strata: FigureTable | None
    strata_charts: list[Chart]
    promises: Section | None
    training: list[Chart]
    training_tables: list[Sheet]
    more: list[Section]
    layers: Section | None
    labels: Labels | None
    examples: list[tuple[str, Listing[tuple[str, ...]]]]
    facts: list[tuple[str, Rows]]
    recipe: str


def article(report: RunReport, language: Language) -> Article:
    comparison, run, details = report.comparison, training(report.history), report.details or {}
    charts = [
        curve_chart(comparison, "oscr", language),
        curve_chart(comparison, "roc", language),
        risk_chart(details, _own(comparison), language),
        scores_chart(comparison, language),
        similarity_chart(comparison, language),
        reliability_chart(comparison, language),
    ]
    by_stratum = strata_chart(comparison, language)
    return Article(
        language=language,
        words=PAGE[language],
        sides={side: CHARTS[language][side] for side in ("before", "after")},
        summary=summary(report, language),
        dial=dial(
            details,
            comparison.after.threshold_cosine,
            comparison.after.margin_cosine,
            _is_certified(report),
            language,
        ),
        missing=missing(details, language),
        map=maps(details, language),
        figures=_figure_table("figures", [("", figure_rows(overall(comparison), language))], language),
        models=models(report.models, comparison.after.model, language) if report.models else None,
        vectors=vectors(report.vectors, comparison.after.digest, language) if report.vectors else None,
        general=general(report, language),
        charts=[chart for chart in charts if chart],
        strata=_strata(comparison, language),
        strata_charts=[by_stratum] if by_stratum else [],
        promises=promises(report.certificate, comparison.after, language) if report.certificate else None,
        training=training_charts(run, language),
        training_tables=_training_tables(report, language),
        more=[part for part in (by_entry(comparison, language), mistakes(comparison, language)) if part],
        layers=layers(report.compared or {}, language),
        labels=_labels(report.labels, language) if report.labels else None,
        examples=_examples(report, language),
        facts=facts(report, language),
        recipe="\n".join(outline(report.recipe)),
    )


def _figure_table(title: str, groups: Sequence[tuple[str, list[FigureRow]]], language: Language) -> FigureTable:
    words, sides = PAGE[language], CHARTS[language]
    header = (words["metric"], sides["before"], sides["after"], words["difference"], words["mark"])
    return FigureTable(words[title], header, groups)


def _strata(comparison: Comparison, language: Language) -> FigureTable | None:
    """The figures of each kind of noise; None where none was measured."""
    groups = [
        (stratum_name(s, language), figure_rows(narrowed(comparison, s), language, s)) for s in strata_of(comparison)
    ]
    return _figure_table("strata", groups, language) if groups else None


def _training_tables(report: RunReport, language: Language) -> list[Sheet]:
    best = report.run.best_stage, report.run.best_step
    tables = measured(report.history, best, language), mining(report.history, language)
    return [table for table in tables if table]


def _labels(labels: LabelSummary, language: Language) -> Labels:
    words, total = PAGE[language], len(labels.entries)
    without = [clipped(entry.question) for entry in labels.entries if not entry.labels]
    covered = words["without_count"].format(count=len(without), total=total) if without else words["every"]
    rows: list[Row] = []
    for by in dict.fromkeys([*labels.training, *labels.checked]):
        found, at = labels.checked.get(by), ("labels", "checked", by)
        confirmed = words["confirmed_of"].format(right=found.right, compared=found.compared) if found else ""
        counted = count(labels.training.get(by, 0), pointer("labels", "training", by) if by in labels.training else "")
        rows.append((say(by), counted, Cell(confirmed, "", pointer(*at) if found else "")))
    header = [words[name] for name in ("source", "label_count", "precision")]
    sources = sheet(words["training_labels"], header, rows) if rows else None
    chart = label_chart(labels.entries, language) if total else None
    return Labels(sources, covered if total else "", listing(without), chart)


def _examples(report: RunReport, language: Language) -> list[tuple[str, Listing[tuple[str, ...]]]]:
    if report.examples is None:
        return []
    words, found = PAGE[language], report.examples
    named = ((words["now_right"], found.now_right), (words["now_wrong"], found.now_wrong))
    return [(title, listing([_example(e, words["rejected"]) for e in texts])) for title, texts in named if texts]


def _example(example: Example, rejected: str) -> tuple[str, ...]:
    outcomes = (example.expected, example.before, example.after)
    return (clipped(example.text), *(clipped(outcome) or rejected for outcome in outcomes))


def _is_certified(report: RunReport) -> bool:
    """Whether the threshold that was measured at is the one that the certificate promises things for."""
    certificate = report.certificate or {}
    own = report.comparison.after.threshold_cosine
    return bool(certificate.get("certified")) and certificate.get("threshold_cosine") == own


def _own(comparison: Comparison) -> tuple[float | None, float | None]:
    return comparison.before.threshold_cosine, comparison.after.threshold_cosine
