"""What the benchmarks share: the machine they ran on, runs kept side by side, and seeds put together."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

from faqtune.evaluate import format_comparison, markdown
from faqtune.progress import Silent
from faqtune.scorecard import Comparison
from faqtune.stored import write_json, write_text

RESULTS = Path(__file__).parent / "results"
SHOWN = ("recall@1", "recall@5", "mrr@10", "auroc", "fpr95", "oscr@1", "oscr@5", "oscr@10")


class Lines(Silent):
    """Progress as plain lines."""

    def say(self, text: str) -> None:
        print(text, flush=True)


def machine() -> dict[str, str]:
    """Date, versions and hardware, kept with every result."""
    import torch

    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "date": date.today().isoformat(),
        "cpu": f"{cpu}, {os.cpu_count()} cores",
        **({"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}),
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


def clock_of(threads: int) -> Callable[[], float]:
    """Use so many threads, and tell the time in seconds: with one thread, of the CPU, which other work on the
    machine does not lengthen; with several, of the wall."""
    import torch

    torch.set_num_threads(threads)
    return time.process_time if threads == 1 else time.perf_counter


def gpu_clock() -> float:
    """Seconds of the wall, after all that the GPU was told to do."""
    import torch

    torch.cuda.synchronize()
    return time.perf_counter()


def peak_memory_bytes() -> int:
    """Most memory that this process has held so far. Not getrusage: that begins with the peak of what started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def fresh(script: str, *positional: object, **options: object) -> dict[str, Any]:
    """Run a benchmark's script in a process of its own; the JSON object on the last line that it prints.

    Memory is then measured from nothing, and no side warms up the caches of the other.
    """
    given = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, script, *map(str, positional), *given]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def keep_run(name: str, about: str, key: str, row: dict[str, str], details: dict[str, Any]) -> None:
    """Put one run into `benchmarks/results/`, in the place of an earlier run of the same `key`, and print its row.

    A run that takes long can so be repeated by itself; each keeps the machine it ran on.
    """
    path, runs = RESULTS / f"{name}.json", kept_runs(name)
    runs[key] = {"machine": machine(), "row": row, **details}
    write_json(path, {"benchmark": name, "runs": runs})
    write_runs(name, about, runs)
    print(table_of([row]), flush=True)


def write_runs(name: str, about: str, runs: dict[str, Any]) -> None:
    """The table of all runs, and on what machines they ran; which on which, where there are several."""
    of_machine: dict[str, list[str]] = {}
    for key, run in runs.items():
        of_machine.setdefault(", ".join(f"{k}: {v}" for k, v in run["machine"].items()), []).append(key)
    facts = "\n".join(
        f"- {found}" if len(of_machine) == 1 else f"- {', '.join(keys)}: {found}" for found, keys in of_machine.items()
    )
    table = table_of([run["row"] for run in runs.values()])
    write_text(RESULTS / f"{name}.md", f"# {name}\n\n{about.strip()}\n\n{table}\n\n{facts}\n")


def kept_runs(name: str) -> dict[str, Any]:
    """What `keep_run` has kept, by key."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else {}


def table_of(rows: Sequence[dict[str, str]]) -> str:
    """A Markdown table of rows with the same keys; a word where there are none."""
    if not rows:
        return "(nothing to compare)"
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([row.get(name, "") for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
