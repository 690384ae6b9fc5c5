"""Which figure of the selection part to choose a model by: every measurement of a training is kept, on all parts.

    python benchmarks/choosing.py record --data DATA --work WORK --out OUT [what campaign.py takes]
    python benchmarks/choosing.py figures WORK [--test]

`record` runs the plan `choosing` of `campaign.py`, and keeps of each measurement what the model did with the texts of
the selection, the calibration and the test part: WORK/moments/<name>/seed<n>/<method>.npz. `figures` lets each rule
of RULES choose a step of every training by the selection part, and the calibration part judge it, and the other way
round. In brackets: how much more than by OSCR@5%, which is the rule of today, with the standard error of the mean
difference. Where a rule ties, recall@1 and AUROC decide. `area@p` is the mean of the OSCR at 0 to p % of the noise let
through; "5 measurements": of the mean of so many in a row. `--test` is for a rule that was chosen.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

import campaign
from campaign_plans import Job
from common import RESULTS, table_of
from faqtune.commands import train as training
from faqtune.commands.project.assemble import evaluation_set, load_project, selection_set
from faqtune.evaluate import EvaluationSet, evaluate, point_figures
from faqtune.model.device import EXACT
from faqtune.records import CALIBRATION, TEST
from faqtune.stored import write_text
from faqtune.workspace import Workspace
from quality import slug
from quality_tables import outcomes_of_scores
from rivals import exchange

KINDS = {"ranks": np.uint8, "best": np.uint16, "scores": np.float32, "related": np.float32, "noise_scores": np.float32}
"""As `quality_tables.ARRAYS`, in less room."""
Arrays = dict[str, NDArray[Any]]


@dataclass
class Recorder:
    """What a training's model did at each measurement, part by part."""

    workspace: Workspace
    path: Path

    def __post_init__(self) -> None:
        project = load_project(self.workspace)
        self.parts = {"selection": selection_set(project)}
        self.parts |= {name: evaluation_set(project, name) for name in (CALIBRATION, TEST)}
        self.kept: Arrays = {}
        self.measurements = 0

    def keep(self, encode: Callable[[Sequence[str]], NDArray[np.float32]]) -> None:
        for name, data in self.parts.items():
            if not data.positives or not data.negatives:
                continue
            found = outcomes_of_scores("", exchange.entry_scores(encode, as_part(data)), data)
            for array, kind in KINDS.items():
                self.kept[f"{self.measurements}/{name}/{array}"] = getattr(found, array).astype(kind)
        self.measurements += 1

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self.path, **self.kept)  # type: ignore[arg-type]


def as_part(data: EvaluationSet) -> exchange.Part:
    texts = [*(query.text for query in data.positives), *(noise.text for noise in data.negatives)]
    questions = [list(entry.questions) for entry in data.catalogue]
    return exchange.Part([entry.id for entry in data.catalogue], questions, texts, [])


def recording(one: Callable[..., None]) -> Callable[..., None]:
    """`campaign.one`, with the moments of the training kept beside its result."""

    def recorded(job: Job, given: argparse.Namespace) -> None:
        path = given.work / "moments" / job.name / f"seed{job.seed}" / f"{slug(job.method)}.npz"
        recorder = Recorder(Workspace(campaign.project_folder(given.work, job)), path)
        theirs = exchange.selection_figures

        def measured_on(selection: EvaluationSet) -> Callable[[Any], dict[str, float]]:
            def measure(encoder: Any) -> dict[str, float]:
                found = point_figures(evaluate(encoder, selection))
                precision, encoder.precision = encoder.precision, EXACT
                try:
                    recorder.keep(encoder.encode)
                finally:
                    encoder.precision = precision
                return found

            return measure

        def selection_figures(encode: Callable[[Sequence[str]], Any], task: exchange.Task) -> dict[str, float]:
            recorder.keep(encode)
            return theirs(encode, task)

        training._measured_on, exchange.selection_figures = measured_on, selection_figures  # type: ignore[assignment]
        sys.modules["exchange"] = exchange  # as the rivals' scripts call it
        one(job, given)
        recorder.write()

    return recorded


Figures = dict[str, float]


def moments(path: Path, part: str) -> list[Figures]:
    """The figures of each measurement of a training on one part, in their order; none where it cannot be measured."""
    found: list[Figures] = []
    with np.load(path) as kept:
        while f"{len(found)}/{part}/ranks" in kept:
            found.append(figures_of({array: kept[f"{len(found)}/{part}/{array}"] for array in KINDS}))
    return found


