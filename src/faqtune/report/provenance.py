"""How a model came about, as names and values: run, counts, versions, digests, recipe."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from faqtune.evaluate.wording import Language
from faqtune.report.data import RunFacts, RunReport
from faqtune.report.limits import clipped
from faqtune.report.names import FILES, NAMES, STATES, part_name
from faqtune.report.words import PAGE

Rows = list[tuple[str, str]]


def facts(report: RunReport, language: Language) -> list[tuple[str, Rows]]:
    """Tables (caption, rows of name and value); what is not known is left out."""
    words, run = PAGE[language], report.run
    counts = {NAMES[language].get(name, name): count for name, count in run.counts.items()}
    files = {FILES[language].get(name, name): value for name, value in run.digests.items()}
    digests = {**files, words["measured_data"]: report.comparison.after.digest}
    tables: dict[str, Mapping[str, object]] = {
        words["facts"]: _run_facts(report, language),
        words["counts"]: counts,
        words["versions"]: run.versions,
        words["digests"]: digests,
    }
    shown = [
        (caption, [(clipped(name), clipped(str(value))) for name, value in rows.items() if value != ""])
        for caption, rows in tables.items()
    ]
    return [(caption, rows) for caption, rows in shown if rows]


def outline(data: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Lines of nested settings in the form of TOML: values first, then tables.

    >>> print("\\n".join(outline({"seed": 0, "stages": [{"name": "a", "data": {"labels": 1.0}}]})))
    seed = 0
    <BLANKLINE>
    [[stages]]
    name = "a"
    <BLANKLINE>
    [stages.data]
    labels = 1.0
    """
    for key, value in data.items():
        if not _is_table(value):
            yield clipped(f"{key} = {json.dumps(value, ensure_ascii=False, default=str)}")
    for key, value in data.items():
        if _is_table(value):
            name = f"{prefix}{key}"
            for table in value if isinstance(value, list) else [value]:
                yield ""
                yield f"[[{clipped(name)}]]" if isinstance(value, list) else f"[{clipped(name)}]"
                yield from outline(table, f"{name}.")


def _run_facts(report: RunReport, language: Language) -> dict[str, str]:
    words, run = PAGE[language], report.run
    before, after = report.comparison.before, report.comparison.after
    return {
        words["name"]: run.name,
        words["status"]: STATES[language].get(run.status, run.status),
        words["device"]: run.device,
        words["duration"]: "" if run.seconds is None else f"{run.seconds:,.0f}",
        words["best"]: _best(run, language),
        words["model_before"]: before.model,
        words["model_after"]: after.model,
        words["part"]: part_name(after.part, language),
        words["created"]: after.created,
    }


def _best(run: RunFacts, language: Language) -> str:
    words = PAGE[language]
    if run.best_stage is None or run.best_step is None:
        return ""
    if run.best_stage == 0:
        return words["base_model"]
    return words["stage_step"].format(stage=run.best_stage, step=run.best_step)


def _is_table(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)
