"""What the benchmarks share: the machine they ran on, and seeds put together."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from faqtune.evaluate import markdown, format_comparison
from faqtune.progress import Silent
from faqtune.scorecard import Comparison

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
    lines = ["| figure | before | after | difference | range over seeds | interval leaves 0 out |", "|---|---|---|---|---|---|"]
    for name in SHOWN:
        rows = [c for c in comparisons if name in c.differences]
        if rows:
            before = sum(c.before.figures[name].value for c in rows) / len(rows)
            after = sum(c.after.figures[name].value for c in rows) / len(rows)
            changes = [c.differences[name].value for c in rows]
            clear = sum(c.differences[name].is_clear for c in rows)
            lines.append(
                f"| {name} | {before:.3f} | {after:.3f} | {after - before:+.3f} "
                f"| {min(changes):+.3f} to {max(changes):+.3f} | {clear} of {len(rows)} |"
            )
    return "\n".join(lines)


def _keep(name: str, settings: dict[str, str], seeds: Sequence[int], comparisons: Sequence[Comparison]) -> None:
    RESULTS.mkdir(exist_ok=True)
    done = {
        "benchmark": name,
        "machine": machine(),
        "settings": settings,
        "seeds": list(seeds[: len(comparisons)]),
        "comparisons": [c.model_dump(exclude={"before": {"curves"}, "after": {"curves"}}) for c in comparisons],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(done, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    tables = "\n\n".join(
        f"## Seed {seed}\n\n{markdown(format_comparison(c))}" for seed, c in zip(seeds, comparisons, strict=False)
    )
    facts = "\n".join(f"- {key}: {value}" for key, value in {**machine(), **settings}.items())
    text = f"# {name}\n\n{facts}\n\n## Mean of {len(comparisons)} seeds\n\n{summary(comparisons)}\n\n{tables}\n"
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
