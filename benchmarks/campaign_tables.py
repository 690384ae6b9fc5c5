"""Tables of what `campaign.py` and `quality.py` measured.

    python benchmarks/campaign_tables.py WORK [WORK ...] --projects FOLDER [--times WORK ...]

WORK holds results/<data set>/seed<n>; FOLDER holds <data set>/seed<n>, the projects that all were measured on. A
method and seed that several have is taken from the first, and every table says which machine it is from. `--times`:
more results, for the time to quality alone.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from faqtune.workspace import Workspace
from quality import Case
from quality_tables import read_result, write_tables
from quality_times import Result, write_times

NAMES = {"clinc150-20": "clinc150"}
"""Of the files in `results/`, where they differ from the folder's."""


def found(works: list[Path], name: str) -> dict[tuple[str, int], Path]:
    """Results of a data set by method and seed."""
    paths = [path for work in works for path in sorted((work / "results" / name).glob("seed*/*.json"))]
    results = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    keys = [(result["method"], result["seed"]) for result in results]
    return dict(reversed([*zip(keys, paths, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, nargs="+")
    parser.add_argument("--projects", type=Path, required=True)
    parser.add_argument("--times", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    names = sorted({folder.name for work in given.work for folder in (work / "results").iterdir()})
    times: dict[str, list[Result]] = {}
    for name in names:
        paths = found(given.work, name)
        results = [read_result(path) for path in paths.values()]
        seeds = sorted({seed for _, seed in paths})
        tests = {seed: Case(Workspace(given.projects / name / f"seed{seed}"), seed).test for seed in seeds}
        write_tables(NAMES.get(name, name), results, tests.__getitem__)
        more = {
            path
            for work in (*given.work, *given.times)
            for known in {name, NAMES.get(name, name)}
            for path in (work / "results" / known).glob("seed*/*.json")
        }
        times[NAMES.get(name, name)] = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(more)]
    write_times(times)


if __name__ == "__main__":
    main()
