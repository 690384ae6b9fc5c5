"""The pool of one seed of `annotation.py` on CLINC150: 1,000 messages, some intents far more frequent than others.

What is measured on, chosen by and calibrated on is that of clinc150.py. Its training queries are a company's log:
intents are drawn with frequencies that differ as e^N(0, 1) does, as some things are asked every day and others once
a year, and a twentieth asks what no intent covers. The other half of the out-of-scope training queries is chatter.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from clinc150 import BY, minilm_folder, write_project
from faqtune import claims as claim_store
from faqtune.records import TRAIN, Claim, Query, Split, content_id
from faqtune.stored import write_json, write_jsonl
from faqtune.workspace import Workspace

ASKED, UNCOVERED = 950, 50


def make(data: Path, workspace: Workspace, seed: int) -> None:
    """A project whose training part is a pool that nobody has labelled."""
    rows = json.loads((data / "clinc150.json").read_text(encoding="utf-8"))
    uncovered, rows["oos_train"] = rows["oos_train"][:UNCOVERED], rows["oos_train"][UNCOVERED:]
    write_project(rows, workspace.root, minilm_folder(), 0, seed)
    split, catalogue = workspace.split(), workspace.catalogue()
    others = list(workspace.queries())
    said = list(claim_store.read(workspace.claims_path))
    taken = {query.text for query in others} | set(catalogue.questions)
    free: dict[str, list[str]] = defaultdict(list)
    for text, intent in rows["train"]:
        if text not in taken:
            taken.add(text)
            free[intent].append(text)
    rng = np.random.default_rng([seed, 1000])
    weights = np.exp(rng.normal(size=len(free)))
    drawn = rng.choice(sorted(free), size=ASKED, p=weights / weights.sum())
    texts: list[tuple[str, str | None]] = [(text, None) for text, _ in uncovered]
    for intent, wanted in zip(*np.unique(drawn, return_counts=True), strict=True):
        order = rng.permutation(len(free[intent]))[:wanted]
        texts += [(free[intent][place], str(intent)) for place in order]
    pool = [
        (Query(content_id(f"pool{number}", text), text, f"pool{number}", (0,)), intent)
        for number, (text, intent) in enumerate(texts)
    ]
    truth = [Claim(query.id, intent, BY, 1.0, reason="" if intent else "unsupported") for query, intent in pool]
    write_jsonl(workspace.queries_path, [*others, *(query for query, _ in pool)])
    write_json(
        workspace.split_path,
        Split(seed, {**split.conversations, **{query.conversation: TRAIN for query, _ in pool}}, dict(split.noise)),
    )
    write_jsonl(workspace.pairs_path, [])
    # Written last: a simulation that has it is whole.
    write_json(
        workspace.root / "simulation.json",
        {"replies": {query.id: "" for query, _ in pool}, "claims": [*said, *truth]},
    )
