"""Time to quality: how long a training takes until it is as good as the best of sentence-transformers ends."""

from __future__ import annotations

from typing import Any

from common import RESULTS, table_of
from faqtune.stored import write_json, write_text

Result = dict[str, Any]
OURS, RIVAL_OF_TIME, FIGURE = "faqtune:default", "st-mnrl", "oscr@5"
NEVER = "never"
KEPT = ("method", "seed", "machine", "device", "at_a_time", "seconds", "curve", "stopped")

ABOUT = """\
The goal of a seed is the highest OSCR@5% on the selection part that any recipe of sentence-transformers reached
on the same kind of machine; what counts is the first measurement of a training that is not below it. On a CPU:
seconds of one thread; faqtune trains in bfloat16, sentence-transformers in float32, its default there, or where
the method says `bf16` in bfloat16. On a GPU, where all train in bfloat16: seconds of the wall; where trainings
shared the card their seconds are in brackets, since they are no measure. Loading the data, mining and all
measurements on the way count. `ends` is the highest figure of the training. Trainings that never reach the goal
are left out, but for faqtune's own."""


def where(result: Result) -> str:
    """The kind of machine that a result is from."""
    return "GPU" if "gpu" in result["machine"] else "CPU"


def alone(result: Result) -> bool:
    """Whether its seconds are a measure: other work lengthens those of the wall, not those of a CPU."""
    return where(result) == "CPU" or result.get("at_a_time", 1) == 1


def write_times(by_name: dict[str, list[Result]]) -> None:
    """Put the curves of trainings by data set into `benchmarks/results/time_to_quality.{json,md}`, and print them."""
    parts, kept, machines = [], {}, set()
    for name, results in by_name.items():
        rows = rows_of(results)
        if not rows:
            continue
        parts += [f"## {name}", table_of(rows)]
        kept[name] = [{key: result[key] for key in KEPT if key in result} for result in results if result.get("curve")]
        machines |= {", ".join(f"{key}: {value}" for key, value in result["machine"].items()) for result in results}
    text = "\n\n".join(["# time to quality", ABOUT, *parts, "\n".join(f"- {machine}" for machine in sorted(machines))])
    write_text(RESULTS / "time_to_quality.md", f"{text}\n")
    write_json(RESULTS / "time_to_quality.json", {"benchmark": "time_to_quality", "results": kept})
    print(f"\n{text}", flush=True)


def rows_of(results: list[Result]) -> list[dict[str, str]]:
    """Rows of the trainings of each kind of machine and seed that have a goal."""
    rows = []
    for kind, seed in sorted({(where(result), result["seed"]) for result in results}):
        there = [r for r in results if (where(r), r["seed"]) == (kind, seed) and r.get("curve")]
        goals = [_top(r) for r in there if r["method"].startswith(RIVAL_OF_TIME)]
        if goals:
            found = [_row(result, kind, max(goals)) for result in there]
            rows += [
                row for row in found if row["at step"] != NEVER or row["method"] == OURS or "stopped" in row["ends"]
            ]
    return rows


def _top(result: Result) -> float:
    return max(point[FIGURE] for point in result["curve"] if point["step"])


def _row(result: Result, kind: str, goal: float) -> dict[str, str]:
    stopped = f" (stopped at step {result['stopped']})" if "stopped" in result else ""
    reached = next((point for point in result["curve"] if point["step"] and point[FIGURE] >= goal), None)
    seconds = f"{reached['seconds']:.0f}" if reached else ""
    return {
        "machine": kind,
        "seed": str(result["seed"]),
        "goal": f"{100 * goal:.1f}",
        "method": result["method"],
        "ends": f"{100 * _top(result):.1f}{stopped}",
        "at step": f"{reached['step']:g}" if reached else NEVER,
        "seconds until the goal": seconds if alone(result) or not reached else f"({seconds})",
        "seconds in all": f"{result['seconds']:.0f}" if alone(result) else f"({result['seconds']:.0f})",
    }
