"""Precision and coverage of the reply rules at each threshold, against hand labels.

    python benchmarks/labels.py taobao DATA [--model builtin]

DATA as for taobao.py. The rules label once per threshold, as `label.reply_threshold` would make them: asking both
sides (the default), and matching the reply alone (`query_top = 0`, the older workflow). A label is right if a hand
label of the same turn names its entry; turns that people said ask for several entries are left out.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from common import RESULTS, Lines, machine
from faqtune import ingest_files, init_project
from faqtune.commands.project.gold import gold_labels
from faqtune.commands.project.models import load_model
from faqtune.config import LabelConfig
from faqtune.encoder import Encoder, Vectors
from faqtune.ingest import GoldLabel
from faqtune.label import Labelling, exchanges, label, proportion
from faqtune.stored import write_json, write_text
from faqtune.workspace import Workspace

THRESHOLDS = (-1.0, 0.86, 0.88, 0.89, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97)
HEAD = (
    "| labels from cosine | labels | of the exchanges | on hand labels | right | precision | 95 % | found |",
    "|---|---|---|---|---|---|---|---|",
)


class Remembering:
    """An Encoder that encodes every text once, whatever the number of labellings."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._known = encoder, {}

    @property
    def name(self) -> str:
        return self._encoder.name

    def encode(self, texts: Sequence[str]) -> Vectors:
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new:
            self._known |= dict(zip(new, self._encoder.encode(new), strict=True))
        return np.array([self._known[text] for text in texts])


def row(made: Labelling, threshold: float, gold: Sequence[GoldLabel]) -> dict[str, object]:
    """One threshold: how much is labelled, how much of it is right, and how much of what people labelled is found."""
    said = {(g.conversation, g.turn): g for g in gold if g.reason != "several"}
    place = {query.id: (query.conversation, query.turns[-1]) for query in made.queries}
    both = [(said[place[c.query]], c) for c in made.claims if place[c.query] in said]
    right = proportion([g.entry == c.entry for g, c in both], [g.conversation for g, _ in both])
    with_entry = [g for g in said.values() if g.entry is not None]
    hit = {(g.conversation, g.turn) for g, c in both if g.entry == c.entry}
    found = proportion([(g.conversation, g.turn) in hit for g in with_entry], [g.conversation for g in with_entry])
    return {
        "threshold": threshold,
        "labels": len(made.claims),
        "coverage": len(made.claims) / made.exchanges,
        "precision": asdict(right),
        "found": asdict(found),
    }


def line(figures: dict) -> str:
    right, found = figures["precision"], figures["found"]
    share = f"{right['right'] / right['n']:.2f} | {right['low']:.2f} to {right['high']:.2f}" if right["n"] else " | "
    cosine = "all" if figures["threshold"] == -1 else f"{figures['threshold']:.3f}"
    return (
        f"| {cosine} | {figures['labels']} | {figures['coverage']:.1%} | {right['n']} | {right['right']} | {share} | "
        f"{found['right']} of {found['n']}, {found['right'] / found['n']:.0%} |"
    )


def page(name: str, result: dict) -> list[str]:
    """Both tables as Markdown; the first row of each is the threshold that the rules choose by themselves."""
    lines = [f"# Reply rules on {name}, by threshold", "", f"- model: {result['model']}"]
    lines += [f"- {key}: {value}" for key, value in result["machine"].items()]
    lines += [
        f"- {result['hand labels']} hand labels; those that ask for several entries are left out",
        "- found: of the hand-labelled turns with an entry, how many the rules label right",
    ]
    for title, table in result["tables"].items():
        lines += ["", f"## {title}", "", f"Of {table['exchanges']} exchanges with a reply of four characters and more."]
        lines += ["", *HEAD, *map(line, table["rows"][1:])]
        lines += ["", "Chosen by the rules, without a hand label:", "", *HEAD, line(table["rows"][0])]
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["taobao"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="builtin")
    given = parser.parse_args()
    data = given.data
    workspace = Workspace(Path(tempfile.mkdtemp(prefix="faqtune-labels-")))
    init_project(
        workspace,
        (data / "base2.xlsx", data / "output.json"),
        gold=(data / "gold_dev.jsonl",),
        gold_catalogue=data / "catalogue.json",
        model=given.model,
    )
    ingest_files(workspace, reporter=Lines())
    catalogue = workspace.catalogue()
    gold = gold_labels(workspace, [data / "gold_dev.jsonl"], catalogue)
    found = list(exchanges(workspace.conversations(), LabelConfig().max_prefix_turns))
    encoder = Remembering(load_model(workspace, given.model, Lines()))
    result = {"machine": machine(), "model": given.model, "hand labels": len(gold), "tables": {}}
    for title, query_top in (("Both sides (`query_top = 5`)", 5), ("The reply alone (`query_top = 0`)", 0)):
        rows = []
        for threshold in (None, *THRESHOLDS):
            settings = LabelConfig(reply_threshold=threshold, query_top=query_top)
            made = label(catalogue, found, encoder, settings)
            rows.append(row(made, made.threshold_cosine if threshold is None else threshold, gold))
            print(line(rows[-1]), flush=True)
        result["tables"][title] = {"exchanges": made.exchanges, "rows": rows}
    write_json(RESULTS / f"labels_{given.name}.json", result)
    write_text(RESULTS / f"labels_{given.name}.md", "\n".join(page(given.name, result)))


if __name__ == "__main__":
    main()
