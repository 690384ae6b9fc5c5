"""The figures of finished projects' reports, base against tuned, without their texts.

    python benchmarks/reports.py NAME=PROJECT [NAME=PROJECT ...]

PROJECT is a project folder that `faqtune tune`, `faqtune calibrate`, `faqtune compare --data` and
`faqtune report --format json` have gone over. Everything is read from the newest run's report.json, as the
page shows it. A report's examples are customers' texts and stay where they are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import RESULTS, machine, table_of
from faqtune import Workspace
from faqtune.evaluate import format_comparison, markdown
from faqtune.runs import find_run
from faqtune.scorecard import Comparison
from faqtune.stored import write_json, write_text

SCOPES = {"all": "all pairs", "zh": "Chinese pairs", "en": "English pairs"}


def percent(found: Mapping[str, Any], sign: str = "") -> str:
    value, low, high = (f"{100 * found[name]:{sign}.1f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def report_of(project: Path) -> dict[str, Any]:
    """What the report of a project's newest run shows."""
    path = find_run(Workspace(project)).folder / "report.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def section(name: str, report: dict[str, Any]) -> str:
    comparison = Comparison.model_validate(report["comparison"])
    counts = ", ".join(f"{count} {what}" for what, count in comparison.after.counts.items())
    parts = [f"## {name}", f"{comparison.after.part}: {counts}. Percent.", markdown(format_comparison(comparison))]
    if report["general"]:
        before, after = (each["figures"] for each in report["general"]["models"][:2])
        changes = report["general"]["differences"][0]["figures"]
        rows = [
            {
                "everyday sentences": said,
                "before": percent(before[scope]),
                "after": percent(after[scope]),
                "difference": percent(changes[scope], "+"),
            }
            for scope, said in SCOPES.items()
        ]
        parts.append(table_of(rows))
    if certificate := report["certificate"]:
        rows = [
            {
                "promise": promise["what"],
                "at most": f"{100 * promise['at_most']:.1f}",
                "bound": f"{100 * promise['bound']:.1f}",
                "seen": f"{100 * promise['observed']:.1f}",
                "units": str(promise["units"]),
                "kept": "yes" if promise["kept"] else "no",
            }
            for promise in certificate["promises"]
        ]
        seen = [
            {"with that threshold, on the test": figure, "value": percent(found)}
            for figure, found in certificate["test"]["figures"].items()
        ]
        parts += [
            f"Certificate: {'certified' if certificate['certified'] else 'not certified'}, "
            f"from a cosine of {certificate['threshold_cosine']:.4f} on.",
            table_of(rows),
            table_of(seen),
        ]
    return "\n\n".join(parts)


def kept(report: dict[str, Any]) -> dict[str, Any]:
    """The figures alone."""
    return {
        "before": report["comparison"]["before"]["figures"],
        "after": report["comparison"]["after"]["figures"],
        "differences": report["comparison"]["differences"],
        "general": report["general"] and report["general"]["differences"][0]["figures"],
        "promises": report["certificate"] and report["certificate"]["promises"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+", metavar="NAME=PROJECT")
    given = parser.parse_args()
    projects = {name: Path(folder) for name, _, folder in (each.partition("=") for each in given.projects)}
    reports = {name: report_of(folder) for name, folder in projects.items()}
    about = ", ".join(f"{key}: {value}" for key, value in machine().items())
    text = "\n\n".join(["# reports", *(section(name, report) for name, report in reports.items()), f"- {about}"])
    write_text(RESULTS / "reports.md", text + "\n")
    figures = {name: kept(report) for name, report in reports.items()}
    write_json(RESULTS / "reports.json", {"benchmark": "reports", "results": figures, "machine": machine()})
    print(text, flush=True)


if __name__ == "__main__":
    main()
