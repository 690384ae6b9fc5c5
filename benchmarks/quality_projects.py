"""The projects that `quality.py` measures on: one per data set and seed, made once, with a split that holds.

taobao and clinc150 are those of their own benchmarks. insurance is a catalogue of 3,769 entries without logs or
labels: training sees the catalogue alone (each question and its answer). Of the real rephrasings, a third chooses
models and the rest measures; every tenth entry that is asked about is held out of the catalogue for its part.
Everyday chatter serves as noise, each file's conversation a source of its own.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np

from clinc150 import minilm_folder, write_project
from faqtune import claims, make_split
from faqtune.records import (
    CALIBRATION,
    SELECTION,
    TEST,
    TRAIN,
    Catalogue,
    Claim,
    Entry,
    Noise,
    Query,
    Split,
    content_id,
)
from faqtune.stored import write_json, write_jsonl, write_text
from faqtune.workspace import Workspace
from taobao import prepare

INSURANCE_TOKENS = 64
HELD_OUT_SHARE = 0.1
NOISE_SHARES = {TRAIN: 0.4, SELECTION: 0.2, CALIBRATION: 0.1, TEST: 0.3}


def project_of(
    name: str, data: Path, folder: Path, seed: int, per_entry: int, prepared: Path, hand_labels: float = 0.0
) -> Workspace:
    """The project of a data set and a seed, as it was made the first time. Nothing in it depends on a method."""
    workspace = Workspace(folder)
    if workspace.split_path.exists() and workspace.config_path.exists():
        return workspace
    if name == "taobao":
        return _taobao(data, folder, seed, prepared, hand_labels)
    if name == "clinc150":
        rows = json.loads((data / "clinc150.json").read_text(encoding="utf-8"))
        return write_project(rows, folder, minilm_folder(), per_entry, seed)
    return _insurance(data, folder, seed)


def _taobao(data: Path, folder: Path, seed: int, prepared: Path, hand_labels: float) -> Workspace:
    """A copy of the prepared project, which is made now if it is not there, split by the seed.

    `hand_labels`: share of the hand-labelled conversations that train; the others are the test.
    """
    if not (prepared / "labels.json").exists():
        prepare(data, prepared, "builtin")
    shutil.copytree(prepared, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("runs", "rivals", "scorecards"))
    workspace = Workspace(folder)
    text = workspace.config_path.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^(# )?seed = .*$", f"seed = {seed}", text)
    text = re.sub(r"(?m)^(# )?human_labels_for_training = .*$", f"human_labels_for_training = {hand_labels}", text)
    write_text(workspace.config_path, text)
    make_split(workspace, force=True)
    return workspace


def _insurance(data: Path, folder: Path, seed: int) -> Workspace:
    rows = json.loads((data / "parsed_data.json").read_text(encoding="utf-8"))
    lines = (data / "queries_dev.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line) for line in lines]
    catalogue = Catalogue(
        tuple(Entry(f"e{number}", (row["problems"],), row["answer"]) for number, row in enumerate(rows))
    )
    rng = np.random.default_rng([seed, len(rows)])
    order = [asked[place] for place in rng.permutation(len(asked))]
    parts = {SELECTION: order[: len(order) // 3], TEST: order[len(order) // 3 :]}
    queries, labels, conversations, held_out = [], [], {}, {}
    for part, chosen in parts.items():
        for number, row in enumerate(chosen):
            query = Query(content_id(str(row["entry"]), row["query"]), row["query"], f"{part}{number}", (0,))
            queries.append(query)
            labels.append(Claim(query.id, f"e{row['entry']}", "human:insurance", 1.0))
            conversations[query.conversation] = part
        held_out |= {f"e{row['entry']}": part for row in chosen[: round(HELD_OUT_SHARE * len(chosen))]}
    noise = _chatter(data.parent / "taobao" / "modified_daily_datasets.json", rng)
    workspace = Workspace(folder)
    write_jsonl(workspace.catalogue_path, catalogue)
    write_jsonl(workspace.conversations_path, [])
    write_jsonl(workspace.noise_path, [sentence for sentence, _ in noise])
    write_jsonl(workspace.queries_path, queries)
    write_jsonl(workspace.pairs_path, [])
    claims.append(workspace.claims_path, labels)
    write_json(
        workspace.split_path,
        Split(seed, conversations, {sentence.source: part for sentence, part in noise}, held_out),
    )
    # Written last: a project that has it is whole.
    write_text(workspace.config_path, f'[model]\nbase = "builtin"\nmax_length_tokens = {INSURANCE_TOKENS}\n')
    return workspace


def _chatter(path: Path, rng: np.random.Generator) -> list[tuple[Noise, str]]:
    """What is said in each small conversation, with the part that all of it belongs to."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    parts = rng.choice(list(NOISE_SHARES), size=len(rows), p=list(NOISE_SHARES.values()))
    seen: set[str] = set()
    found = []
    for number, (row, part) in enumerate(zip(rows, parts, strict=True)):
        for turn in row["conversation"]:
            text = turn["input"].strip()
            if text and text not in seen:
                seen.add(text)
                found.append((Noise(text, f"chatter{number}"), str(part)))
    return found
