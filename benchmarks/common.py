"""What the benchmarks share: the machine they ran on, and seeds put together."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

from faqtune.evaluate import format_comparison, markdown
from faqtune.progress import Silent
from faqtune.scorecard import Comparison
from faqtune.workspace import write_json, write_text

RESULTS = Path(__file__).parent / "results"
SHOWN = ("recall@1", "recall@5", "mrr@10", "auroc", "fpr95", "oscr@1", "oscr@5", "oscr@10")


class Lines(Silent):
    """Progress as plain lines."""

    def say(self, text: str) -> None:
        print(text, flush=True)


def machine() -> dict[str, str]:
    """Date, versions and hardware, kept with every result."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "date": date.today().isoformat(),
        "cpu": f"{cpu}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: version(name) for name in ("faqtune", "torch", "transformers", "sentence-transformers")},
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []


def run_seeds(name: str, seeds: Sequence[int], one: Callable[[int], Comparison], settings: dict[str, str]) -> None:
    """Run `one` for every seed, print each table, and keep all under `benchmarks/results/`."""
    comparisons = []
    for seed in seeds:
        comparison = one(seed)
        comparisons.append(comparison)
        print(f"\n## seed {seed}\n\n{markdown(format_comparison(comparison))}", flush=True)
        _keep(name, settings, seeds, comparisons)
    print(f"\n## mean of {len(comparisons)} seeds\n\n{summary(comparisons)}")


def summary(comparisons: Sequence[Comparison]) -> str:
    """Means over seeds, the range of the differences, and on how many seeds each interval leaves zero out."""
    header = "| figure | before | after | difference | range over seeds | interval leaves 0 out |"
    rows = [_row(name, [c for c in comparisons if name in c.differences]) for name in SHOWN]
    return "\n".join([header, "|---|---|---|---|---|---|", *filter(None, rows)])


def _row(name: str, comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return ""
    before = fmean(comparison.before.figures[name].value for comparison in comparisons)
    after = fmean(comparison.after.figures[name].value for comparison in comparisons)
    changes = [comparison.differences[name].value for comparison in comparisons]
    clear = sum(comparison.differences[name].is_clear for comparison in comparisons)
    return (
        f"| {name} | {before:.3f} | {after:.3f} | {after - before:+.3f} "
        f"| {min(changes):+.3f} to {max(changes):+.3f} | {clear} of {len(comparisons)} |"
    )


def _keep(name: str, settings: dict[str, str], seeds: Sequence[int], comparisons: Sequence[Comparison]) -> None:
    done = {
        "benchmark": name,
        "machine": machine(),
        "settings": settings,
        "seeds": list(seeds[: len(comparisons)]),
        "comparisons": [c.model_dump(exclude={"before": {"curves"}, "after": {"curves"}}) for c in comparisons],
    }
    write_json(RESULTS / f"{name}.json", done)
    tables = "\n\n".join(
        f"## Seed {seed}\n\n{markdown(format_comparison(c))}" for seed, c in zip(seeds, comparisons, strict=False)
    )
    facts = "\n".join(f"- {key}: {value}" for key, value in {**machine(), **settings}.items())
    text = f"# {name}\n\n{facts}\n\n## Mean of {len(comparisons)} seeds\n\n{summary(comparisons)}\n\n{tables}\n"
    write_text(RESULTS / f"{name}.md", text)