def figures_of(arrays: Arrays) -> Figures:
    """`area@p`: mean of the OSCR at 0 to p % of the noise let through."""
    right, scores = arrays["ranks"] == 1, arrays["scores"]
    noise = np.sort(arrays["noise_scores"])[::-1]
    oscr = [float((right & (scores > threshold)).mean()) for threshold in noise]
    places = np.searchsorted(np.sort(scores), arrays["noise_scores"])
    found = {"recall@1": float(right.mean()), "auroc": 1 - float(places.mean()) / len(scores)}
    found |= {f"oscr@{p}": oscr[len(noise) * p // 100] for p in (1, 5, 10)}
    return found | {f"area@{p}": fmean(oscr[: len(noise) * p // 100 + 1]) for p in (5, 10, 20, 50)}


def by(*names: str, window: int = 1) -> Callable[[list[Figures]], int]:
    """The measurement with the best of these figures, the next one where those before are equal, each a mean over so
    many measurements around it; among those that lose at most two points of recall@1, as in `default`."""

    def choose(found: list[Figures]) -> int:
        def value(place: int) -> tuple[float, ...]:
            near = found[max(0, place - window // 2) : place + window // 2 + 1]
            return tuple(fmean(one[name] for one in near) for name in names)

        start = found[0]["recall@1"]
        guarded = [place for place, one in enumerate(found) if one["recall@1"] >= start - 0.02]
        return max(guarded, key=value)

    return choose


RULES: dict[str, Callable[[list[Figures]], int]] = {
    "oscr@5": by("oscr@5", "recall@1", "auroc"),
    "oscr@10": by("oscr@10", "recall@1", "auroc"),
    **{f"area@{p}": by(f"area@{p}", "recall@1", "auroc") for p in (5, 10, 20, 50)},
    "auroc": by("auroc"),
    "recall@1": by("recall@1", "auroc"),
    **{f"{name}, 3 measurements": by(name, "recall@1", "auroc", window=3) for name in ("oscr@5", "area@10")},
    **{f"{name}, 5 measurements": by(name, "recall@1", "auroc", window=5) for name in ("oscr@5", "area@10")},
    "last": lambda found: len(found) - 1,
}
SHOWN = ("oscr@5", "area@10", "recall@1", "auroc")


def table(paths: Iterable[Path], chooser: str, judge: str) -> list[dict[str, str]]:
    """A row for each rule: what `judge` makes of the steps that it chose by `chooser`, mean over the trainings."""
    pairs = [(moments(path, chooser), moments(path, judge)) for path in paths]
    pairs = [(one, other) for one, other in pairs if one and other]
    rows = []
    for rule, choose in RULES.items():
        chosen = [other[choose(one)] for one, other in pairs]
        now = [other[RULES["oscr@5"](one)] for one, other in pairs]
        row = {"rule": rule}
        for name in SHOWN:
            gains = [a[name] - b[name] for a, b in zip(chosen, now, strict=True)]
            error = np.std(gains, ddof=1) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
            mean = fmean(one[name] for one in chosen)
            row[name] = f"{100 * mean:.1f} ({100 * fmean(gains):+.2f} ± {100 * error:.2f})"
        rows.append(row)
    return rows


def main() -> None:
    if sys.argv[1:2] in (["record"], ["choosing"]):  # the latter from itself, where it cannot fork
        campaign.one = recording(campaign.one)
        sys.argv[1] = "choosing"
        campaign.main()
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", choices=["figures"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", default="", help="regular expression on `<name>/seed<n>/<method>.npz`")
    parser.add_argument("--test", action="store_true", help="judge by the test part, and keep nothing")
    given = parser.parse_args()
    root = given.work / "moments"
    paths = [path for path in sorted(root.rglob("*.npz")) if re.search(given.only, str(path.relative_to(root)))]
    judges = [("selection", "test")] if given.test else [("selection", "calibration"), ("calibration", "selection")]
    parts = []
    for chooser, judge in judges:
        parts += [f"## Chosen by {chooser}, judged by {judge}", table_of(table(paths, chooser, judge))]
    trainings = "\n".join(f"- {path.relative_to(root).with_suffix('')}" for path in paths)
    text = "\n\n".join(
        ["# choosing", str(__doc__).strip(), *parts, f"## The trainings\n\n{trainings}", machines(given)]
    )
    print(text)
    if not given.test:
        write_text(RESULTS / "choosing.md", f"{text}\n")


def machines(given: argparse.Namespace) -> str:
    """What the trainings ran on."""
    found = [json.loads(path.read_text(encoding="utf-8"))["machine"] for path in given.work.glob("results/*/*/*.json")]
    lines = (", ".join(f"{key}: {value}" for key, value in facts.items()) for facts in found)
    return "\n".join(f"- {line}" for line in dict.fromkeys(lines))


if __name__ == "__main__":
    main()
